"""What PostgreSQL's catalogue says about the tables that are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from backoffice.collect.postgres.offset import parse_lsn
from backoffice.collect.postgres.types import OTHER, ColumnType, column_type
from backoffice.sources import ReadTable

GENERATED_COLUMNS_PUBLISHED_SINCE = 180000

_TABLES = """
SELECT c.relkind::text, c.relpersistence::text, c.relhassubclass AND c.relkind = 'r' AS has_children,
       has_table_privilege(c.oid, 'SELECT') AS may_select, row_security_active(c.oid) AS rows_hidden,
       CASE c.relkind WHEN 'p' THEN (SELECT sum(greatest(l.reltuples, 0)) FROM pg_partition_tree(c.oid) t
            JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf) ELSE greatest(c.reltuples, 0) END::bigint AS rows,
       (SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary) AS pk,
       CASE c.relkind WHEN 'p' THEN (SELECT array_agg(l.oid::regclass::text) FROM pg_partition_tree(c.oid) t
            JOIN pg_class l ON l.oid = t.relid
            WHERE t.isleaf AND (l.relkind <> 'r' OR l.relpersistence <> 'p')) END AS unlogged
FROM pg_class c WHERE c.oid = %s"""

_COLUMNS = """
SELECT a.attname::text, a.atttypid, a.atttypmod, a.attgenerated::text
FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""

_NUMBERS = """
SELECT attname::text, attnum FROM pg_attribute
WHERE attrelid = %s AND attname = ANY(%s) AND NOT attisdropped ORDER BY attname"""

# the table itself, or the partitions that hold a partitioned table's rows: an UPDATE needs the identity of each
_IDENTITIES = """
SELECT l.oid::regclass::text, l.relreplident::text,
       (SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a
            ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
        WHERE i.indrelid = l.oid AND CASE l.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)
FROM pg_class c LEFT JOIN LATERAL pg_partition_tree(c.oid) t ON c.relkind = 'p'
JOIN pg_class l ON l.oid = coalesce(t.relid, c.oid) AND l.relkind = 'r' WHERE c.oid = %s ORDER BY l.oid"""

# the name of a log file begins with its timeline
_IDENTITY = """
SELECT system_identifier::text, pg_walfile_name(pg_current_wal_flush_lsn()), pg_current_wal_flush_lsn()::text
FROM pg_control_system()"""

_DOMAIN = """
WITH RECURSIVE down AS (
    SELECT oid, typtype, typbasetype, typtypmod, -1 AS modifier FROM pg_type WHERE oid = %s
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, down.typtypmod
    FROM down JOIN pg_type t ON t.oid = down.typbasetype WHERE down.typtype = 'd')
SELECT oid, modifier FROM down WHERE typtype <> 'd'"""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a table, or one partition of it, writes to the log to tell a row: d, n, f or i and the columns."""

    table: str
    kind: str
    columns: frozenset[str]

    @property
    def tells_rows(self) -> bool:
        """Whether an UPDATE or DELETE of the published table is possible."""
        return self.kind == "f" or (self.kind in "di" and bool(self.columns))


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column the stream sends."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table that is read, as the catalogue has it.

    ``rows`` is the planner's estimate, ``unlogged`` names partitions whose changes are not logged, ``numbers`` see
    :func:`column_numbers`.
    """

    read: str
    schema: str
    name: str
    oid: int
    kind: str
    persistence: str
    has_children: bool
    may_select: bool
    rows_hidden: bool
    rows: int
    primary_key: frozenset[str]
    unlogged: tuple[str, ...]
    identities: tuple[Identity, ...]
    columns: tuple[SourceColumn, ...]
    numbers: str

    @property
    def identifier(self) -> sql.Identifier:
        """The quoted name."""
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class SystemIdentity:
    """Which cluster this is, its timeline, and the end of its flushed log."""

    system_identifier: str
    timeline: int
    position: int


class TypeResolver:
    """Types columns land in, asking the catalogue for domains; what it learnt is kept for the connection's life."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._bases: dict[int, tuple[int, int]] = {}

    def resolve(self, oid: int, modifier: int, declared: str) -> ColumnType:
        """See :func:`backoffice.collect.postgres.types.column_type`."""
        found = column_type(oid, modifier, declared)
        if found is None:
            if oid not in self._bases:
                self._bases[oid] = self.connection.execute(_DOMAIN, (oid,)).fetchone() or (0, -1)
            found = column_type(*self._bases[oid], declared)
        return found or OTHER


def identify(connection: psycopg.Connection[Any]) -> SystemIdentity:
    """Which system this is; not for a standby, whose log is another's."""
    system, log_file, position = _one(connection, _IDENTITY)
    return SystemIdentity(system, int(log_file[:8], 16), parse_lsn(position))


def table_name(read: ReadTable) -> tuple[str, str]:
    """Schema and name of the table a read names; ``public`` when it gives no schema."""
    schema, dot, name = read.table.partition(".")
    return (schema, name) if dot else ("public", schema)


def find_table(
    connection: psycopg.Connection[Any], types: TypeResolver, name: str, read: ReadTable
) -> SourceTable | None:
    """The table of a read; None when there is none of its name."""
    schema, table = table_name(read)
    quoted = sql.Identifier(schema, table).as_string(connection)
    oid = _one(connection, "SELECT to_regclass(%s)::oid", quoted)[0]
    if oid is None:
        return None
    kind, persistence, has_children, may_select, rows_hidden, rows, key, unlogged = _one(connection, _TABLES, oid)
    return SourceTable(
        read=name,
        schema=schema,
        name=table,
        oid=oid,
        kind=kind,
        persistence=persistence,
        has_children=has_children,
        may_select=may_select,
        rows_hidden=rows_hidden,
        rows=rows or 0,
        primary_key=frozenset(key or ()),
        unlogged=tuple(unlogged or ()),
        identities=tuple(
            Identity(leaf, identity, frozenset(columns or ()))
            for leaf, identity, columns in connection.execute(_IDENTITIES, (oid,))
        ),
        columns=tuple(_columns(connection, types, oid, read)),
        numbers=column_numbers(connection, oid, read),
    )


def _columns(connection: psycopg.Connection[Any], types: TypeResolver, oid: int, read: ReadTable) -> list[SourceColumn]:
    stored = "s" if connection.info.server_version >= GENERATED_COLUMNS_PUBLISHED_SINCE else ""
    return [
        SourceColumn(name, types.resolve(type_oid, modifier, read.columns.get(name, "")))
        for name, type_oid, modifier, generated in connection.execute(_COLUMNS, (oid,))
        if generated in ("", stored)
    ]


def column_numbers(connection: psycopg.Connection[Any], oid: int, read: ReadTable) -> str:
    """Fingerprint of which columns of a table the ones relied on are: it tells a column from its namesake made anew."""
    rows = connection.execute(_NUMBERS, (oid, list(read.columns))).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def fingerprint(columns: dict[str, ColumnType], read: ReadTable) -> str:
    """Says whether the columns relied on are still there with their types: a full copy is due when it changes."""
    relied_on = sorted((name, columns[name].duckdb if name in columns else "") for name in read.columns)
    return hashlib.sha256(repr(relied_on).encode()).hexdigest()[:12]


def _one(connection: psycopg.Connection[Any], query: str, *values: Any) -> Any:
    return connection.execute(query, values).fetchone()
