"""A sheet of a workbook (XLSX, XLSM, XLSB, XLS, ODS) as delimited text, which is then read as every other file.

Cells hold values, not what is shown: numbers come as their shortest decimal text, dates as ISO 8601. Rows keep their
numbers, so that a defect at line 12 is row 12 of the sheet.
"""

from __future__ import annotations

import csv
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound, load_workbook

from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect, ReadTable

Cell = bool | int | float | str | date | datetime | time | timedelta | None
_EXACT = 1e15  # integers beyond it are not exact in a double, which is all a cell holds


def sheet_as_text(raw: Path, into: Path, read: ReadTable, unpacked_mb: int) -> ReadTable:
    """Write the sheet and return the read of the text it became.

    Args:
        raw: the workbook.
        into: text file to write.
        read: names the sheet; none means that the workbook has one.
        unpacked_mb: megabytes a workbook may hold.

    Raises:
        FileSetAsideError: it is no workbook, holds more than that, or has no such sheet.
    """
    _refuse_oversized(raw, unpacked_mb)
    rows = _rows(raw, read.sheet)
    with into.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([_text(cell, read.dialect.decimal) for cell in row] for row in rows)
    plain = {"delimiter": ",", "quote": '"', "escape": '"', "encoding": "utf-8", "compression": "none"}
    return read.model_copy(update={"dialect": FileDialect.model_validate(read.dialect.model_dump() | plain)})


def _refuse_oversized(raw: Path, unpacked_mb: int) -> None:
    if not zipfile.is_zipfile(raw):
        return  # an XLS is not packed
    with zipfile.ZipFile(raw) as packed:
        size = sum(item.file_size for item in packed.infolist())
    if size > unpacked_mb << 20:
        raise FileSetAsideError(
            f"the workbook holds {size >> 20} MB unpacked",
            rule=f"a packed file holds at most {unpacked_mb} megabytes (BACKOFFICE_FILE_UNPACKED_MB)",
            next_step="have it sent in parts, or raise the limit if its size is right",
        )


def _rows(raw: Path, name: str) -> list[list[Any]]:
    try:
        with load_workbook(raw) as workbook:
            sheet = workbook.get_sheet_by_name(name or _only_sheet(workbook))
            return sheet.to_python(skip_empty_area=False)
    except WorksheetNotFound as error:
        raise FileSetAsideError(
            f"the workbook has no sheet {name!r}",
            rule="the read names the sheet",
            next_step="mend `sheet` in the source's YAML, or have the sheet named so",
        ) from error
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise _no_workbook(str(error)) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # what its Rust code gave up on; it has no base class of its own
            raise _no_workbook(str(error)) from error
        raise


def _only_sheet(workbook: CalamineWorkbook) -> str:
    names = workbook.sheet_names
    if len(names) != 1:
        raise FileSetAsideError(
            f"the workbook has {len(names)} sheets: {', '.join(names)}",
            rule="of several sheets the read names one",
            next_step="give `sheet` in the source's YAML",
        )
    return names[0]


def _no_workbook(said: str) -> FileSetAsideError:
    return FileSetAsideError(
        f"the file cannot be read as a workbook: {said}",
        rule="format of the read: xlsx",
        next_step="have it sent again, or mend `format` in the source's YAML",
    )


def _text(cell: Cell, decimal: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        whole = cell.is_integer() and abs(cell) < _EXACT
        return str(int(cell)) if whole else repr(cell).replace(".", decimal)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)
