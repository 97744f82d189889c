"""What a source refuses, and how it is said: passwords, rights, TLS, limits, levels."""

from __future__ import annotations

import contextlib

import psycopg
import pytest
from psycopg import sql
from tests.collect.postgres.replay import Running, Source

from backoffice.collect.postgres.refusals import Patience, refusal
from backoffice.errors import CollectError, PreflightError
from backoffice.ops.postgres_server import EmbeddedPostgres

pytestmark = pytest.mark.postgres

LIMITS = {"wal_level": "logical", "fsync": "off", "shared_buffers": "16MB"}


def table(source: Source) -> Source:
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)")
    return source.read("item", {"id": "INTEGER", "name": "VARCHAR"})


@pytest.fixture
def one(source):
    return table(source)


@pytest.fixture
def server_of(settings, free_port):
    """Starts one cluster with these options; again with others when it is called again."""
    port, running = free_port(), []

    def start(**options: str) -> EmbeddedPostgres:
        for server in running:
            server.stop()
        made = EmbeddedPostgres(
            "source", settings.home / "pg", port, "test", os_user="nobody", options={**LIMITS, **options}
        )
        running[:] = [made]
        made.start()
        return made

    yield start
    for server in running:
        server.stop()


def refused(source: Source) -> CollectError:
    """A stream that would wait for ever for a source that is down ends at once."""
    with pytest.raises(CollectError) as caught, Running(source.collector()) as running:
        running.join()
    return caught.value


def with_url(source: Source, **changes: str) -> Source:
    parts = psycopg.conninfo.conninfo_to_dict(source.url) | changes
    source.url = psycopg.conninfo.make_conninfo("", **parts)
    return source


@pytest.mark.parametrize(
    ("changes", "what", "next_step"),
    [
        ({"password": "wrong-one"}, "refuses the role's password", "ALTER ROLE"),
        ({"dbname": "nowhere"}, "no such database", "mend the source's URL"),
        ({"user": "nobody_here"}, "refuses the role's password", "PASSWORD"),
        ({"sslmode": "require"}, "asks for TLS", "sslmode"),
    ],
)
def test_what_waiting_cannot_mend_ends_a_run_at_once(one, changes, what, next_step):
    error = refused(with_url(one, **changes))
    assert what in error.what and next_step in error.next_step
    assert "wrong-one" not in str(error)


def test_rights_that_are_missing(one, pg_server):
    role = f"r_{one.connection.info.dbname}"
    database = sql.Identifier(one.connection.info.dbname).as_string()
    one.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'sekret-pw'", f"REVOKE CONNECT ON DATABASE {database} FROM public")
    try:
        with_url(one, user=role, password="sekret-pw")
        assert "GRANT CONNECT" in refused(one).next_step
        one.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
        error = refused(one)
        assert f"role {role} may not replicate" in error.what and "may not read public.item" in error.what
        assert "REPLICATION" in error.next_step and "GRANT SELECT" in error.next_step
        one.execute(f"ALTER ROLE {role} NOLOGIN")
        assert "does not know the role" in refused(one).what
    finally:
        one.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_limits_levels_and_hosts(settings, server_of, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.sessions._PATIENCE_SECONDS", 0.0)
    server = server_of(max_replication_slots="1", max_wal_senders="1")
    source = table(Source(server.url("postgres"), settings))
    source.execute("SELECT pg_create_physical_replication_slot('taken')")
    assert "max_replication_slots" in refused(source).next_step
    source.execute("SELECT pg_drop_replication_slot('taken')")
    with psycopg.connect(source.url, autocommit=True, replication="database") as other:
        other.execute("IDENTIFY_SYSTEM")
        assert "max_wal_senders" in refused(source).next_step
    source.catch_up()
    source.execute("INSERT INTO item VALUES (1, 'meanwhile')")
    assert source.catch_up()[0].rows == 1

    hosts = server.data_dir / "pg_hba.conf"
    before = hosts.read_text()
    hosts.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    source.execute("SELECT pg_reload_conf()")
    error = refused(source)
    assert "TLS only" in error.what and "sslmode" in error.next_step
    hosts.write_text(before)

    source.execute("SELECT pg_reload_conf()", "SELECT pg_drop_replication_slot('backoffice_erp')")
    source.connection.close()
    server_of(wal_level="replica")
    with pytest.raises(PreflightError, match="wal_level is replica") as caught:
        source.catch_up()
    assert "ALTER SYSTEM SET wal_level = 'logical'" in caught.value.next_step


def test_a_slot_somebody_else_reads_from_is_named(one, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.sessions._PATIENCE_SECONDS", 0.0)
    one.catch_up()
    with contextlib.closing(psycopg.connect(one.url, autocommit=True, replication="database")) as other:
        start = (
            "START_REPLICATION SLOT backoffice_erp LOGICAL 0/0 (proto_version '1', publication_names 'backoffice_erp')"
        )
        other.pgconn.exec_(start.encode())
        with pytest.raises(CollectError, match="another process reads from the replication slot") as caught:
            one.catch_up()
    assert "active_pid" in caught.value.next_step


@pytest.mark.parametrize(
    ("message", "patience"),
    [
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL encryption', Patience.NONE),
        ("FATAL: sorry, too many clients already", Patience.LONG),
        ("Connection refused", None),
    ],
)
def test_how_long_to_wait(message, patience):
    known = refusal(message)
    assert (known.patience if known else None) is patience
