"""Text of a file as a declared type: by the formats given, and never by another."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from backoffice.sources import FileDialect
from backoffice.sources.typed import typed_sql

COMMA = {"decimal": ",", "thousands": "."}
BLANK = {"decimal": ",", "thousands": " "}


def _read(text: str, kind: str, **dialect: Any) -> Any:
    sql = typed_sql("$text", kind, FileDialect(**dialect))
    row = duckdb.connect().execute(f"select {sql}", {"text": text}).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("text", "dialect", "value"),
    [
        ("1234.50", {}, "1234.50"),
        ("1.234,50", COMMA, "1234.50"),
        (" -1.234.567,5 ", COMMA, "-1234567.50"),
        ("1234,50", COMMA, "1234.50"),
        (",5", COMMA, "0.50"),
        ("1 234,50", BLANK, "1234.50"),
        ("1,234.50", {"thousands": ","}, "1234.50"),
        ("1'234.50", {"thousands": "'"}, "1234.50"),
    ],
)
def test_numbers_by_their_marks(text: str, dialect: dict[str, str], value: str) -> None:
    assert _read(text, "DECIMAL(12,2)", **dialect) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("1.50", COMMA),
        ("1.23.456", COMMA),
        ("12.34,5", COMMA),
        ("1,50", {}),
        ("1,50", {"thousands": ","}),
        ("1.5", BLANK),
    ],
)
def test_a_number_under_other_marks_is_no_number(text: str, dialect: dict[str, str]) -> None:
    assert _read(text, "DECIMAL(12,2)", **dialect) is None


def test_whole_numbers_take_thousands_too() -> None:
    assert _read("12.345", "INTEGER", **COMMA) == 12345
    assert _read("x", "INTEGER", **COMMA) is None


def test_dates_and_instants_by_their_formats() -> None:
    assert _read("31/12/2026", "DATE", date_format="%d/%m/%Y") == dt.date(2026, 12, 31)
    assert _read("31-Dec-26", "DATE", date_format=["%d/%m/%Y", "%d-%b-%y"]) == dt.date(2026, 12, 31)
    assert _read("12/31/2026", "DATE", date_format="%d/%m/%Y") is None
    assert _read("2026-12-31", "DATE", date_format="%d/%m/%Y") is None
    assert _read("2026-12-31", "DATE") == dt.date(2026, 12, 31)
    at = _read("31.12.2026 23:59", "TIMESTAMP", timestamp_format="%d.%m.%Y %H:%M")
    assert at == dt.datetime(2026, 12, 31, 23, 59)
