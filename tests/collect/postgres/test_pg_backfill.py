"""Rows of some days are read again: what landed as it is stays, what is missing or different lands once."""

from __future__ import annotations

from datetime import date

import pytest
from tests.collect.postgres.replay import Running, wait_for

from backoffice.collect.backfill import Backfill, BackfillRequests
from backoffice.collect.postgres import backfill as backfilling
from backoffice.collect.postgres.mark import MarkFile
from backoffice.collect.postgres.offset import last_offset, parse_lsn
from backoffice.errors import CollectError
from backoffice.sources.model import Defaults

pytestmark = pytest.mark.postgres
JUNE = Backfill(reads=("visit",), first=date(2026, 6, 1), last=date(2026, 6, 30))


@pytest.fixture
def visits(source):
    """A table of visits, copied in full."""
    source.execute(
        "CREATE TABLE visit (id int PRIMARY KEY, at timestamptz NOT NULL, note text)",
        "INSERT INTO visit SELECT n, '2026-05-30 00:30+00'::timestamptz + n * interval '1 day', 'first'"
        " FROM generate_series(1, 40) AS n",
    )
    source.read("visit", {"id": "INTEGER", "at": "TIMESTAMPTZ", "note": "VARCHAR"})
    source.reads["visit"]["cursor"] = "at"
    source.catch_up()
    return source


def unseen(source, *statements: str) -> None:
    """Change the table, and take the changes for landed: what a fault of a collector, or of its disk, may do."""
    source.execute(*statements)
    seq, offset = last_offset(source.store, "erp")
    (lsn,) = source.execute(
        "SELECT end_lsn::text FROM pg_replication_slot_advance('backoffice_erp', pg_current_wal_flush_lsn())"
    ).fetchone()
    MarkFile(source.settings, "erp").write(offset.system_identifier, "backoffice_erp", seq, parse_lsn(lsn))


def backfilled(source) -> list:
    return [manifest for manifest in source.batches() if "backfill" in manifest.notes]


def test_unchanged_rows_do_not_land_again(visits):
    count = len(visits.batches())
    assert visits.collector().backfill(JUNE) == []
    assert len(visits.batches()) == count
    assert BackfillRequests(visits.settings, "erp").pending() == []


def test_what_landing_missed_lands_once(visits):
    unseen(
        visits,
        "UPDATE visit SET note = 'changed' WHERE id IN (5, 39)",  # 39 is in July
        "INSERT INTO visit VALUES (50, '2026-06-15 12:00+00', 'missed'), (51, '2026-07-15 12:00+00', 'later')",
    )
    visits.collector().backfill(JUNE)
    (batch,) = backfilled(visits)
    assert batch.kind == "snapshot" and not batch.tables[0].full
    assert [(row["id"], row["note"], row["_op"], row["_row_no"]) for row in visits.rows("visit", [batch])] == [
        (5, "changed", "r", 1),
        (50, "missed", "r", 2),
    ]
    assert visits.collector().backfill(JUNE) == []
    visits.execute("UPDATE visit SET note = 'streamed' WHERE id = 5")
    visits.catch_up()
    assert visits.replayed("visit")[5,][-1] == "streamed"
    ids = visits.event_ids()
    assert len(set(ids)) == len(ids)


def test_days_are_those_of_the_source(visits):
    """Half past midnight on the first of June in UTC is the first in Copenhagen too; the last night of May is not."""
    unseen(visits, "UPDATE visit SET note = 'x', at = '2026-05-31 21:59+00' WHERE id = 1")
    unseen(visits, "UPDATE visit SET note = 'x', at = '2026-05-31 22:00+00' WHERE id = 2")
    collector = visits.collector()
    collector._config = visits.config.model_copy(update={"defaults": Defaults(timezone="Europe/Copenhagen")})
    collector.backfill(JUNE)
    assert [row["id"] for row in visits.rows("visit", backfilled(visits))] == [2]


def test_what_changes_while_rows_are_read_comes_with_the_stream(visits, monkeypatch):
    """Nothing read before a change lands after it."""
    unseen(visits, "UPDATE visit SET note = 'missed' WHERE id BETWEEN 2 AND 9")
    copy = backfilling.TableCopy.run

    def copied_then_changed(self, tables):
        snapshot = copy(self, tables)
        visits.execute("UPDATE visit SET note = 'newer' WHERE id = 7", "DELETE FROM visit WHERE id = 8")
        return snapshot

    monkeypatch.setattr(backfilling.TableCopy, "run", copied_then_changed)
    visits.collector().backfill(JUNE)
    visits.catch_up()
    assert visits.replayed("visit") == visits.actual("visit")


def test_a_truncate_meanwhile_leaves_nothing_to_land(visits, monkeypatch):
    unseen(visits, "UPDATE visit SET note = 'missed'")
    copy = backfilling.TableCopy.run

    def copied_then_emptied(self, tables):
        snapshot = copy(self, tables)
        visits.execute("TRUNCATE visit")
        return snapshot

    monkeypatch.setattr(backfilling.TableCopy, "run", copied_then_emptied)
    visits.collector().backfill(JUNE)
    visits.catch_up()
    assert visits.replayed("visit") == {}


def test_a_running_collector_is_asked(visits):
    unseen(visits, "UPDATE visit SET note = 'missed' WHERE id = 5")
    heartbeat = visits.settings.collect_dir / "erp.heartbeat"
    heartbeat.unlink()
    with Running(visits.collector(batch_seconds=0.05)) as running:
        wait_for(heartbeat.exists)
        assert visits.collector().backfill(JUNE) is None
        wait_for(lambda: any("backfill" in manifest.notes for manifest in running.landed))
        visits.execute("UPDATE visit SET note = 'streamed' WHERE id = 6")
        wait_for(lambda: visits.replayed("visit") == visits.actual("visit"))


def test_a_read_without_a_cursor_is_refused(visits):
    del visits.reads["visit"]["cursor"]
    with pytest.raises(CollectError, match="names no column"):
        visits.collector().backfill(JUNE)
    with pytest.raises(CollectError, match="does not read nothing"):
        visits.collector().backfill(JUNE.model_copy(update={"reads": ("nothing",)}))


def test_what_cannot_be_followed_does_not_stop_the_stream(visits, caplog):
    """A column without days; nobody may be left waiting for a request that fails each time."""
    visits.reads["visit"]["cursor"] = "note"
    visits.execute("INSERT INTO visit VALUES (60, '2026-06-15 12:00+00', 'streamed')")
    visits.collector().backfill(JUNE)
    assert "note cannot say of which day a row is" in caplog.text
    assert BackfillRequests(visits.settings, "erp").pending() == [] and backfilled(visits) == []
    assert visits.replayed("visit") == visits.actual("visit")


def test_a_running_collector_may_know_an_older_file_of_the_source(visits):
    unseen(visits, "UPDATE visit SET note = 'missed' WHERE id = 5")
    BackfillRequests(visits.settings, "erp").add(JUNE.model_copy(update={"cursors": {"visit": "at"}}))
    del visits.reads["visit"]["cursor"]
    visits.catch_up()
    assert [row["id"] for row in visits.rows("visit", backfilled(visits))] == [5]
