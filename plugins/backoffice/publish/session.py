"""A publisher's connection to PostgreSQL: one transaction, the same settings on every server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import errors, sql

from backoffice.errors import PublishError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

RETRIED = (errors.LockNotAvailable, errors.DeadlockDetected)
"""Errors that only mean others use the tables at this instant."""

LOCK_TIMEOUT = "5s"  # our waiting for an exclusive lock makes every later reader wait behind us
_CONNECT_SECONDS = 5
_NO_TIMEOUTS = """
SELECT set_config(name, '0', false) FROM pg_settings
WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""  # whatever the role has set; the last is unknown before version 17


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection in autocommit.

    Raises:
        PublishError: the server cannot be reached, or does not let the publisher in.
    """
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS, client_encoding="utf8")
    except psycopg.Error as error:
        raise PublishError(
            f"PostgreSQL with the marts cannot be reached: {error}",
            next_step="start it (`make up`) or correct BACKOFFICE_MARTS_URL; the next cycle publishes what was missed",
        ) from error
    with connection:
        connection.execute(_NO_TIMEOUTS)
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED  # whatever the role's default is
        connection.read_only = False
        yield connection


def prepare(pg: Connection) -> None:
    """Settings of the transaction, whatever the role or the database has set for readers.

    An empty search path makes the server write every name in full. Without row security a statement that a row policy
    would cut down fails instead of comparing half a table.
    """
    for name, value in (
        ("row_security", "off"),
        ("lock_timeout", LOCK_TIMEOUT),
        ("search_path", "pg_catalog"),
        ("timezone", "UTC"),
        ("datestyle", "ISO, YMD"),
        ("client_min_messages", "warning"),
    ):
        pg.execute("SELECT set_config(%s, %s, true)", (name, value))


def relation(schema: str, name: str) -> sql.Identifier:
    """A table's quoted name."""
    return sql.Identifier(schema, name)


def number(pg: Connection, query: sql.Composed | sql.SQL) -> int:
    """The one number a query gives."""
    row = pg.execute(query).fetchone()
    return int(row[0]) if row else 0
