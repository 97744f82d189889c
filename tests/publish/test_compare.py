"""One hash for the warehouse, the file and PostgreSQL, that sees every difference and no order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from tests.publish.support import LINES, MODELS, TOTALS, line

from backoffice.errors import PublishError
from backoffice.publish import publish_file
from backoffice.publish.compare import different_keys, file_hashes, mart_hashes, postgres_hashes

FULL: dict[str, Any] = {
    "total": 12345678901234567890123456789,
    "ratio": 1 / 3,
    "is_open": False,
    "ordered_on": date(2026, 2, 28),
    "changed_at": datetime(2026, 3, 1, 8, 0, 0, 120, tzinfo=UTC),
    "note": 'it\'s "quoted", \\ and\nÆØÅ',
    "tags": ["a", "b,c", '"'],
}


def _fill(warehouse: Any) -> None:
    warehouse.put(LINES, line("A", **FULL), line("B", note=None), line("C", note="", amount=Decimal("0.0000")))
    warehouse.put(TOTALS, {"day": date(2026, 3, 1), "amount": Decimal("1.10"), "currency_code": "DKK"})


def test_every_channel_has_the_same_hashes(warehouse: Any, marts: Any, settings: Any) -> None:
    _fill(warehouse)
    marts.publish(warehouse)
    path = publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)
    wanted = mart_hashes(warehouse.connection, MODELS)
    assert postgres_hashes(marts.reader_url, MODELS) == wanted
    assert file_hashes(path, MODELS) == wanted
    assert wanted[LINES.name].startswith("3-") and wanted[TOTALS.name].startswith("1-")


def test_the_order_of_rows_and_hidden_columns_do_not_count(warehouse: Any) -> None:
    _fill(warehouse)
    before = mart_hashes(warehouse.connection, MODELS)
    warehouse.build()
    for row in (line("C", note="", amount=Decimal("0.0000")), line("A", **FULL)):
        warehouse.put(LINES, row)
    assert mart_hashes(warehouse.connection, MODELS) == before


@pytest.mark.parametrize("changed", [{"note": None}, {"tags": []}, {"amount": Decimal("0.0001")}, {"is_open": True}])
def test_every_difference_counts(warehouse: Any, changed: dict[str, Any]) -> None:
    _fill(warehouse)
    before = mart_hashes(warehouse.connection, MODELS)
    warehouse.put(LINES, line("C", note="", amount=Decimal("0.0000")) | changed)
    after = mart_hashes(warehouse.connection, MODELS)
    assert after[LINES.name] != before[LINES.name] and after[TOTALS.name] == before[TOTALS.name]


def test_a_row_that_is_there_twice_counts(warehouse: Any) -> None:
    _fill(warehouse)
    before = mart_hashes(warehouse.connection, MODELS)
    for _ in range(2):
        warehouse.connection.execute(
            f"INSERT INTO {LINES.relation} SELECT * FROM {LINES.relation} WHERE line_key = 'A'"
        )
    assert mart_hashes(warehouse.connection, MODELS)[LINES.name] != before[LINES.name]


def test_the_keys_that_differ_are_named(warehouse: Any, settings: Any) -> None:
    _fill(warehouse)
    path = publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)
    warehouse.put(LINES, line("B", note="new"), line("D"))
    warehouse.remove(LINES, "C")
    connection = warehouse.connection
    own = connection.execute("SELECT current_database()").fetchone()[0]
    connection.execute(f"ATTACH '{path}' AS before (READ_ONLY)")
    assert different_keys(connection, LINES, own, "before") == ["B", "C", "D"]
    assert different_keys(connection, LINES, own, "before", limit=1) == ["B"]
    assert different_keys(connection, TOTALS, own, "before") == []


def test_a_model_that_is_not_there_is_an_error() -> None:
    with duckdb.connect() as connection, pytest.raises(PublishError, match="fct_sales_order_lines cannot be hashed"):
        mart_hashes(connection, MODELS)
