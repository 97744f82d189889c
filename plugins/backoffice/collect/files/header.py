"""The header line: it must name the declared columns in their order, or the file is another table's."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

from backoffice.collect.files.text import PreparedText
from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect, ReadTable


def check_header(text: PreparedText, read: ReadTable) -> int:
    """Compare the header with the declared columns; returns the physical lines it takes, 0 when the layout has none.

    Raises:
        FileSetAsideError: no header, or another one; names the difference. Also for an empty file that would delete a
            whole table: nothing tells it from a failed export.
    """
    if text.lines == 0 and (read.dialect.header or read.full):
        raise FileSetAsideError(
            f"the file is empty where {'a header' if read.dialect.header else 'the whole table'} is due",
            rule="an empty file is not an empty table",
            next_step="write the file again; only a header of its own can say that a table is empty",
        )
    if not read.dialect.header:
        return 0
    names, lines = _first_record(text, read.dialect)
    if names != list(read.columns):
        raise FileSetAsideError(
            f"the header is not the declared columns: {_difference(names, list(read.columns))}",
            rule="columns are declared in file order and never guessed",
            next_step="mend reads.columns in the source's YAML, or the file; both are looked at again after a restart",
        )
    return lines


def _first_record(text: PreparedText, dialect: FileDialect) -> tuple[list[str], int]:
    with text.path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
        reader = csv.reader(file, **_csv_options(dialect))
        try:
            return next(reader), reader.line_num
        except (csv.Error, StopIteration) as error:
            raise FileSetAsideError(f"the header cannot be split: {error}", rule="dialect of the read") from error


def _csv_options(dialect: FileDialect) -> dict[str, Any]:
    doubled = dialect.escape in ("", dialect.quote)
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote or None,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "doublequote": doubled,
        "escapechar": None if doubled or not dialect.quote else dialect.escape,
        "strict": True,
    }


def _difference(found: list[str], declared: list[str]) -> str:
    parts = [
        _named("missing", (name for name in declared if name not in found)),
        _named("not declared", (name for name in found if name not in declared)),
    ]
    return "; ".join(part for part in parts if part) or f"the order is {', '.join(found)}"


def _named(what: str, names: Iterable[str]) -> str:
    listed = ", ".join(repr(name) for name in names)
    return f"{what} {listed}" if listed else ""
