"""Looking at what was split: columns written in another way than declared, and rows whose key cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from backoffice.collect.files.drift import Drift
from backoffice.sources import DriftPolicy, ReadTable
from backoffice.sources.typed import swapped_number, typed_sql

_FEW = 3
"""So many unreadable values are bad rows, not a column that changed."""


@dataclass(frozen=True, slots=True)
class Values:
    """Drift of the values, and the rows without a readable key."""

    retyped: tuple[Drift, ...]
    keyless: int


def look_at_values(
    connection: duckdb.DuckDBPyConnection, read: ReadTable, columns: dict[str, str], policy: DriftPolicy
) -> Values:
    """Look at table ``good``.

    A column is retyped when at least three of its values cannot be read as its type and they are more than half of
    those that are filled, or at least three are numbers but for the decimal mark: then "1.234" may mean 1234.

    Args:
        connection: holds ``good``.
        read: the read.
        columns: declared column → SQL of its text, of those the file has.
        policy: what to do about it.
    """
    typed = {name: kind for name, kind in read.columns.items() if name in columns and kind.upper() != "VARCHAR"}
    counts = [
        _counts(columns[name], typed_sql(columns[name], kind, read.dialect), kind, read) for name, kind in typed.items()
    ]
    keyless = " or ".join(_unreadable_key(columns[name], name, read) for name in read.file_key) or "false"
    row = connection.execute(f"select {', '.join([*counts, f'count(*) filter ({keyless})'])} from good").fetchone()
    assert row is not None  # an aggregate without groups has one row
    found = [
        Drift("retyped", name, None, policy.choice("retyped"), detail=str(look["example"]))
        for name, look in zip(typed, row, strict=False)
        if look["bad"] >= _FEW and (2 * look["bad"] > look["filled"] or look["swapped"] >= _FEW)
    ]
    return Values(tuple(found), int(row[-1]))


def _counts(text: str, value: str, kind: str, read: ReadTable) -> str:
    bad = f"{text} is not null and {value} is null"
    return (
        f"struct_pack(filled := count({text}), bad := count(*) filter ({bad}), example := min({text}) filter ({bad}), "
        f"swapped := count(*) filter ({bad} and {swapped_number(text, kind, read.dialect)}))"
    )


def _unreadable_key(text: str, name: str, read: ReadTable) -> str:
    return f"{typed_sql(text, read.columns[name], read.dialect)} is null"
