"""Records DuckDB could not split, and their places among the rows it could."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from backoffice.collect.files.text import BAD, BLANK, CR, PreparedText

# DuckDB 1.5.5 keeps this many bytes of a rejected record
_SHOWN = 10_000


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record. ``line`` is its record number in the file, header included; ``text`` is as it stands there."""

    line: int
    column: str | None
    message: str
    text: str
    blank: bool

    @property
    def lines(self) -> int:
        """Physical lines it takes."""
        return 1 + self.text.count("\n")

    def as_json(self) -> str:
        """The row's ``_defect``."""
        return json.dumps(
            {
                "rule": "structure",
                "column": self.column,
                "value": self.text,
                "message": self.message,
                "line": self.line,
            },
            ensure_ascii=False,
        )


@dataclass(frozen=True, slots=True)
class Defect:
    """A rejected record as it lands: how many rows stand before it in the file, and its ``_defect``."""

    rows_before: int
    json: str


def read_rejects(connection: duckdb.DuckDBPyConnection, text: PreparedText) -> list[Reject]:
    """Rejected records in file order, each once with its first error; blank lines are among them."""
    rows = connection.execute(
        """select distinct on (line) line, column_name, error_type, error_message, csv_line, line_byte_position
        from reject_errors order by line, column_idx"""
    ).fetchall()
    return [
        _reject(line, column, f"{kind}: {message}", _whole(text, shown, position))
        for line, column, kind, message, shown, position in rows
    ]


def defects_of(rejects: list[Reject], header: bool) -> list[Defect]:
    """The rejected records that are not blank lines.

    A rejected record's line, less the header and the rejected ones before it, is the number of rows read before it.
    """
    return [
        Defect(reject.line - 1 - int(header) - before, reject.as_json())
        for before, reject in enumerate(rejects)
        if not reject.blank
    ]


def _reject(line: int, column: str | None, message: str, text: str) -> Reject:
    blank = text == BLANK
    undecodable = BAD in text
    shown = text.replace(f"{BAD}?", "").replace(BLANK, "").replace(CR, "\r")
    why = "bytes that are not of the file's encoding" if undecodable else message.partition("\n")[0]
    return Reject(line, column, why, shown, blank)


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
        return file.readline().decode("utf-8", errors="replace").rstrip("\r\n")
