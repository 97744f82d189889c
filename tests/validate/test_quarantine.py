"""Looking at quarantined rows while the warehouse is held by its writer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.validate.conftest import World

from backoffice.validate.quarantine import list_quarantined, verdicts_of


@pytest.fixture
def filled(world: World) -> World:
    """Two runs: three quarantined rows, a warning, good rows."""
    world.judge_rows(world.good(qty=Decimal("-1.5")), world.good(id="L2", kind="odd"), world.good(id="L3"))
    world.judge_rows(world.good())
    world.judge_rows(world.good(id="L4", currency="x", state="x"), {"id": None, "body": "lost"})
    return world


def test_list_names_row_rule_and_value_newest_first(filled: World) -> None:
    found = list_quarantined(filled.store)
    assert [(v.batch_id, v.row_no, v.rule, v.value) for v in found if v.table == "lines"][:3] == [
        ("shop-0000000003", 1, "line.currency_code.pattern", "x"),
        ("shop-0000000003", 1, "line.status.enum", "UNMAPPED:x"),
        ("shop-0000000003", 2, "line.currency_code.required", None),
    ]
    assert found[-1].rule == "line.ordered_qty.minimum"
    assert found[-1].key(filled.sources) == "id=L1"
    assert abs(datetime.now(UTC) - found[0].judged_at) < timedelta(minutes=10)
    assert not [v for v in found if v.severity != "error"]


def test_filters_and_limit(filled: World) -> None:
    assert len(list_quarantined(filled.store, rule="ordered_qty", limit=1)) == 1
    assert [v.row_no for v in list_quarantined(filled.store, rule="status.enum")] == [1]
    assert list_quarantined(filled.store, source="other") == []
    assert len(list_quarantined(filled.store, limit=2)) == 2


def test_verdicts_of_a_row_hold_the_source_row_with_exact_numbers(filled: World) -> None:
    (verdict,) = verdicts_of(filled.store, "shop-0000000001", 1)
    assert verdict.row["qty"] == "-1.5000"
    assert verdict.row["state"] == "o"
    assert len(verdicts_of(filled.store, "shop-0000000003", 1)) == 2
    assert verdicts_of(filled.store, "shop-0000000001", 3) == []


def test_nothing_judged_yet(world: World) -> None:
    assert list_quarantined(world.store) == []
