r"""Warehouse rows as PostgreSQL COPY text, written by DuckDB: no value passes through a Python or binary type.

Text format, not CSV: a null (`\N`) can never be taken for an empty string, and no line of a value for the end of data
(servers before 18 read a lone `\.` inside a quoted CSV value as that). Decimals, doubles (shortest exact form), dates
and instants (offset written) are read by PostgreSQL as DuckDB casts them to VARCHAR: BC years, infinities and NaN too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from backoffice.publish.model import PublishedColumn, canonical_type

_ROWS = 10_000  # rows a piece handed to COPY


def copy_line(columns: Sequence[PublishedColumn]) -> str:
    """SQL expression giving a row's columns as one line of COPY text, line end included."""
    return " || chr(9) || ".join(f"coalesce({_field(column)}, '\\N')" for column in columns) + " || chr(10)"


def copy_pieces(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> Iterator[str]:
    """Results of a query of one text column, joined in pieces. Nothing else may use the connection until the end."""
    result = connection.execute(query, list(parameters))
    while rows := result.fetchmany(_ROWS):
        yield "".join(row[0] for row in rows)


def escaped(expression: str) -> str:
    """SQL expression with the characters that mean something to COPY escaped."""
    for plain, code in (("'\\'", "'\\\\'"), ("chr(9)", "'\\t'"), ("chr(10)", "'\\n'"), ("chr(13)", "'\\r'")):
        expression = f"replace({expression}, {plain}, {code})"
    return expression


def _field(column: PublishedColumn) -> str:
    kind = canonical_type(column.duckdb_type)
    if kind == "VARCHAR":
        return escaped(f'"{column.name}"')
    if kind == "VARCHAR[]":
        return escaped(_array(f'"{column.name}"'))
    return f'CAST("{column.name}" AS VARCHAR)'


def _array(expression: str) -> str:
    element = "'\"' || replace(replace(e, '\\', '\\\\'), '\"', '\\\"') || '\"'"
    return f"'{{' || array_to_string(list_transform({expression}, lambda e: coalesce({element}, 'NULL')), ',') || '}}'"
