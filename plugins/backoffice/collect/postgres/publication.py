"""The publication and the replication slot at the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from backoffice.collect.postgres.catalog import GENERATED_COLUMNS_PUBLISHED_SINCE, SourceTable
from backoffice.collect.postgres.offset import parse_lsn
from backoffice.errors import CollectError, PreflightError

FAILOVER_SLOTS_SINCE = 170000

_PUBLICATION = """
SELECT puballtables, pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot
                     AND coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's'
FROM pg_publication p WHERE pubname = %s"""

# columns that younger versions have brought are looked up by name: PostgreSQL 13 has none of them
_MEMBERS = """
SELECT r.prrelid, n.nspname::text, c.relname::text,
       to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = %s"""

_SLOT = """
SELECT plugin::text, database::text, active, coalesce(wal_status, ''), confirmed_flush_lsn::text,
       safe_wal_size, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, to_jsonb(s) ->> 'invalidation_reason'
FROM pg_replication_slots s WHERE slot_name = %s"""

# transactions that have written to the tables and are not over, in this database
_WRITERS = """
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid() AND relation = ANY(%s)
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"""


@dataclass(frozen=True, slots=True)
class SlotState:
    """The slot as the source sees it; sizes in bytes of log, ``safe_wal_size`` None where nothing limits it.

    ``lag`` is not acknowledged yet, ``retained`` kept for the slot, ``reason`` why the source gave it up.
    """

    active: bool
    wal_status: str
    confirmed: int
    safe_wal_size: int | None
    lag: int
    retained: int
    reason: str

    @property
    def lost(self) -> bool:
        """Whether the source has thrown away log the slot needs."""
        return self.wal_status == "lost"


def slot_state(connection: psycopg.Connection[Any], slot: str) -> SlotState | None:
    """The slot, or None when there is none.

    Raises:
        CollectError: a slot of this name serves something else.
    """
    row = connection.execute(_SLOT, (slot,)).fetchone()
    if row is None:
        return None
    plugin, database, active, wal_status, confirmed, safe, lag, retained, reason = row
    if plugin != "pgoutput" or database != connection.info.dbname:
        what = f"of plugin {plugin} and database {database}" if plugin else "a physical one, for a standby"
        raise CollectError(
            f"replication slot {slot} is {what}",
            next_step="give this source another name under connection.slot",
        )
    return SlotState(active, wal_status, parse_lsn(confirmed or "0/0"), safe, lag or 0, retained or 0, reason or "")


def create_slot(connection: psycopg.Connection[Any], slot: str) -> int:
    """Create the slot and return the position its stream begins at. Waits for transactions that are under way.

    From PostgreSQL 17 on a standby can keep it too, so that a fail-over does not cost a full copy.
    """
    options = ", failover => true" if connection.info.server_version >= FAILOVER_SLOTS_SINCE else ""
    query = f"SELECT lsn::text FROM pg_create_logical_replication_slot(%s, 'pgoutput'{options})"
    return parse_lsn(connection.execute(query, (slot,)).fetchone()[0])  # type: ignore[index]


def drop_slot(connection: psycopg.Connection[Any], slot: str) -> None:
    """Drop the slot.

    Raises:
        psycopg.errors.ObjectInUse: somebody reads from it.
    """
    connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


def flush_log(connection: psycopg.Connection[Any]) -> int:
    """A position with everything committed so far before it.

    The end of the flushed log is not one: a commit with ``synchronous_commit = off`` returns before it is flushed, and
    only what is flushed is sent. Committing an empty message, which touches no table, flushes all before it.
    """
    connection.execute("SET synchronous_commit = on")
    row = connection.execute("SELECT pg_logical_emit_message(true, 'backoffice', '')::text").fetchone()
    return parse_lsn(row[0]) if row else 0


class Publication:
    """The list of tables whose changes the source sends: exactly those that are read, never FOR ALL TABLES."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection = connection
        self._name = name

    def exists(self) -> bool:
        """Whether there is one."""
        return self._connection.execute(_PUBLICATION, (self._name,)).fetchone() is not None

    def missing(self, tables: list[SourceTable]) -> list[SourceTable]:
        """Those of the tables it does not hold."""
        held = {row[0] for row in self._connection.execute(_MEMBERS, (self._name,))}
        return [table for table in tables if table.oid not in held]

    def ensure(self, tables: list[SourceTable]) -> None:
        """Create it, or add and drop tables until it holds exactly these.

        Raises:
            PreflightError: one of this name sends too much or too little.
            CollectError: the role may not change it.
        """
        try:
            if self.exists():
                self._refuse_unfit()
                self._alter(tables)
            else:
                self._create(tables)
        except psycopg.errors.InsufficientPrivilege as error:
            raise self._not_allowed(tables, error) from error

    def _create(self, tables: list[SourceTable]) -> None:
        self._execute("CREATE PUBLICATION {} FOR TABLE {} WITH (" + self._options() + ")", _list(tables))

    def _options(self) -> str:
        options = "publish_via_partition_root = true"
        if self._connection.info.server_version >= GENERATED_COLUMNS_PUBLISHED_SINCE:
            options += ", publish_generated_columns = stored"
        return options

    def _alter(self, tables: list[SourceTable]) -> None:
        missing = self.missing(tables)
        if missing:
            self._execute("ALTER PUBLICATION {} ADD TABLE {}", _list(missing))
        wanted = {table.oid for table in tables}
        surplus = [
            sql.Identifier(schema, name)
            for oid, schema, name, _ in self._connection.execute(_MEMBERS, (self._name,))
            if oid not in wanted
        ]
        if surplus:
            self._execute("ALTER PUBLICATION {} DROP TABLE {}", sql.SQL(", ").join(surplus))

    def _refuse_unfit(self) -> None:
        row = self._connection.execute(_PUBLICATION, (self._name,)).fetchone()
        all_tables, complete = row or (False, False)
        filtered = [row[2] for row in self._connection.execute(_MEMBERS, (self._name,)) if row[3]]
        problem = ""
        if all_tables:
            problem = "is FOR ALL TABLES, which breaks UPDATE on every table without a key"
        elif not complete:
            problem = f"must publish insert, update, delete and truncate, WITH ({self._options()})"
        elif filtered:
            problem = f"filters rows or columns of {', '.join(filtered)}, which a full copy would not"
        if problem:
            raise PreflightError(
                f"publication {self._name} {problem}",
                rule="the stream and the full copy must tell the same",
                next_step=f'DROP PUBLICATION "{self._name}" and let the collector create it',
            )

    def _execute(self, statement: str, tables: sql.Composable) -> None:
        self._connection.execute(sql.SQL(statement).format(sql.Identifier(self._name), tables))

    def _not_allowed(self, tables: list[SourceTable], error: psycopg.Error) -> CollectError:
        names = _list(tables).as_string(self._connection)
        return CollectError(
            f"the role may not create or change publication {self._name}: {str(error).strip()}",
            rule="PostgreSQL lets only the owner of a table publish it",
            next_step=f"let the owner run: DROP PUBLICATION IF EXISTS {self._name}; CREATE PUBLICATION {self._name} "
            f"FOR TABLE {names} WITH ({self._options()})",
        )


def wait_for_writers(connection: psycopg.Connection[Any], tables: list[SourceTable], pause: Callable[[], None]) -> None:
    """Wait until every transaction that wrote to the tables before this call is over.

    What a transaction wrote to a table before the table was published is not sent, even if it commits after. A full
    copy begun while such a transaction runs does not see it either: its rows would be lost.

    Args:
        connection: to the source.
        tables: just published.
        pause: called between two looks; may raise to give up.
    """
    oids = [row[0] for table in tables for row in connection.execute(_LEAVES, (table.oid, table.oid))]
    before = {row[0] for row in connection.execute(_WRITERS, (oids,))}
    while before & {row[0] for row in connection.execute(_WRITERS, (oids,))}:
        pause()


_LEAVES = "SELECT %s::oid UNION SELECT relid FROM pg_partition_tree(%s::oid)"


def _list(tables: list[SourceTable]) -> sql.Composed:
    return sql.SQL(", ").join(table.identifier for table in tables)
