"""Others at the same source: their publications, slots, messages and transactions, and what they do to ours."""

from __future__ import annotations

import contextlib

import psycopg
import pytest
from tests.collect.postgres.replay import Running, wait_for

from backoffice.errors import CollectError, PreflightError

pytestmark = pytest.mark.postgres


@pytest.fixture
def one(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'first')")
    source.read("item", {"id": "INTEGER", "name": "VARCHAR"})
    source.catch_up()
    return source


def assert_exact(source) -> None:
    assert source.replayed("item") == source.actual("item")
    assert len(set(source.event_ids())) == len(source.event_ids())


def reasons(landed) -> list[str]:
    return [reason for manifest in landed for reason in manifest.notes.get("reasons", {}).values()]


def test_publications_and_slots_of_others_do_not_matter(one):
    one.execute(
        "CREATE PUBLICATION other FOR TABLE item (id) WHERE (id > 5) WITH (publish = 'insert')",
        "SELECT pg_create_logical_replication_slot('other_slot', 'pgoutput')",
        "INSERT INTO item VALUES (2, 'second'), (7, 'seventh')",
        "UPDATE item SET name = 'x'",
        "SELECT pg_replication_slot_advance('other_slot', pg_current_wal_lsn())",
        "DROP PUBLICATION other",
        "DELETE FROM item WHERE id = 2",
    )
    assert [manifest.kind for manifest in one.catch_up()] == ["stream"]
    assert_exact(one)


def test_our_publication_altered_and_put_back(one):
    one.execute(
        "ALTER PUBLICATION backoffice_erp DROP TABLE item",
        "INSERT INTO item VALUES (2, 'not told')",
        "ALTER PUBLICATION backoffice_erp ADD TABLE item",
    )
    assert reasons(one.catch_up()) == ["its publication was altered meanwhile"]
    one.execute(
        "ALTER PUBLICATION backoffice_erp SET (publish = 'insert')",
        "DELETE FROM item WHERE id = 2",
        "ALTER PUBLICATION backoffice_erp SET (publish = 'insert, update, delete, truncate')",
    )
    assert reasons(one.catch_up()) == ["its publication was altered meanwhile"]
    assert_exact(one)
    assert one.catch_up() == []


def test_our_publication_altered_while_streaming(one, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.stream._CATALOGUE_SECONDS", 0.1)
    with Running(one.collector()) as running:
        wait_for(lambda: one.collector().status().active)
        one.transaction("ALTER PUBLICATION backoffice_erp DROP TABLE item", "INSERT INTO item VALUES (2, 'not told')")
        wait_for(lambda: (2,) in one.replayed("item"))
    assert reasons(running.landed) == ["was not published for a time"] or "publication" in reasons(running.landed)[0]
    assert_exact(one)


@pytest.mark.parametrize(
    "change", ["SET TABLE item (id)", "SET TABLE item WHERE (id > 1)", "SET (publish_via_partition_root = false)"]
)
def test_what_a_dba_narrows_is_refused(one, change):
    one.execute(f"ALTER PUBLICATION backoffice_erp {change}")
    with pytest.raises(PreflightError, match="publication backoffice_erp") as caught:
        one.catch_up()
    assert "let the collector create it" in caught.value.next_step
    one.execute("DROP PUBLICATION backoffice_erp", "INSERT INTO item VALUES (2, 'second')")
    one.catch_up()
    assert_exact(one)


def test_a_slot_of_the_name_in_another_database(one, pg_server):
    one.execute("SELECT pg_drop_replication_slot('backoffice_erp')")
    elsewhere = pg_server.create_database()
    with psycopg.connect(pg_server.url(elsewhere), autocommit=True) as other:
        other.execute("SELECT pg_create_logical_replication_slot('backoffice_erp', 'pgoutput')")
    with pytest.raises(CollectError, match=f"is of plugin pgoutput and database {elsewhere}") as caught:
        one.catch_up()
    assert "connection.slot" in caught.value.next_step
    pg_server.drop_database(elsewhere)


def test_a_physical_slot_of_the_name(one):
    one.execute(
        "SELECT pg_drop_replication_slot('backoffice_erp')",
        "SELECT pg_create_physical_replication_slot('backoffice_erp')",
    )
    with pytest.raises(CollectError, match="is a physical one") as caught:
        one.catch_up()
    assert "connection.slot" in caught.value.next_step
    one.execute("SELECT pg_drop_replication_slot('backoffice_erp')")


def test_a_second_collector_on_the_slot_takes_nothing_unseen(one, settings):
    """Another platform with a copy of our home reads what is ours: we notice, and copy again."""
    one.execute("INSERT INTO item VALUES (2, 'stolen')")
    start = "START_REPLICATION SLOT backoffice_erp LOGICAL 0/0 (proto_version '1', publication_names 'backoffice_erp')"
    with contextlib.closing(psycopg.connect(one.url, autocommit=True, replication="database")) as other:
        other.pgconn.exec_(start.encode())
        assert one.collector().status().active
    wait_for(lambda: not one.collector().status().active)
    one.execute("SELECT pg_replication_slot_advance('backoffice_erp', pg_current_wal_lsn())")
    assert "by somebody else" in reasons(one.catch_up())[0]
    assert_exact(one)


def test_savepoints_and_failed_statements(one):
    one.execute("BEGIN", "INSERT INTO item VALUES (2, 'kept')", "SAVEPOINT a", "INSERT INTO item VALUES (3, 'undone')")
    one.execute("SAVEPOINT b", "UPDATE item SET name = 'undone too'", "RELEASE b", "ROLLBACK TO a")
    one.execute("INSERT INTO item VALUES (4, 'kept as well')", "SAVEPOINT c")
    with pytest.raises(psycopg.errors.UniqueViolation):
        one.execute("INSERT INTO item VALUES (1, 'twice')")
    one.execute("ROLLBACK TO c", "COMMIT")
    one.catch_up()
    assert [row["id"] for row in one.rows("item")] == [1, 2, 4]
    assert_exact(one)


def test_messages_prepared_transactions_and_origins(one):
    one.execute(
        "SELECT pg_logical_emit_message(true, 'app', 'within a transaction')",
        "SELECT pg_logical_emit_message(false, 'app', 'at once')",
        "SELECT pg_replication_origin_create('elsewhere')",
        "SELECT pg_replication_origin_session_setup('elsewhere')",
        "INSERT INTO item VALUES (2, 'brought by another replication')",
        "SELECT pg_replication_origin_session_reset()",
        "SELECT pg_replication_origin_drop('elsewhere')",
    )
    one.transaction("SELECT pg_logical_emit_message(true, 'app', 'x')", "INSERT INTO item VALUES (3, 'beside it')")
    one.catch_up()
    assert [row["id"] for row in one.rows("item")] == [1, 2, 3]
    assert_exact(one)
