"""The slot's health beside the data: written by the collector, read by everybody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.collect.postgres.replay import Running, wait_for

from backoffice.collect.postgres.slotwatch import Behind
from backoffice.collect.slot import SlotHealth, read_slot, write_slot


@pytest.fixture
def one(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'first')")
    return source.read("item", {"id": "INTEGER", "name": "VARCHAR"})


def seen(source) -> SlotHealth:
    health = read_slot(source.settings, "erp")
    assert health is not None
    return health


@pytest.mark.postgres
def test_status_before_and_after(one):
    before = one.collector().status()
    assert (before.exists, before.landed_seq, before.risk) == (False, 0, "")
    one.catch_up()
    after = one.collector().status()
    assert (after.wal_status, after.active, after.landed_seq, after.risk) == ("reserved", False, 1, "")
    assert after.lag_bytes >= 0 and after.retained_bytes >= after.lag_bytes and after.safe_bytes is None
    for position in (after.acknowledged_lsn, after.landed_lsn):
        assert one.execute(f"SELECT '{position}'::pg_lsn > '0/0'").fetchone() == (True,)
    one.execute("SELECT pg_drop_replication_slot('backoffice_erp')")
    assert "missing" in one.collector().status().risk


@pytest.mark.postgres
def test_a_running_collector_tells_its_slot_without_being_asked(one, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.slotwatch._EVERY_SECONDS", 0.05)
    with Running(one.collector()):
        wait_for(lambda: read_slot(one.settings, "erp") and seen(one).active and seen(one).landed_seq == 1)
        first = seen(one)
        one.execute("INSERT INTO item VALUES (2, 'second')")
        wait_for(lambda: seen(one).landed_seq == 2 and seen(one).lag_bytes == 0)
        assert seen(one).observed_at > first.observed_at and seen(one).acknowledged_lsn > first.acknowledged_lsn
        assert seen(one).problem == "" and seen(one).behind_since is None


@pytest.mark.postgres
def test_a_collector_that_only_catches_up_leaves_a_look_behind(one):
    one.catch_up()
    assert (seen(one).landed_seq, seen(one).wal_status) == (1, "reserved")


@pytest.mark.postgres
def test_a_slot_at_risk_says_how_much_is_left(pg_server, one):
    one.catch_up()
    with psycopg.connect(one.url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '96MB'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            wait_for(lambda: one.collector().status().limit_bytes == 96 << 20)
            one.execute("CREATE TABLE noise (t text)")
            while not (health := one.collector().status()).risk:
                one.execute("INSERT INTO noise SELECT repeat('x', 500) FROM generate_series(1, 100)")
                one.execute("SELECT pg_switch_wal()")
        finally:
            admin.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
            admin.execute("SELECT pg_reload_conf()")
    assert 0 < health.safe_bytes < 24 << 20 and f"after {health.safe_bytes} more bytes" in health.risk


@pytest.mark.postgres
def test_a_source_that_is_down_keeps_the_last_look_and_says_why(one, free_port, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.slotwatch._EVERY_SECONDS", 0.05)
    one.catch_up()
    lag = seen(one).lag_bytes
    one.url = f"postgresql://nobody:hunter2@127.0.0.1:{free_port()}/nowhere"
    with Running(one.collector()):
        wait_for(lambda: seen(one).problem)
    assert "refused" in seen(one).problem and "hunter2" not in seen(one).problem
    assert (seen(one).lag_bytes, seen(one).landed_seq, seen(one).active) == (lag, 1, False)


def test_behind_since_the_first_look_that_went_further():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(seconds=10 * number) for number in range(9)]
    behind = Behind()
    looks = [(100, 100), (100, 110), (105, 120), (108, 130), (125, 140), (140, 150), (140, 160), (160, 160), (160, 170)]
    told = [behind.look(*look, now) for look, now in zip(looks, moments, strict=True)]
    assert told == [None, None, moments[1], moments[1], moments[3], None, moments[5], None, None]


def test_behind_goes_on_from_the_run_before():
    since = datetime(2026, 1, 1, tzinfo=UTC)
    behind = Behind(since)
    assert behind.look(100, 120, since + timedelta(hours=1)) == since
    assert behind.look(130, 140, since + timedelta(hours=2)) is None


def test_written_and_read(settings):
    assert read_slot(settings, "erp") is None
    health = SlotHealth(
        source="erp",
        slot="s",
        observed_at=datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
        behind_since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    write_slot(settings, health)
    assert read_slot(settings, "erp") == health and health.lag_seconds == 60
    (settings.collect_dir / "erp.slot.json").write_text("{}")
    assert read_slot(settings, "erp") is None
