"""What PostgreSQL itself records of its publications: a restored or emptied server is seen by what it says, not by us.

``marts.publication`` has one row a version, ``marts.current_version`` the current one, ``marts.publication_table`` one
row a published table. They are written in the transaction that publishes the rows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from backoffice.errors import PublishError
from backoffice.publish.session import Connection

SCHEMA = "marts"
_HISTORY = "90 days"  # a version every few seconds is ten million rows a year
LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.02
_LOCK = 7_203_411  # any number no other program locks in the database

_DDL = """
CREATE TABLE marts.publication (
    version text PRIMARY KEY,
    generation bigint NOT NULL,
    as_of timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    is_current boolean NOT NULL
);
CREATE UNIQUE INDEX publication_one_current_idx ON marts.publication (is_current) WHERE is_current;
CREATE INDEX publication_published_at_idx ON marts.publication (published_at);
CREATE TABLE marts.publication_table (
    schema_name text,
    table_name text,
    rows bigint NOT NULL,
    fingerprint text NOT NULL,
    changed_version text NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);
CREATE VIEW marts.current_version AS
    SELECT version, generation, as_of, published_at FROM marts.publication WHERE is_current;
COMMENT ON TABLE marts.publication IS 'One row per published version, for 90 days; is_current marks what readers see.';
COMMENT ON TABLE marts.publication_table IS 'One row per published table: rows, and the version that last changed it.';
COMMENT ON VIEW marts.current_version IS 'The version readers see: as_of is the instant the marts were built for, UTC.';
"""


@dataclass(frozen=True)
class Recorded:
    """The version PostgreSQL shows."""

    version: str
    generation: int
    as_of: datetime


@dataclass(frozen=True)
class RecordedTable:
    """A published table as of its last change; ``fingerprint`` is empty for tables published by row difference."""

    rows: int
    fingerprint: str
    changed_version: str


def ensure(pg: Connection) -> None:
    """Create the tables in a database that has none; the schema exists."""
    row = pg.execute("SELECT to_regclass('marts.publication')").fetchone()
    if row is None or row[0] is None:
        pg.execute(_DDL)


def lock(pg: Connection) -> None:
    """Keep a second publisher out until the end of the transaction.

    Raises:
        PublishError: another publisher is at work for longer than a publication should take; names its session.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while not _try_lock(pg):
        if time.monotonic() >= deadline:
            raise PublishError(
                f"another publisher is at work in PostgreSQL: {_holder(pg)}",
                where="advisory lock of the publication",
                rule="one publisher at a time",
                next_step="wait for it, or end its session (pg_terminate_backend); the next cycle publishes",
            )
        time.sleep(_POLL_SECONDS)


def _try_lock(pg: Connection) -> bool:
    row = pg.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
    return bool(row and row[0])


def _holder(pg: Connection) -> str:
    row = pg.execute(
        """SELECT format('session %%s of %%s from %%s since %%s', a.pid, a.usename,
                         coalesce(a.client_addr::text, 'its own machine'), date_trunc('second', a.xact_start))
           FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s AND l.database = (
               SELECT oid FROM pg_database WHERE datname = current_database())""",
        (_LOCK,),
    ).fetchone()
    return str(row[0]) if row else "it has just ended"


def current(pg: Connection) -> Recorded | None:
    """The current version; None when nothing was published."""
    row = pg.execute("SELECT version, generation, as_of FROM marts.publication WHERE is_current").fetchone()
    return Recorded(*row) if row else None


def history(pg: Connection, limit: int) -> list[tuple[Any, ...]]:
    """The newest versions and the current one: version, generation, as_of, published_at (UTC) and is_current."""
    row = pg.execute("SELECT to_regclass('marts.publication')").fetchone()
    if row is None or row[0] is None:
        return []
    pg.execute("SET timezone = 'UTC'")
    return pg.execute(
        """(SELECT version, generation, as_of, published_at, is_current FROM marts.publication
            ORDER BY published_at DESC LIMIT %s)
           UNION SELECT version, generation, as_of, published_at, is_current FROM marts.publication WHERE is_current""",
        (limit,),
    ).fetchall()


def shown(pg: Connection) -> Recorded | None:
    """The current version of a database that may have no publication table yet."""
    row = pg.execute("SELECT to_regclass('marts.publication')").fetchone()
    return current(pg) if row and row[0] is not None else None


def tables(pg: Connection) -> dict[tuple[str, str], RecordedTable]:
    """Recorded tables by schema and name."""
    rows = pg.execute(
        "SELECT schema_name, table_name, rows, fingerprint, changed_version FROM marts.publication_table"
    ).fetchall()
    return {(schema, name): RecordedTable(*rest) for schema, name, *rest in rows}


def record_table(pg: Connection, schema: str, name: str, table: RecordedTable) -> None:
    """Record a table that changed."""
    pg.execute(
        """INSERT INTO marts.publication_table AS t (schema_name, table_name, rows, fingerprint, changed_version)
           VALUES (%s, %s, %s, %s, %s)
           ON CONFLICT (schema_name, table_name) DO UPDATE
           SET rows = excluded.rows, fingerprint = excluded.fingerprint, changed_version = excluded.changed_version""",
        (schema, name, table.rows, table.fingerprint, table.changed_version),
    )


def forget_table(pg: Connection, schema: str, name: str) -> None:
    """Remove the record of a dropped table."""
    pg.execute("DELETE FROM marts.publication_table WHERE schema_name = %s AND table_name = %s", (schema, name))


def record(pg: Connection, version: str, generation: int, as_of: datetime) -> None:
    """Make a version the current one and let go of the oldest."""
    pg.execute("UPDATE marts.publication SET is_current = false WHERE is_current AND version <> %s", (version,))
    pg.execute(
        """INSERT INTO marts.publication (version, generation, as_of, published_at, is_current)
           VALUES (%s, %s, %s, clock_timestamp(), true)
           ON CONFLICT (version) DO UPDATE
           SET generation = excluded.generation, as_of = excluded.as_of, published_at = excluded.published_at,
               is_current = true""",
        (version, generation, as_of),
    )
    pg.execute(
        sql.SQL("DELETE FROM marts.publication WHERE NOT is_current AND published_at < now() - {}::interval").format(
            _HISTORY
        )
    )
