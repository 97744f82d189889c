"""Files that are the whole of a period: which period a file is of, and what a republished one changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import duckdb

from backoffice.errors import FileSetAsideError
from backoffice.sources import ReadTable
from backoffice.sources.typed import typed_sql


@dataclass(frozen=True, slots=True)
class Published:
    """The file whose rows are a period's now, and the number of its batch."""

    seq: int
    file: str
    sha256: str


def period_of(name: str, read: ReadTable) -> str:
    """The period a file is the whole of; empty for a read whose files are not.

    Raises:
        FileSetAsideError: the name does not tell it, so that nobody knows what the file would replace.
    """
    if not read.period:
        return ""
    found = re.search(read.period, PurePath(name).name)
    if found is None:
        raise FileSetAsideError(
            "the name does not say which period the file is of",
            rule=f"period of the read: {read.period}",
            next_step="rename the file, or mend `period` in the source's YAML",
        )
    return " ".join(group for group in found.groups() if group)


def difference(read: ReadTable, before: str, after: Path) -> dict[str, Any]:
    """What the rows of a republished file change: rows that went, came and stayed, and the total of each number.

    Args:
        read: the read.
        before: relation of the rows that are replaced, as they landed.
        after: Parquet file of those that take their place.
    """
    columns = ", ".join(_quoted(name) for name in read.columns)
    with duckdb.connect() as connection:
        old = _landed(connection, before, read, "before")
        new = _landed(connection, f"read_parquet('{_escaped(str(after))}')", read, "after")
        kept = _one(
            connection, f"SELECT count(*) FROM (SELECT {columns} FROM before INTERSECT ALL SELECT {columns} FROM after)"
        )
        totals = {
            name: [_total(connection, side, name, read) for side in ("before", "after")] for name in _numbers(read)
        }
    return {
        "rows": [old, new],
        "removed": old - kept,
        "added": new - kept,
        "totals": {name: both for name, both in totals.items() if both[0] != both[1]},
    }


def in_words(note: dict[str, Any]) -> str:
    """The difference for a person."""
    old, new = note["rows"]
    totals = [f"{name} {before} → {after}" for name, (before, after) in note["totals"].items()]
    changed = f"{note['removed']} rows gone, {note['added']} new"
    return "; ".join([f"replaces {note['file']} ({old} → {new} rows): {changed}", *totals])


def _landed(connection: duckdb.DuckDBPyConnection, relation: str, read: ReadTable, name: str) -> int:
    present = {str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    columns = ", ".join(
        _quoted(column) if column in present else f"NULL::VARCHAR AS {_quoted(column)}" for column in read.columns
    )
    connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {relation} WHERE _op <> 'd'")
    return _one(connection, f"SELECT count(*) FROM {name}")


def _numbers(read: ReadTable) -> Iterable[str]:
    return [name for name, kind in read.columns.items() if kind.upper().startswith(("DECIMAL", "NUMERIC"))]


def _total(connection: duckdb.DuckDBPyConnection, side: str, name: str, read: ReadTable) -> str:
    value = typed_sql(_quoted(name), read.columns[name], read.dialect)
    row = connection.execute(f"SELECT coalesce(sum({value}), 0) FROM {side}").fetchone()
    return str(row[0]) if row else "0"


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(text: str) -> str:
    return text.replace("'", "''")
