"""The nightly comparison: equal, or the mart and the keys that are not."""

from __future__ import annotations

from typing import Any

import pytest

from backoffice.errors import WarehouseError
from backoffice.ops.full_build import compare_full_build, last_full_build
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease


def test_a_difference_is_found_and_named(filled: Any) -> None:
    settings = filled.settings
    result = compare_full_build(settings, "test")
    assert (
        result is not None
        and result.equal
        and len(result.models) > 5
        and result.tests > 40
        and last_full_build(settings) == result
    )
    assert Lease(settings).current() is None and not (settings.home / "full_build").exists()
    wrong = "UPDATE marts.dim_customer SET customer_name = customer_name || '{}' WHERE customer_id = 'C1'"
    with open_warehouse(settings) as connection:
        connection.execute(wrong.format("!"))
        keys = connection.execute("SELECT customer_key FROM marts.dim_customer WHERE customer_id = 'C1'").fetchall()
    try:
        with pytest.raises(WarehouseError, match="dim_customer built in full has other rows"):
            compare_full_build(settings, "test")
    finally:
        with open_warehouse(settings) as connection:
            connection.execute("UPDATE marts.dim_customer SET customer_name = rtrim(customer_name, '!')")
    found = last_full_build(settings)
    assert found is not None and not found.equal
    assert {model.model: set(model.keys) for model in found.models if not model.equal} == {
        "dim_customer": {str(key) for (key,) in keys}
    }


def test_a_rule_that_fails_over_everything_is_named(filled: Any) -> None:
    """Below the published marts a row went wrong that no cycle touched since: what hangs on it is not built."""
    settings = filled.settings
    wrong = "UPDATE raw.mini__sales_order_line SET currency_code = '{}'"
    with open_warehouse(settings) as connection:
        connection.execute(wrong.format("EUR"))
    try:
        with pytest.raises(WarehouseError, match="sales_order_lines_are_in_its_currency does not hold over everything"):
            compare_full_build(settings, "test")
    finally:
        with open_warehouse(settings) as connection:
            connection.execute(wrong.format("DKK"))
    found = last_full_build(settings)
    assert found is not None and not found.equal
    assert "sales_order_lines_are_in_its_currency" in {test.test for test in found.broken}


def test_before_the_first_load_there_is_nothing_to_compare(settings: Settings) -> None:
    assert compare_full_build(settings, "test") is None
    assert last_full_build(settings) is None


def test_what_is_not_built_cannot_be_compared(filled: Any) -> None:
    with open_warehouse(filled.settings) as connection:
        connection.execute(
            """INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder)
            SELECT max(generation) + 1, now(), now(), false, 'killed' FROM meta.generation"""
        )
    try:
        with pytest.raises(WarehouseError, match="not built"):
            compare_full_build(filled.settings, "test")
    finally:
        with open_warehouse(filled.settings) as connection:
            connection.execute("DELETE FROM meta.generation WHERE holder = 'killed'")
