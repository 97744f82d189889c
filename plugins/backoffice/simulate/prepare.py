"""The demo's database: created and filled once, left alone when it is there."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from backoffice.addresses import SOURCE_OWNER, source_url
from backoffice.errors import SettingsError
from backoffice.ops.postgres import ensure_source_database
from backoffice.settings import Settings
from backoffice.simulate.orders import Connection
from backoffice.simulate.seed import fill

log = logging.getLogger(__name__)

DATABASE = "shop"
_SEED = 20_240_501
_GATE_DATABASE = "postgres"  # there before the shop is
_PREPARE_LOCK = 7_203_001  # any number no other program locks in that database
_OPTIONS = "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=30s"
_NO_ANSWER_MILLISECONDS = 30_000


def prepare(settings: Settings) -> None:
    """Create the database ``shop`` with eighteen months of history, unless it is there; the source server must run.

    The tables belong to ``demo_owner``, of whom ``backoffice_collector`` is a member: it may read and publish them.
    Tables and rows are one transaction: what a kill interrupts leaves none. Two processes may call it at once.

    Raises:
        SettingsError: the source is an external server; made-up orders do not belong there.
    """
    refuse_external(settings)
    with _connect(settings, _GATE_DATABASE) as gate:
        # held around the database's creation too, which PostgreSQL does not let two processes do at once
        gate.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        gate.execute("SELECT pg_advisory_lock(%s)", (_PREPARE_LOCK,))
        ensure_source_database(settings, DATABASE)
        with connect(settings) as connection:
            create_shop(connection, _SEED, datetime.now(UTC))


def create_shop(connection: Connection, seed: int, now: datetime) -> dict[str, int]:
    """Create and fill the schema ``shop`` in one transaction. Returns rows by table; empty when it was there."""
    with connection.transaction():
        if connection.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'").fetchone() is not None:
            return {}
        connection.execute("SET LOCAL statement_timeout = 0")
        connection.execute(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
        written = fill(connection, seed, now)
    connection.execute("ANALYZE")
    log.info("created the demo shop: %s", ", ".join(f"{rows} {table}" for table, rows in written.items()))
    return written


def connect(settings: Settings) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to the shop as the owner of its tables; each statement outside a transaction commits by itself."""
    return _connect(settings, DATABASE)


def _connect(settings: Settings, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        source_url(settings, database, SOURCE_OWNER),
        autocommit=True,
        connect_timeout=5,
        options=_OPTIONS,
        application_name="demo-shop",
        # a server that vanished without a word is noticed, not waited for
        tcp_user_timeout=_NO_ANSWER_MILLISECONDS,
    )


def refuse_external(settings: Settings) -> None:
    """Keep the demo out of real systems.

    Raises:
        SettingsError: the source is an external server.
    """
    if settings.source_url:
        raise SettingsError(
            "the demo shop writes made-up orders and runs only on the embedded source server",
            where="BACKOFFICE_SOURCE_URL",
            next_step="set BACKOFFICE_DEMO=false, or unset BACKOFFICE_SOURCE_URL",
        )
