"""The source restarts, crashes, fails over to a standby, or comes to the end of its transaction ids."""

from __future__ import annotations

import logging

import psycopg
import pytest
from tests.collect.postgres.clusters import clusters_below, kill
from tests.collect.postgres.replay import Running, Source, wait_for

from backoffice.collect.postgres.offset import Handover
from backoffice.errors import CollectError, PreflightError

pytestmark = pytest.mark.postgres


@pytest.fixture
def clusters(free_port):
    with clusters_below(free_port) as made:
        yield made


def item_source(server, settings) -> Source:
    source = Source(server.url("postgres"), settings)
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'first')")
    return source.read("item", {"id": "INTEGER", "name": "VARCHAR"})


def moved(source: Source, server) -> Source:
    """The same source at the address of another server."""
    source.connection.close()
    there = Source(server.url("postgres"), source.settings)
    there.reads = source.reads
    return there


def reasons(landed) -> list[str]:
    return [reason for manifest in landed for reason in manifest.notes.get("reasons", {}).values()]


def assert_exact(source: Source) -> None:
    assert source.replayed("item") == source.actual("item")
    assert len(set(source.event_ids())) == len(source.event_ids())


def caught_up(standby: Source, primary: Source) -> bool:
    (end,) = primary.execute("SELECT pg_current_wal_lsn()::text").fetchone()
    return standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{end}'").fetchone() == (True,)


def test_a_source_that_loses_power_loses_nothing(clusters, settings):
    server = clusters.start("primary", fsync="on")
    source = item_source(server, settings)
    with Running(source.collector()) as running:
        wait_for(lambda: running.landed)
        source.execute("INSERT INTO item VALUES (2, 'before')")
        wait_for(lambda: (2,) in source.replayed("item"))
        source.execute("INSERT INTO item VALUES (3, 'at the last moment')")
        source.connection.close()
        kill(server)
        server.start()
        source = moved(source, server)
        source.execute("INSERT INTO item VALUES (4, 'after')")
        wait_for(lambda: (4,) in source.replayed("item"))
    assert {manifest.kind for manifest in running.landed[1:]} == {"stream"}
    assert_exact(source)


def test_a_standby_takes_over_without_the_slot(clusters, settings):
    primary = clusters.start("primary")
    source = item_source(primary, settings)
    clusters.copy(primary, "standby", "postgres")
    standby = clusters.start("standby")
    source.catch_up()
    source.execute("INSERT INTO item VALUES (2, 'before')")
    source.catch_up()
    there = Source(standby.url("postgres"), settings)
    there.reads = source.reads
    wait_for(lambda: caught_up(there, source))
    with pytest.raises(PreflightError, match="the server is a standby"):
        there.catch_up()
    source.execute("INSERT INTO item VALUES (3, 'never collected')")
    wait_for(lambda: caught_up(there, source))
    source.connection.close()
    primary.stop()
    there.execute("SELECT pg_promote()", "INSERT INTO item VALUES (4, 'on the new timeline')")
    assert reasons(there.catch_up()) == ["replication slot backoffice_erp is missing"]
    assert_exact(there)
    there.execute("INSERT INTO item VALUES (5, 'streamed')")
    assert reasons(there.catch_up()) == [] and there.catch_up() == []
    assert_exact(there)
    assert {manifest.offset["timeline"] for manifest in there.batches()} == {1, 2}
    there.connection.close()


def test_a_standby_that_lost_what_was_landed(clusters, settings):
    """Its log has grown past the position landed, and it has a slot of the name: only its timeline tells."""
    primary = clusters.start("primary")
    source = item_source(primary, settings)
    clusters.copy(primary, "standby", "postgres")
    source.catch_up()
    source.execute("INSERT INTO item VALUES (2, 'landed and lost')")
    source.catch_up()
    source.connection.close()
    kill(primary)
    standby = clusters.start("standby")
    there = moved(source, standby)
    wait_for(lambda: there.execute("SELECT pg_promote()").fetchone() == (True,))
    there.execute(
        "CREATE PUBLICATION backoffice_erp FOR TABLE item"
        " WITH (publish_via_partition_root, publish_generated_columns = stored)",
        "SELECT pg_create_logical_replication_slot('backoffice_erp', 'pgoutput')",
        "INSERT INTO item VALUES (3, 'another branch')",
        "SELECT pg_switch_wal()",
        "INSERT INTO item VALUES (4, 'far along')",
    )
    (reason,) = reasons(there.catch_up())
    assert "failed over and lost what came after" in reason
    assert_exact(there)
    assert (2,) not in there.replayed("item")
    there.connection.close()


