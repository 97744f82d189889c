"""Bringing one table in PostgreSQL to the warehouse's rows, inside the publication's transaction.

Rows are copied into a temporary table and joined: UPDATE where a value differs, INSERT where the key is new. INSERT …
ON CONFLICT DO UPDATE … WHERE would do the same, but it locks, and so rewrites the header of, every row it finds equal.
Only row locks are taken, so readers are never in the way nor kept waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
from psycopg import sql

from backoffice.publish import difference
from backoffice.publish.copytext import copy_pieces
from backoffice.publish.model import PublishedModel
from backoffice.publish.session import Connection, number, relation

_STAGED = sql.SQL("pg_temp.staged")


class Counts(NamedTuple):
    """Rows a table changed by."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class TableWriter:
    """Writes a model's rows from a DuckDB connection into PostgreSQL."""

    connection: duckdb.DuckDBPyConnection
    pg: Connection
    model: PublishedModel

    def load(self, name: str) -> int:
        """Copy every row into an empty table of the model's schema; returns the rows."""
        return self._copy(relation(self.model.schema, name), difference.all_rows(self.model))

    def apply(self, since: int, *, changed: bool, removed: bool) -> Counts:
        """Apply what happened after a generation: whether rows changed, and whether keys were removed."""
        deleted = self._delete_removed(since) if removed else 0
        if not changed:
            return Counts(deleted=deleted)
        self._stage(difference.changed_rows(self.model), [since])
        counts = Counts(updated=self._update(), inserted=self._insert(), deleted=deleted)
        self._drop_staged()
        return counts

    def compare(self) -> Counts:
        """Compare every row."""
        self._stage(difference.all_rows(self.model))
        counts = Counts(deleted=self._delete_missing(), updated=self._update(), inserted=self._insert())
        self._drop_staged()
        return counts

    def count(self) -> int:
        """Rows of the table."""
        return number(self.pg, sql.SQL("SELECT count(*) FROM {}").format(self._target))

    @property
    def _target(self) -> sql.Identifier:
        return relation(self.model.schema, self.model.name)

    def _stage(self, query: str, parameters: Sequence[Any] = ()) -> None:
        self.pg.execute(sql.SQL("CREATE TEMP TABLE staged (LIKE {}) ON COMMIT DROP").format(self._target))
        self._copy(_STAGED, query, parameters)
        # repeated and null keys stop here with their value named
        self.pg.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(_STAGED, sql.Identifier(self.model.key)))
        self.pg.execute(sql.SQL("ANALYZE {}").format(_STAGED))

    def _drop_staged(self) -> None:
        self.pg.execute(sql.SQL("DROP TABLE {}").format(_STAGED))

    def _copy(self, target: sql.Composable, query: str, parameters: Sequence[Any] = ()) -> int:
        statement = sql.SQL("COPY {} FROM STDIN").format(target)
        with self.pg.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for piece in copy_pieces(self.connection, query, parameters):
                    copy.write(piece)
            return cursor.rowcount

    def _delete_removed(self, since: int) -> int:
        key = sql.Identifier(self.model.key)
        self.pg.execute(
            sql.SQL("CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                key, self._target
            )
        )
        self._copy(_STAGED, difference.removed_keys(self.model), [since])
        deleted = self._run("DELETE FROM {target} AS t USING {staged} AS s WHERE t.{key} = s.{key}")
        self._drop_staged()
        return deleted

    def _delete_missing(self) -> int:
        return self._run(
            "DELETE FROM {target} AS t WHERE NOT EXISTS (SELECT FROM {staged} AS s WHERE s.{key} = t.{key})"
        )

    def _update(self) -> int:
        if not self._others:
            return 0
        return self._run(
            "UPDATE {target} AS t SET {assignments} FROM {staged} AS s "
            "WHERE t.{key} = s.{key} AND ROW ({old}) IS DISTINCT FROM ROW ({new})"
        )

    def _insert(self) -> int:
        """Rows whose key is not there; the key's index says so, whatever PostgreSQL believes of the table's size.

        With NOT EXISTS, a table that was analyzed while it was empty is read in full for each row, those that the
        statement has just written included.
        """
        return self._run(
            "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staged} ON CONFLICT ({key}) DO NOTHING"
        )

    @property
    def _others(self) -> list[str]:
        return [name for name in self.model.column_names if name != self.model.key]

    def _run(self, statement: str) -> int:
        others = self._others
        return self.pg.execute(
            sql.SQL(statement).format(
                target=self._target,
                staged=_STAGED,
                key=sql.Identifier(self.model.key),
                columns=_names(self.model.column_names),
                assignments=sql.SQL(", ").join(sql.SQL("{0} = s.{0}").format(sql.Identifier(name)) for name in others),
                old=_names(others, "t"),
                new=_names(others, "s"),
            )
        ).rowcount


def _names(names: Sequence[str], alias: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names)
