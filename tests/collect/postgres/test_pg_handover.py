"""Full copies under concurrent writers: the stream takes over exactly."""

from __future__ import annotations

import logging
import threading

import psycopg
import pytest
from tests.collect.postgres.replay import Running, wait_for
from tests.collect.postgres.writers import Writers

from backoffice.collect.postgres.offset import Copied, Handover, Offset, format_lsn, parse_lsn

pytestmark = pytest.mark.postgres


def assert_exact(source) -> None:
    for name in source.reads:
        assert source.replayed(name) == source.actual(name)
    ids = source.event_ids()
    assert len(set(ids)) == len(ids)


def test_first_copy_hands_over_exactly(warehouse):
    with Writers(warehouse.url) as writers:
        wait_for(lambda: writers.transactions > 100)
        with Running(warehouse.collector(batch_seconds=0.05)) as running:
            wait_for(lambda: len(running.landed) > 5)
    warehouse.catch_up()
    assert_exact(warehouse)


def test_resync_of_a_running_collector_hands_over_exactly(warehouse):
    with Writers(warehouse.url), Running(warehouse.collector(batch_seconds=0.05)) as running:
        wait_for(lambda: len(running.landed) > 3)
        assert warehouse.collector().resync("stock") is None  # asked of the one that runs
        wait_for(lambda: sum(manifest.kind == "snapshot" for manifest in running.landed) == 2)
        so_far = len(running.landed)
        wait_for(lambda: len(running.landed) > so_far + 3)
    warehouse.catch_up()
    copies = [manifest for manifest in warehouse.batches() if manifest.kind == "snapshot"]
    assert [sorted(table.name for table in manifest.tables) for manifest in copies] == [["move", "stock"], ["stock"]]
    assert_exact(warehouse)


def test_resync_without_a_running_collector_is_done_at_once(warehouse):
    warehouse.catch_up()
    with Writers(warehouse.url) as writers:
        wait_for(lambda: writers.transactions > 50)
        manifest = warehouse.collector().resync(["move"])
    assert manifest.kind == "snapshot" and [table.name for table in manifest.tables] == ["move"]
    assert manifest.notes == {"reasons": {"move": "asked for"}}
    warehouse.catch_up()
    assert_exact(warehouse)


def test_resync_after_an_idle_time_goes_on_from_there(warehouse):
    warehouse.execute("CREATE TABLE other (id int)")
    warehouse.catch_up()
    warehouse.execute("INSERT INTO other VALUES (1)")
    assert warehouse.catch_up() == []  # the slot has moved on, without a batch
    warehouse.collector().resync("stock")
    warehouse.execute("UPDATE stock SET qty = 5 WHERE id = 1")
    assert [(manifest.kind, manifest.rows) for manifest in warehouse.catch_up()] == [("stream", 1)]
    assert_exact(warehouse)


def test_a_stop_drops_a_copy_that_is_under_way(warehouse):
    collector = warehouse.collector()
    collector.stop.set()
    assert collector.run(None, lambda manifest: None).batches == 0
    assert warehouse.batches() == []
    warehouse.catch_up()
    assert_exact(warehouse)


def test_the_log_tells_how_far_a_copy_is(warehouse, caplog, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.progress._LOG_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "backoffice.collect")
    warehouse.catch_up()
    assert "full copy of stock, move: first copy" in caplog.text
    assert "erp: copying public.stock: 2,000 rows" in caplog.text
    assert "erp: copied 2,000 rows" in caplog.text


def test_a_table_added_later_waits_for_those_who_wrote_to_it_before(warehouse):
    warehouse.execute("CREATE TABLE late (id int PRIMARY KEY)")
    warehouse.catch_up()
    warehouse.read("late", {"id": "INTEGER"})
    with psycopg.connect(warehouse.url) as writer:
        writer.execute("INSERT INTO late VALUES (1)")  # not published yet, not visible to a copy begun now
        with Running(warehouse.collector()) as running:
            published = "SELECT 1 FROM pg_publication_tables WHERE tablename = 'late'"
            wait_for(lambda: warehouse.execute(published).fetchone())
            threading.Event().wait(0.3)
            assert running.landed == []
            writer.commit()
            wait_for(lambda: running.landed)
    warehouse.catch_up()
    assert warehouse.replayed("late") == {(1,): (1,)}
    assert warehouse.rows("late")[0]["_op"] == "r"


def test_a_table_no_longer_read_is_no_longer_published(warehouse):
    warehouse.catch_up()
    del warehouse.reads["move"]
    warehouse.execute("INSERT INTO move (stock_id, qty) VALUES (1, 1)")
    assert warehouse.catch_up() == []
    assert warehouse.execute("SELECT tablename FROM pg_publication_tables").fetchall() == [("stock",)]


def test_a_partitioned_table_is_one_table(source):
    source.execute(
        "CREATE TABLE booking (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
        "CREATE TABLE booking_24 PARTITION OF booking FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE booking_25 PARTITION OF booking FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "INSERT INTO booking VALUES (1, '2024-05-01'), (2, '2025-05-01')",
    )
    source.read("booking", {"id": "INTEGER", "day": "DATE"}, ("id", "day"))
    source.catch_up()
    source.execute("UPDATE booking SET day = '2025-06-01' WHERE id = 1", "DELETE FROM booking WHERE id = 2")
    source.catch_up()
    assert source.replayed("booking") == source.actual("booking") != {}


XMAX = (3 << 32) | 100


@pytest.mark.parametrize(
    ("xid", "lsn", "seen"),
    [
        (49, 10, True),
        (50, 10, False),  # was running
        (51, 10, True),
        (100, 10, False),  # began after
        (200, 10, False),
        (0xFFFFFFF0, 10, True),  # before the 32-bit id wrapped around
        (49, 11, False),  # committed after the copy, whatever its id
    ],
)
def test_what_a_copy_has_seen(xid, lsn, seen):
    handover = Handover(snapshot=f"{XMAX - 50}:{XMAX}:{XMAX - 50},{XMAX - 30}", until_lsn=format_lsn(10))
    assert handover.has_seen(lsn, xid) is seen


def test_an_offset_survives_its_manifest_and_drops_what_it_has_passed():
    offset = Offset(system_identifier="1", timeline=1, slot="s", lsn="0/5")
    offset = offset.with_copies(
        Handover(snapshot="5:5:", until_lsn="0/A"), {"a": Copied(oid=1, columns="x", numbers="y")}
    )
    assert (offset.position, offset.snapshots["a"].until, offset.snapshots["a"].has_seen(3, 4)) == (5, 10, True)
    again = Offset.model_validate(offset.model_dump(mode="json"))
    assert again.model_dump() == offset.model_dump()
    assert set(again.moved_to(9).snapshots) == {"a"} and again.moved_to(10).snapshots == {}
    assert again.moved_to(10).copied == offset.copied


def test_positions_are_written_as_postgresql_does():
    assert parse_lsn("16/B374D848") == 0x16B374D848 and format_lsn(0x16B374D848) == "16/B374D848"
