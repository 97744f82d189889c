"""The source fails, restarts, forgets its slot or is another one: nothing is lost or doubled."""

from __future__ import annotations

import json
import logging

import psycopg
import pytest
from tests.collect.postgres.replay import Running, Source, wait_for

from backoffice.collect.postgres.bulk import BulkReader, CopyFailed
from backoffice.collect.postgres.connect import conninfo
from backoffice.errors import CollectError
from backoffice.ops.postgres_server import EmbeddedPostgres

pytestmark = pytest.mark.postgres


@pytest.fixture
def one(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'first')")
    return source.read("item", {"id": "INTEGER", "name": "VARCHAR"})


def assert_exact(source) -> None:
    assert source.replayed("item") == source.actual("item")
    assert len(set(source.event_ids())) == len(source.event_ids())


def test_a_lost_connection_is_taken_up_again(one, caplog):
    caplog.set_level(logging.INFO, "backoffice.collect")
    walsenders = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender' AND datname = current_database()"
    with Running(one.collector()) as running:
        for number in range(10, 13):
            wait_for(lambda: one.execute(walsenders).fetchall())
            one.execute(f"SELECT pg_terminate_backend(pid) FROM ({walsenders}) w")
            one.execute(f"INSERT INTO item VALUES ({number}, 'x')")
            wait_for(lambda number=number: (number,) in one.replayed("item"))
    assert running.counts.restarts >= 3
    assert "the source is back" in caplog.text
    assert_exact(one)


def test_a_restarted_source_is_waited_for(tmp_path, settings, free_port, caplog):
    options = {"wal_level": "logical", "fsync": "off", "shared_buffers": "16MB"}
    folder = settings.home / "pg"
    server = EmbeddedPostgres("source", folder, free_port(), "test", os_user="nobody", options=options)
    server.start()
    try:
        source = Source(server.url("postgres"), settings)
        source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)")
        source.read("item", {"id": "INTEGER", "name": "VARCHAR"})
        with Running(source.collector()) as running:
            wait_for(lambda: running.landed)
            source.connection.close()
            server.stop()  # waits for the walsender, which waits for our acknowledgement
            wait_for(lambda: "waiting for the source" in caplog.text)
            server.start()
            again = Source(server.url("postgres"), settings)
            again.reads = source.reads
            again.execute("INSERT INTO item VALUES (5, 'after')")
            wait_for(lambda: (5,) in again.replayed("item"))
        assert [manifest.kind for manifest in running.landed] == ["snapshot", "stream"]
        assert running.counts.restarts == 1
        causes = [record.getMessage() for record in caplog.records if "waiting for the source" in record.getMessage()]
        assert len(causes) == len(set(causes))
        again.connection.close()
    finally:
        server.stop()


def test_a_dropped_slot_is_made_anew_with_a_full_copy(one):
    one.catch_up()
    one.execute("SELECT pg_drop_replication_slot('backoffice_erp')", "UPDATE item SET name = 'unseen'")
    one.execute("DELETE FROM item WHERE id = 1", "INSERT INTO item VALUES (2, 'second')")
    (manifest,) = one.catch_up()
    assert manifest.kind == "snapshot" and manifest.tables[0].full
    assert manifest.notes["reasons"] == {"item": "replication slot backoffice_erp is missing"}
    one.execute("INSERT INTO item VALUES (3, 'third')")
    assert one.catch_up()[0].kind == "stream"
    assert_exact(one)


