"""Every expectation written by hand finds the row that breaks it, and no other."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from backoffice.contracts import Column, Contracts, Table, load_contracts
from backoffice.settings import Settings
from backoffice.validate.checker import ROW, open_checker
from backoffice.validate.suite_files import load_suite
from backoffice.validate.suites import Expectation, Suite, columns_of

EXPECTATIONS = Settings().expectations_dir
FILES = sorted(EXPECTATIONS.glob("*/*.custom.json"))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
# rule's last part → a row that holds and rows that break
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "address": ({"": "ann.b@firm.co.uk"}, [{"": "ann at firm.dk"}, {"": "ann@localhost"}, {"": "ann@a.dk, bo@b.dk"}]),
    "encoding": (
        {"": "Jørgen São Ærø, £5 – “naïve”"},
        [{"": "JÃ¸rgen"}, {"": "Ã…rhus"}, {"": "Â£5"}, {"": "J\ufffdrgen"}],
    ),
    "no_personal_number": (
        {"": "order 1234-567890 of 2026-03-02, phone 33 12 34 56"},
        [{"": "my number is 010190-1234"}, {"": "SSN 123-45-6789."}, {"": "card 4111 1111 1111 1111"}],
    ),
    "hash": ({"": "0123456789abcdef" * 4}, [{"": "0123"}, {"": "0123456789ABCDEF" * 4}]),
    "check_digits": ({"": "DK5000400440116243"}, [{"": "DK5100400440116243"}, {"": "DK50"}, {"": "dk50 0040"}]),
    "is_gross_less_fee": (
        {"gross_amount": 10, "fee_amount": 1.5, "net_amount": 8.5},
        [{"gross_amount": 10, "fee_amount": 1.5, "net_amount": 8.51}],
    ),
    "is_gross_less_deductions": (
        {"gross_pay": 100, "employee_tax": 30, "employee_deductions": 5, "reimbursements": 2, "net_pay": 67},
        [{"gross_pay": 100, "employee_tax": 30, "employee_deductions": 5, "reimbursements": 2, "net_pay": 76}],
    ),
    "sign": (
        {"document_type": "credit_note", "gross_amount": -5},
        [{"document_type": "credit_note", "gross_amount": 5}, {"document_type": "invoice", "gross_amount": -5}],
    ),
    "not_in_the_future": ({"": NOW + timedelta(hours=3)}, [{"": datetime(2062, 3, 2, tzinfo=UTC)}]),
}


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(Settings().contracts_dir)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".custom.json"))
def test_each_rule_finds_the_row_that_breaks_it_and_no_other(path: Path, contracts: Contracts, tmp_path: Path) -> None:
    table = contracts.get(f"{path.parent.name}/{path.name.removesuffix('.custom.json')}")
    assert table is not None
    by_hand = {item["meta"]["rule"] for item in json.loads(path.read_text(encoding="utf-8"))["expectations"]}
    written = [item for item in load_suite(table, EXPECTATIONS).expectations if item["meta"]["rule"] in by_hand]
    rows: list[dict[str, Any]] = [{}]
    wanted: dict[str, set[tuple[str, int]]] = {}
    for item in written:
        good, bad = _cases(table, item)
        rows.append(good)
        wanted[item["meta"]["rule"]] = {("b", len(rows) + number) for number, _ in enumerate(bad, 1)}
        rows.extend(bad)
    found = _judged(tmp_path / "rows.duckdb", table, rows, Suite(table.key, table.version, tuple(written)))
    assert found == wanted


def _cases(table: Table, item: Expectation) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if item["type"] == "expect_column_pair_values_a_to_be_greater_than_b":
        later, earlier = item["kwargs"]["column_A"], item["kwargs"]["column_B"]
        low, high = _two_values(table.column(earlier))
        return {later: low, earlier: low}, [{later: low, earlier: high}]
    good, bad = CASES[item["meta"]["rule"].rsplit(".", 1)[1]]
    (column, *_) = sorted(columns_of(item))
    return _named(good, column), [_named(row, column) for row in bad]


def _two_values(column: Column | None) -> tuple[Any, Any]:
    assert column is not None
    if column.physical_type == "DATE":
        return date(2026, 3, 1), date(2026, 3, 2)
    return (NOW - timedelta(days=1), NOW) if column.physical_type == "TIMESTAMPTZ" else (1, 2)


def _named(values: dict[str, Any], column: str) -> dict[str, Any]:
    return {name or column: value for name, value in values.items()}


def _judged(path: Path, table: Table, rows: list[dict[str, Any]], suite: Suite) -> dict[str, set[tuple[str, int]]]:
    kinds = {column.name: column.physical_type for column in table.columns}
    kinds |= {ROW[0]: "VARCHAR", ROW[1]: "BIGINT", "_ingested_at": "TIMESTAMPTZ"}
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS scratch")
        columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        connection.execute(f"CREATE TABLE scratch.judged ({columns})")
        for number, row in enumerate(rows, 1):
            values = row | {ROW[0]: "b", ROW[1]: number, "_ingested_at": NOW}
            marks = ", ".join("?" * len(values))
            connection.execute(
                f"INSERT INTO scratch.judged ({', '.join(values)}) VALUES ({marks})", list(values.values())
            )
        with open_checker(connection, "scratch") as checker:
            failures = checker.failures("judged", len(rows), suite)
    return {failure.expectation["meta"]["rule"]: set(failure.rows) for failure in failures}
