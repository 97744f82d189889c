"""Large values that an update of the key does not resend.

The row before the update lies under the old key, so nobody downstream can fill them from the row's former version. They
are read from the source instead, as they are now: if they changed since, the stream will bring that change too.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from backoffice.collect.postgres.pgoutput import UNCHANGED
from backoffice.collect.postgres.rows import Row


class Refetch:
    """Fills rows in place; a row deleted or moved on meanwhile stays as it is, its next change follows."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, rows: list[Row]) -> None:
        """Fill every value of these rows that was not resent."""
        for row in rows:
            positions = [position for position, value in enumerate(row.values) if value is UNCHANGED]
            try:
                found = self._fetch(row, positions)
            except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable):  # altered since
                continue
            if found is not None:
                for position, value in zip(positions, found, strict=True):
                    row.values[position] = value
                row.has_unchanged = False

    def _fetch(self, row: Row, positions: list[int]) -> Any:
        columns = row.shape.columns
        query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join(output_text(columns[position].name) for position in positions),
            sql.Identifier(row.shape.schema_name, row.shape.table_name),
            sql.SQL(" AND ").join(
                sql.SQL("{} = {}").format(sql.Identifier(columns[position].name), sql.Literal(row.values[position]))
                for position in row.shape.key
            ),
        )
        return self._connection.execute(query).fetchone()


def output_text(column: str) -> sql.Composed:
    """A column's text as the replication stream has it: its type's output, which a cast to text is not always."""
    return sql.SQL("CASE WHEN {0} IS DISTINCT FROM NULL THEN format('%s', {0}) END").format(sql.Identifier(column))