def test_a_lost_slot_is_made_anew_with_a_full_copy(pg_server, one):
    one.catch_up()
    with psycopg.connect(one.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            one.execute("CREATE TABLE noise (t text)")
            for _ in range(4):
                one.execute("INSERT INTO noise SELECT repeat('x', 500) FROM generate_series(1, 100)")
                one.execute("SELECT pg_switch_wal()", "CHECKPOINT")
            assert one.collector().status().wal_status == "lost"
        finally:
            admin.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            admin.execute("SELECT pg_reload_conf()")
    one.execute("INSERT INTO item VALUES (2, 'meanwhile')")
    (manifest,) = one.catch_up()
    assert "was lost" in manifest.notes["reasons"]["item"]
    assert_exact(one)


def test_a_slot_somebody_else_read_from_costs_a_full_copy(one):
    one.catch_up()
    one.execute("INSERT INTO item VALUES (2, 'stolen')")
    one.execute("SELECT * FROM pg_replication_slot_advance('backoffice_erp', pg_current_wal_lsn())")
    (manifest,) = one.catch_up()
    assert "by somebody else" in manifest.notes["reasons"]["item"]
    assert_exact(one)


def test_a_publication_dropped_meanwhile_costs_a_full_copy(one):
    one.catch_up()
    one.execute("DROP PUBLICATION backoffice_erp", "INSERT INTO item VALUES (2, 'unpublished')")
    (manifest,) = one.catch_up()
    assert "publication" in manifest.notes["reasons"]["item"]
    assert_exact(one)


def test_a_table_unpublished_for_a_time_is_copied_again(one):
    one.execute("CREATE TABLE other (id int PRIMARY KEY)")
    one.read("other", {"id": "INTEGER"})
    one.catch_up()
    one.execute(
        "ALTER PUBLICATION backoffice_erp DROP TABLE item",
        "INSERT INTO item VALUES (2, 'unpublished')",
        "INSERT INTO other VALUES (1)",
    )
    landed = one.catch_up()
    assert [(manifest.kind, [table.name for table in manifest.tables]) for manifest in landed] == [
        ("snapshot", ["item"]),
        ("stream", ["other"]),
    ]
    assert_exact(one)
    assert one.catch_up() == []


def forget(source, **changes) -> None:
    """Change the last manifest's offset, as a source replaced by another system would look."""
    manifest = source.batches()[-1]
    path = source.settings.landing_dir / "erp" / "0000000" / f"{manifest.seq:010d}" / "manifest.json"
    content = json.loads(path.read_text())
    content["offset"].update(changes)
    path.write_text(json.dumps(content))


def test_another_system_is_refused_until_a_full_copy_is_asked_for(one):
    one.catch_up()
    forget(one, system_identifier="1234")
    with pytest.raises(CollectError, match="what was landed came from 1234"):
        one.catch_up()
    with pytest.raises(CollectError, match="what was landed came from 1234"):
        one.read("gone", {"id": "INTEGER"}, table="public.item") and one.reads.pop("gone") and one.catch_up()
    assert one.collector().resync().kind == "snapshot"
    one.execute("INSERT INTO item VALUES (2, 'second')")
    assert one.catch_up()[0].rows == 1
    assert_exact(one)


def test_a_source_restored_to_an_earlier_time_is_copied_again(one):
    one.catch_up()
    forget(one, lsn="FFFF/0")
    assert "restored to an earlier time" in one.catch_up()[0].notes["reasons"]["item"]
    assert_exact(one)


def test_an_offset_that_cannot_be_read_is_an_error(one):
    one.catch_up()
    forget(one, lsn=None)
    with pytest.raises(CollectError, match="erp-0000000001 cannot be read"):
        one.catch_up()


def test_a_first_copy_that_was_cut_off_is_begun_again(one, monkeypatch):
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("backoffice.collect.postgres.copy.TableCopy.run", cut_off)
        with pytest.raises(KeyboardInterrupt):
            one.catch_up()
    assert one.execute("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()").fetchone() == (
        1,
    )
    assert [manifest.rows for manifest in one.catch_up()] == [1]
    assert_exact(one)


def test_the_scanner_survives_the_loss_of_its_connection(one):
    one.execute("INSERT INTO item SELECT i, repeat('x', 1000) FROM generate_series(10, 30000) i")
    reader = BulkReader(conninfo(one.url, "erp"))
    reader.snapshot()
    one.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backoffice erp'")
    with pytest.raises(CopyFailed):
        list(reader.read("SELECT id, name FROM item"))
    reader.close()  # DuckDB's own rollback of the lost transaction would abort this process


def test_the_scanner_does_not_tell_the_password(one, free_port):
    with pytest.raises(CopyFailed) as caught:
        BulkReader(conninfo(f"postgresql://someone:hunter2@127.0.0.1:{free_port()}/nowhere", "erp"))
    assert "hunter2" not in str(caught.value) and "Unable to connect" in str(caught.value)
