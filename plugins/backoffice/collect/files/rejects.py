"""Records DuckDB could not split, and their places among the rows it could and in the file."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from backoffice.collect.files.text import BLANK, PreparedText, as_written

# DuckDB 1.5.5 keeps this many bytes of a rejected record
_SHOWN = 10_000
_KEPT = 16 << 20


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record. ``number`` counts records from the header on; ``text`` is as it stands in the file."""

    number: int
    column: str | None
    message: str
    text: str
    blank: bool

    @property
    def lines(self) -> int:
        """Physical lines it takes."""
        return 1 + self.text.count("\n")


@dataclass(frozen=True, slots=True)
class Defect:
    """A rejected record as it lands: how many rows stand before it in the file, and its ``_defect``."""

    rows_before: int
    json: str


@dataclass(frozen=True, slots=True)
class LineBreaks:
    """Rows that hold line feeds: their numbers, and the line feeds in all rows up to each."""

    rows: list[int]
    sums: list[int]

    def upto(self, row: int) -> int:
        """Line feeds inside the first ``row`` rows."""
        at = bisect_right(self.rows, row)
        return self.sums[at - 1] if at else 0


def read_rejects(
    connection: duckdb.DuckDBPyConnection, text: PreparedText, named: Callable[[str | None], str | None]
) -> list[Reject]:
    """Rejected records in file order, each once with its first error; blank lines are among them.

    Args:
        connection: holds ``reject_errors``.
        text: what was read.
        named: gives a field's column.
    """
    rows = connection.execute(
        """select distinct on (line) line, column_name, error_type, error_message, csv_line, line_byte_position
        from reject_errors order by line, column_idx"""
    ).fetchall()
    return [
        _reject(number, named(column), f"{kind}: {message}", _whole(text, shown, position))
        for number, column, kind, message, shown, position in rows
    ]


def lines_of(rejects: list[Reject], header_lines: int, breaks: LineBreaks, text: PreparedText) -> list[int]:
    """The line of the file on which each rejected record begins."""
    lines, lines_before = [], header_lines
    for reject, rows in zip(rejects, _rows_before(rejects, header_lines), strict=True):
        lines.append(text.left_out.line_in_file(lines_before + rows + breaks.upto(rows) + 1))
        lines_before += reject.lines
    return lines


def defects_of(rejects: list[Reject], lines: list[int], header_lines: int) -> list[Defect]:
    """The rejected records that are not blank lines; ``lines`` from :func:`lines_of`."""
    return [
        Defect(rows, _json(reject, line))
        for reject, line, rows in zip(rejects, lines, _rows_before(rejects, header_lines), strict=True)
        if not reject.blank
    ]


def _rows_before(rejects: list[Reject], header_lines: int) -> list[int]:
    """A rejected record's number, less the header and the rejected ones before it, is the number of rows before it."""
    return [reject.number - 1 - int(header_lines > 0) - before for before, reject in enumerate(rejects)]


def _json(reject: Reject, line: int) -> str:
    """The row's ``_defect``."""
    value = {
        "rule": "structure",
        "column": reject.column,
        "value": reject.text,
        "message": reject.message,
        "line": line,
    }
    return json.dumps(value, ensure_ascii=False)


def _reject(number: int, column: str | None, message: str, text: str) -> Reject:
    blank = text == BLANK
    shown, place, undecodable = as_written(text)
    if undecodable:
        message = "a NUL character" if place is None else f"bytes that are not of the file's encoding, at byte {place}"
    return Reject(number, column, message.partition("\n")[0], shown, blank)


def _whole(text: PreparedText, shown: str, position: int) -> str:
    """The rejected record without the line ends DuckDB leaves around it, in full where DuckDB cut it off."""
    stripped = shown.strip("\r\n")
    if len(shown.encode()) < _SHOWN:
        return stripped
    start = stripped.encode()
    with text.path.open("rb") as file:
        file.seek(max(0, position - 8))  # the position is a few bytes off around line ends
        window = file.read(len(start) + 64)
        found = window.find(start)
        if found < 0:
            return stripped
        file.seek(max(0, position - 8) + found)
        return file.readline(_KEPT).decode("utf-8", errors="replace").rstrip("\r\n")