def test_a_standby_that_kept_the_slot_goes_on_without_a_copy(clusters, settings, caplog):
    caplog.set_level(logging.INFO, "backoffice.collect")
    primary = clusters.start("primary")
    source = item_source(primary, settings)
    source.execute("SELECT pg_create_physical_replication_slot('standby', true)")
    clusters.copy(primary, "standby", "postgres")
    standby = clusters.start(
        "standby", hot_standby_feedback="on", primary_slot_name="standby", sync_replication_slots="on"
    )
    there = Source(standby.url("postgres"), settings)
    there.reads = source.reads
    source.catch_up()
    source.execute("INSERT INTO item VALUES (2, 'before')")

    def is_kept() -> bool:
        source.execute("SELECT pg_log_standby_snapshot()")
        source.catch_up()  # the slot moves on, past what the standby has kept log from
        kept = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'backoffice_erp' AND synced AND NOT temporary"
        return there.execute(kept).fetchone() is not None

    wait_for(is_kept, 90)  # the worker on the standby naps for up to 30 s between two looks
    source.execute("INSERT INTO item VALUES (3, 'not collected yet')")
    wait_for(lambda: caught_up(there, source))
    source.connection.close()
    primary.stop()
    there.execute("SELECT pg_promote()", "INSERT INTO item VALUES (4, 'on the new timeline')")
    assert [(manifest.kind, manifest.rows) for manifest in there.catch_up()] == [("stream", 2)]
    assert "is on timeline 2; nothing landed was lost" in caplog.text
    assert_exact(there)
    there.connection.close()


def test_another_system_at_the_address(clusters, settings):
    source = item_source(clusters.start("primary"), settings)
    source.catch_up()
    there = moved(source, clusters.start("other"))
    there.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (8, 'else')")
    with pytest.raises(CollectError, match="what was landed came from") as caught:
        there.catch_up()
    assert "resync" in caught.value.next_step
    assert len(there.batches()) == 1
    there.collector().resync()
    assert_exact(there)
    there.connection.close()


def near_the_end_of_ids(clusters) -> None:
    """A cluster whose next transaction ids are the last 32-bit ones of their epoch."""
    server = clusters.start("primary")
    for following in (1_500_000_000, 2_900_000_000, 2**32 - 60):  # at most 2 thousand million at a time
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("UPDATE pg_database SET datallowconn = true")
            databases = connection.execute("SELECT datname FROM pg_database").fetchall()
        for (database,) in databases:
            with psycopg.connect(server.url(database), autocommit=True) as connection:
                connection.execute("VACUUM FREEZE")
                connection.execute("CHECKPOINT")
        server.stop()
        segment = server.data_dir / "pg_xact" / f"{following // (8192 * 4 * 32):04X}"
        clusters.reset(server, "-x", str(following))
        segment.write_bytes(bytes(8192 * 32))
        segment.chmod(0o666)
        server.start()


@pytest.mark.slow
def test_ids_that_wrap_around(clusters, settings):
    near_the_end_of_ids(clusters)
    source = item_source(clusters.start("primary"), settings)
    with psycopg.connect(source.url) as before, psycopg.connect(source.url, autocommit=True) as slow:
        before.execute("SELECT 1")
        slow.execute("BEGIN")
        slow.execute("INSERT INTO item VALUES (100, 'begun before the wrap')")
        while source.execute("SELECT pg_current_xact_id()::text::numeric > 4294967296 + 20").fetchone() == (False,):
            source.execute("INSERT INTO item SELECT max(id) + 1, 'burn' FROM item")
        slow.execute("COMMIT")
    source.catch_up()
    source.execute("INSERT INTO item VALUES (200, 'after the wrap')", "UPDATE item SET name = 'x' WHERE id = 100")
    source.catch_up()
    assert_exact(source)
    snapshot = source.batches()[0].offset["snapshots"]["item"]["snapshot"]
    assert int(snapshot.split(":")[1]) > 2**32
    source.connection.close()


@pytest.mark.parametrize(
    ("snapshot", "xid", "is_seen"),
    [
        ("4294967290:4294967310:4294967295,4294967300", 4294967290, True),  # before the wrap
        ("4294967290:4294967310:4294967295,4294967300", 4294967295, False),  # still running, before the wrap
        ("4294967290:4294967310:4294967295,4294967300", 4, False),  # still running, after it
        ("4294967290:4294967310:4294967295,4294967300", 5, True),
        ("4294967290:4294967310:4294967295,4294967300", 14, False),  # not begun
        ("4294967280:4294967290:", 3, False),  # not begun, and the id has wrapped
        ("8589934590:8589934600:8589934591", 4294967295, False),
    ],
)
def test_a_hand_over_compares_whole_ids(snapshot, xid, is_seen):
    assert Handover(snapshot=snapshot, until_lsn="0/100").has_seen(0x50, xid) is is_seen
