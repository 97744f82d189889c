"""The shared server of the tests is what the tests of replication need."""

from __future__ import annotations

import psycopg
import pytest

pytestmark = pytest.mark.postgres


def test_databases_are_separate_and_can_replicate(pg_server, pg_database):
    other = pg_server.create_database()
    with psycopg.connect(pg_server.url(pg_database), autocommit=True) as connection:
        connection.execute("CREATE TABLE only_here (id int PRIMARY KEY)")
        connection.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    with psycopg.connect(pg_server.url(other)) as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)
    pg_server.drop_database(other)


def test_dropping_takes_slots_along(pg_server):
    name = pg_server.create_database()
    with psycopg.connect(pg_server.url(name), autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot('dropped', 'pgoutput')")
    pg_server.drop_database(name)
    with psycopg.connect(pg_server.url("postgres")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (name,)).fetchone() == (0,)
        assert connection.execute(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'dropped'"
        ).fetchone() == (0,)
