"""Workbooks land as their cells' values, and what is no workbook is set aside."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter

from backoffice.collect.files.workbook import sheet_as_text
from backoffice.errors import FileSetAsideError
from backoffice.sources import ReadTable

COLUMNS = ("id", "hours", "day", "paid")


def _workbook(rows: list[list[Any]], **sheets: list[list[Any]]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"default_date_format": "dd-mm-yy"}) as book:
        for name, lines in ({"Hours": rows} | sheets).items():
            sheet = book.add_worksheet(name)
            for number, line in enumerate(lines):
                sheet.write_row(number, 0, line)
    return content.getvalue()


def _read(pattern: str = "*.xlsx", **values: Any) -> dict[str, Any]:
    columns = dict.fromkeys(COLUMNS, "VARCHAR")
    return {"pattern": pattern, "columns": columns, "primary_key": ["id"], "format": "xlsx"} | values


def test_cells_land_as_values_in_file_order(inbox: Callable[..., Any]) -> None:
    files = inbox(hours=_read())
    files.drop(
        "week.xlsx",
        _workbook(
            [
                ["id", "hours", "day", "paid"],
                ["E1", 7.5, date(2026, 3, 2), True],
                ["E, 2", 8, datetime(2026, 3, 2, 9, 30), False],
                ['"E3"', 0.1, "n/a\nlater", None],
            ]
        ),
    )
    (manifest,) = files.land()
    rows = files.rows(manifest)
    assert [tuple(row[name] for name in COLUMNS) for row in rows] == [
        ("E1", "7.5", "2026-03-02", "true"),
        ("E, 2", "8", "2026-03-02 09:30:00", "false"),
        ('"E3"', "0.1", "n/a\nlater", None),
    ]
    assert [row["_row_no"] for row in rows] == [1, 2, 3]
    assert [(row["_source_file"], row["_defect"]) for row in rows] == [("week.xlsx", None)] * 3


def test_numbers_are_exact_text(inbox: Callable[..., Any]) -> None:
    files = inbox(hours=_read())
    numbers = [1234567.89, 0.07, 1e20, -3, 1e15]
    files.drop("n.xlsx", _workbook([list(COLUMNS), *([f"E{n}", x] for n, x in enumerate(numbers))]))
    (manifest,) = files.land()
    assert [row["hours"] for row in files.rows(manifest)] == [
        "1234567.89",
        "0.07",
        "1e+20",
        "-3",
        "1000000000000000.0",
    ]


def test_numbers_take_the_decimal_mark_of_the_text_beside_them(inbox: Callable[..., Any]) -> None:
    files = inbox(hours=_read(dialect={"decimal": ","}))
    files.drop("n.xlsx", _workbook([list(COLUMNS), ["E1", 7.5], ["E2", "7,25"]]))
    (manifest,) = files.land()
    assert [row["hours"] for row in files.rows(manifest)] == ["7,5", "7,25"]


def test_a_sheet_is_named_where_there_are_several(inbox: Callable[..., Any]) -> None:
    content = _workbook([["x"]], Week=[["Hours of week 10"], list(COLUMNS), ["E1", 7]])
    files = inbox(hours=_read(sheet="Week", dialect={"skip": 1}))
    files.drop("two.xlsx", content)
    (manifest,) = files.land()
    assert [row["id"] for row in files.rows(manifest)] == ["E1"]
    files = inbox(hours=_read())
    files.drop("again.xlsx", content + b"\0")
    assert files.land() == [] and "has 2 sheets: Hours, Week" in files.errors()[-1]


def test_columns_that_changed_are_drift_as_in_any_file(inbox: Callable[..., Any]) -> None:
    files = inbox(hours=_read(drift="freeze"))
    files.drop("new.xlsx", _workbook([[*COLUMNS, "project"], ["E1", 1, None, None, "P"]]))
    assert files.land() == [] and "project" in files.errors()[-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,hours\nE1,7\n", "cannot be read as a workbook"),
        (b"", "cannot be read as a workbook"),
        (_workbook([["id"]])[:-40], "cannot be read as a workbook"),
        (_workbook([["id"]])[:200], "cannot be read as a workbook"),
    ],
)
def test_what_is_no_workbook_is_set_aside(inbox: Callable[..., Any], content: bytes, said: str) -> None:
    files = inbox(hours=_read())
    files.drop("bad.xlsx", content)
    good = files.drop("good.xlsx", _workbook([list(COLUMNS), ["E1", 7]]), mtime=1_700_000_001)
    (manifest,) = files.land()
    assert manifest.offset["file"] == good.name
    assert len(files.errors()) == 1 and said in files.errors()[0] and "bad.xlsx" in files.errors()[0]


def test_a_sheet_that_is_not_there_is_told_by_name(tmp_path: Any) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(_workbook([["id"]]))
    with pytest.raises(FileSetAsideError, match="no sheet 'Week'"):
        sheet_as_text(raw, tmp_path / "text", ReadTable.model_validate(_read(sheet="Week")), 10)


def test_a_workbook_that_unpacks_to_gigabytes_is_not_opened(tmp_path: Any) -> None:
    raw = tmp_path / "raw"
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (3 << 20))
    assert raw.stat().st_size < 10_000
    with pytest.raises(FileSetAsideError, match="holds 3 MB unpacked"):
        sheet_as_text(raw, tmp_path / "text", ReadTable.model_validate(_read()), 2)
    assert not (tmp_path / "text").exists()
