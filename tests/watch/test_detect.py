"""Each cause from the files it shows in: seen when it is there, and not when it is not."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from tests.watch.conftest import FILES, NOW, POSTGRES, World

from backoffice.collect.heartbeat import Heartbeat
from backoffice.collect.slot import SlotHealth, write_slot
from backoffice.ops.state import ComponentRecord, ProcessRecord, SupervisorState, write_state
from backoffice.publish import Hold
from backoffice.watch import detect
from backoffice.watch.causes import Cause, Kind
from backoffice.watch.failures import clear_failure, record_failure
from backoffice.watch.observe import Memory, Observation

MINUTE = 60.0
GB = 10**9


def look(world: World, at: float = NOW, *, started_at: float = NOW - 86_400) -> Observation:
    return Observation(Memory(world.settings, started_at), at)


def one(found: list[Cause] | None) -> Cause:
    assert found is not None and len(found) == 1, found
    return found[0]


def beat(world: World, at: float) -> None:
    Heartbeat(world.settings, "shop").caught_up()
    os.utime(world.settings.collect_dir / "shop.heartbeat", (at, at))


def test_a_dead_source_is_late_after_its_limit_and_a_quiet_one_is_not(world):
    world.land(NOW)
    assert detect.source_late(look(world, NOW + 15 * MINUTE)) == []
    cause = one(detect.source_late(look(world, NOW + 15 * MINUTE + 1)))
    assert (cause.key, cause.since) == ("source_late:shop", NOW)
    assert "15 min" in cause.what and "collect_shop" in cause.next_step
    beat(world, NOW + 20 * MINUTE)
    assert detect.source_late(look(world, NOW + 30 * MINUTE)) == []
    assert one(detect.source_late(look(world, NOW + 36 * MINUTE))).since == NOW + 20 * MINUTE


def test_a_source_that_never_landed_counts_from_the_start(world):
    path = world.settings.sources_dir / "shop.yaml"
    os.utime(path, (NOW - 1e6, NOW - 1e6))
    assert detect.source_late(look(world, NOW + 14 * MINUTE, started_at=NOW)) == []
    cause = one(detect.source_late(look(world, NOW + 16 * MINUTE, started_at=NOW)))
    assert "nothing of it was ever landed" in cause.how_bad


def test_nothing_is_called_late_just_after_the_start(world):
    world.land(NOW - 86_400)
    world.tell(NOW - 86_400, published_seq=1)
    for check in (detect.source_late, detect.marts_stale):
        assert check(look(world, NOW + 100, started_at=NOW)) is None
        assert check(look(world, NOW + 130, started_at=NOW))


def test_marts_that_miss_landed_rows_are_stale_after_their_own_limit(world):
    world.land(NOW)
    world.land(NOW + MINUTE)
    world.tell(NOW, published_seq=1)
    fast = NOW + MINUTE + 5 * MINUTE
    world.tell(fast, published_seq=1)
    assert detect.marts_stale(look(world, fast)) == []
    cause = one(detect.marts_stale(look(world, fast + 1)))
    assert (cause.key, cause.since) == ("marts_stale:postgres", NOW + MINUTE)
    assert "mart_fast" in cause.what
    world.tell(NOW + 17 * MINUTE, published_seq=1)
    assert "every mart" in one(detect.marts_stale(look(world, NOW + 17 * MINUTE))).what
    world.tell(NOW + 17 * MINUTE, published_seq=2)
    assert detect.marts_stale(look(world, NOW + 17 * MINUTE)) == []


def test_marts_no_cycle_looks_after_are_stale_although_nothing_is_missing(world):
    world.land(NOW)
    world.tell(NOW, published_seq=1)
    assert detect.marts_stale(look(world, NOW + 4 * MINUTE)) == []
    assert one(detect.marts_stale(look(world, NOW + 6 * MINUTE))).since == NOW


def test_landed_rows_that_were_never_published_make_the_marts_stale(world):
    assert detect.marts_stale(look(world)) == []
    world.land(NOW)
    assert one(detect.marts_stale(look(world, NOW + 6 * MINUTE))).since == NOW


def test_a_file_behind_postgres_is_stale_after_its_cadence(world):
    world.land(NOW)
    world.tell(NOW + 20 * MINUTE, published_seq=1, version="000002-x")
    folder = world.settings.marts_dir
    folder.mkdir()
    (folder / "marts-1.duckdb").touch()
    published = datetime.fromtimestamp(NOW, UTC).isoformat()
    manifest = {"version": "000001-x", "generation": 1, "as_of": published, "published_at": published}
    manifest |= {"file": "marts-1.duckdb", "sha256": "", "bytes": 0, "rows": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert one(detect.marts_stale(look(world, NOW + 20 * MINUTE))).key == "marts_stale:file"
    (folder / "manifest.json").write_text(json.dumps(manifest | {"version": "000002-x"}))
    assert detect.marts_stale(look(world, NOW + 20 * MINUTE)) == []


def test_a_withheld_publication_is_one_cause_and_not_also_a_stale_one(world):
    world.land(NOW)
    world.tell(NOW, published_seq=0)
    assert detect.publication_withheld(look(world)) == []
    world.tell(NOW, state="withheld", published_seq=0)
    cause = one(detect.publication_withheld(look(world, NOW + 86_400)))
    assert cause.key == "publication_withheld:marts"
    assert "I07 broke for 2 orders" in cause.how_bad
    assert detect.marts_stale(look(world, NOW + 86_400)) == []


def test_a_hold_is_told_once_it_lasts_too_long_and_makes_nothing_stale(world):
    world.land(NOW)
    since = datetime.fromtimestamp(NOW, UTC)
    hold = {"version": "1", "generation": 1, "as_of": since, "from_version": "2", "actor": "ann", "reason": "prices"}
    set_on_disk = Hold(**hold, since=since, state="done")
    folder = world.settings.publications_dir
    folder.mkdir()
    (folder / "hold.json").write_text(set_on_disk.model_dump_json())
    assert detect.publication_held(look(world, NOW + 24 * 3600)) == []
    late = look(world, NOW + 24 * 3600 + 1)
    cause = one(detect.publication_held(late))
    assert (cause.key, cause.since) == ("publication_held:marts", NOW)
    assert "ann because: prices" in cause.how_bad
    assert detect.marts_stale(late) == []
    (folder / "hold.json").write_text(set_on_disk.model_copy(update={"state": "lifted"}).model_dump_json())
    assert detect.publication_held(look(world, NOW + 25 * 3600)) == []
    assert detect.marts_stale(look(world, NOW + 25 * 3600))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wal_status": "lost"}, "is lost"),
        ({"wal_status": "unreserved"}, "next checkpoint"),
        ({"safe_bytes": GB // 10, "limit_bytes": GB}, "more bytes"),
        ({"retained_bytes": 11 * GB}, "more than 10 GB"),
        ({"safe_bytes": GB // 2, "limit_bytes": GB, "retained_bytes": 11 * GB}, ""),
        ({"retained_bytes": 9 * GB}, ""),
    ],
)
def test_a_slot_about_to_be_lost_or_to_fill_its_source_is_at_risk(world, changes, said):
    healthy = {"source": "shop", "slot": "s", "observed_at": datetime.fromtimestamp(NOW, UTC), "exists": True}
    write_slot(world.settings, SlotHealth(**(healthy | {"wal_status": "reserved"} | changes)))
    found = detect.slot_at_risk(look(world))
    assert found == [] if not said else said in one(found).what


def test_a_failed_task_is_told_at_its_last_try_or_at_its_third(world):
    for tries in range(1, 4):
        assert detect.task_failed(look(world)) == []
        record_failure(world.settings, "collect_shop", "collect", f"run{tries}", "boom", final=False)
    cause = one(detect.task_failed(look(world)))
    assert (cause.key, cause.severity) == ("task_failed:collect_shop.collect", "warning")
    assert "3 tries in a row: boom" in cause.how_bad and "run3" in cause.next_step
    clear_failure(world.settings, "collect_shop", "collect")
    assert detect.task_failed(look(world)) == []
    record_failure(world.settings, "refresh_marts", "audit", "r", "", final=True)
    assert one(detect.task_failed(look(world))).severity == "critical"


def _verdicts(world: World, at: float, failed: int, judged: int) -> None:
    last = world.store.last("_verdicts")
    common = {"verdict_batch_id": f"_verdicts-{last.seq + 1 if last else 1:010d}", "source": "shop"}
    common |= {"table_name": "orders"}
    rows = [common | {"rule": "unique_key", "severity": "error", "batch_id": "b", "row_no": i} for i in range(failed)]
    tables = {"judged": pa.Table.from_pylist([common | {"judged_rows": judged}])}
    if rows:
        tables["verdict"] = pa.Table.from_pylist(rows)
    world.land(at, "_verdicts", **tables)


def test_a_rule_that_keeps_out_too_much_of_a_window_is_told(world):
    memory = Memory(world.settings, NOW)
    _verdicts(world, NOW - 2 * 3600, failed=500, judged=500)  # before the window
    _verdicts(world, NOW, failed=0, judged=300)
    _verdicts(world, NOW + 1, failed=19, judged=19)
    assert detect.quarantine_rate(Observation(memory, NOW + 2)) == []  # too few rows to judge by
    _verdicts(world, NOW + 3, failed=1, judged=1)
    cause = one(detect.quarantine_rate(Observation(memory, NOW + 4)))
    assert cause.key == "quarantine_rate:shop.orders/unique_key"
    assert "20 of 320 rows" in cause.how_bad and "6.2 %" in cause.what
    _verdicts(world, NOW + 5, failed=0, judged=100)
    assert detect.quarantine_rate(Observation(memory, NOW + 6)) == []  # 20 of 420 are below five percent
    # a watcher that starts now reads the same from landing
    rates = Memory(world.settings, NOW).quarantine.rates(NOW + 6)
    assert [(rate.quarantined, rate.judged) for rate in rates] == [(20, 420)]
    assert memory.quarantine.rates(NOW + 3700) == []


def test_rows_that_wait_for_parents_are_told_past_the_limit(world):
    world.tell(NOW, waiting_rows=999)
    assert detect.rows_waiting(look(world)) == []
    world.tell(NOW, waiting_rows=1000)
    assert one(detect.rows_waiting(look(world))).key == "rows_waiting:shop"


def test_a_set_aside_file_is_told_while_it_lies_there(world):
    settings = world.settings
    (settings.sources_dir / "shop.yaml").write_text(FILES)
    drop = settings.home / "drop"
    drop.mkdir()
    (drop / "a.csv").write_text("bad\n")
    stat = (drop / "a.csv").stat()
    entry = {"at": "2026-03-01T08:00:00+00:00", "file": "a.csv", "read": "orders", "sha256": "x", "size": stat.st_size}
    entry |= {"mtime_ns": stat.st_mtime_ns, "what": "a header is missing", "rule": "", "next_step": "add it"}
    settings.collect_dir.mkdir()
    (settings.collect_dir / "shop.errors.jsonl").write_text(json.dumps(entry) + "\n" + '{"at": "half')
    cause = one(detect.file_set_aside(look(world)))
    assert (cause.key, cause.how_bad, cause.since) == ("file_set_aside:shop/a.csv", "a header is missing", NOW)
    (drop / "a.csv").write_text("id\n1\n2\n")
    assert detect.file_set_aside(look(world)) == []
    (drop / "a.csv").unlink()
    assert detect.file_set_aside(look(world)) == []


def test_a_set_aside_file_that_was_landed_after_all_is_no_cause(world):
    settings = world.settings
    (settings.sources_dir / "shop.yaml").write_text(FILES)
    drop = settings.home / "drop"
    drop.mkdir()
    (drop / "a.csv").write_text("id\n1\n")
    stat = (drop / "a.csv").stat()
    entry = {"file": "a.csv", "read": "orders", "sha256": "x", "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    entry["changed_ns"] = stat.st_ctime_ns
    told = entry | {"at": "2026-03-01T08:00:00+00:00", "what": "w", "rule": "", "next_step": ""}
    settings.collect_dir.mkdir()
    (settings.collect_dir / "shop.errors.jsonl").write_text(json.dumps(told) + "\n")
    memory = Memory(settings, NOW)
    assert detect.file_set_aside(Observation(memory, NOW))
    batch = world.store.begin("shop")
    batch.commit(kind="file", offset=entry | {"passed_over": []})
    assert detect.file_set_aside(Observation(memory, NOW)) == []


def test_a_nightly_comparison_that_differs_names_the_marts(world):
    assert detect.nightly_differs(look(world)) == []
    result = {"checked_at": "2026-03-01T08:00:00Z", "generation": 7, "as_of": "2026-03-01T08:00:00Z", "equal": False}
    result["models"] = [
        {"model": "fct_orders", "incremental": "a", "full": "b", "keys": ["1"]},
        {"model": "dim_date", "incremental": "a", "full": "a", "keys": []},
    ]
    path = world.settings.status_dir / "full_build.json"
    path.parent.mkdir()
    path.write_text(json.dumps(result))
    cause = one(detect.nightly_differs(look(world)))
    assert (cause.how_bad, cause.since) == ("generation 7: fct_orders", NOW)
    broken = [{"test": "trial_balance_is_zero", "detail": "1 row"}]
    path.write_text(json.dumps(result | {"broken": broken}))
    assert one(detect.nightly_differs(look(world))).how_bad == "generation 7: trial_balance_is_zero fails, fct_orders"
    path.write_text(json.dumps(result | {"equal": True}))
    assert detect.nightly_differs(look(world)) == []


def test_every_kind_has_its_check():
    assert {check.kind for check in detect.CHECKS} == set(Kind) - {Kind.CHECK_FAILED}


def test_a_disk_that_is_nearly_full_is_told(world, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100 * GB, 94 * GB, 5 * GB))
    assert detect.disk_nearly_full(look(world)) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100 * GB, 96 * GB, 5 * GB - 1))
    assert one(detect.disk_nearly_full(look(world))).key == "disk_nearly_full:home"


def test_a_process_that_is_away_or_ends_again_and_again_is_told(world):
    me = ProcessRecord.of(os.getpid())
    gone = me.model_copy(update={"created": 1.0})

    def say(process: ProcessRecord | None, restarts: int, since: float, supervisor: ProcessRecord = me) -> list[Cause]:
        part = ComponentRecord(process=process, since=since, restarts=restarts, log="x.log")
        write_state(
            world.settings,
            SupervisorState(process=supervisor, started_at=0, stage="running", components={"scheduler": part}),
        )
        return detect.process_down(look(world)) or []

    assert say(me, 0, NOW) == []
    assert one(say(None, 1, NOW)).key == "process_down:scheduler"
    assert one(say(gone, 0, NOW)).key == "process_down:scheduler"
    assert "again and again" in one(say(me, 3, NOW - 60)).what
    assert say(me, 3, NOW - 600) == []
    assert say(None, 1, NOW, supervisor=gone) == []  # the platform is down altogether


def test_a_source_file_that_changes_is_read_again(world):
    memory = Memory(world.settings, NOW)
    assert list(memory.sources()) == ["shop"]
    path = world.settings.sources_dir / "erp.yaml"
    path.write_text(POSTGRES.replace("shop", "erp"))
    assert sorted(memory.sources()) == ["erp", "shop"]
    path.unlink()
    assert list(memory.sources()) == ["shop"]
