"""Disks, folders, servers and the clock fail: the platform says so, goes on by itself and loses nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
import yaml
from tests.collect.postgres.replay import Running, Source, wait_for
from tests.faults.clock import set_clock
from tests.faults.disks import full, read_only, small_disk

from backoffice.addresses import PUBLISHER, marts_url
from backoffice.collect.heartbeat import last_seen
from backoffice.collect.postgres import sessions
from backoffice.collect.run import collect
from backoffice.errors import BackofficeError, CollectError, LeaseHeldError, PublishError, StatusError, StorageError
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.ops.postgres_server import EmbeddedPostgres
from backoffice.publish import registry
from backoffice.publish.file import current_file, file_due
from backoffice.publish.record import PublicationRecord, newest, save
from backoffice.settings import Settings
from backoffice.sources import load_source
from backoffice.warehouse.lease import Lease

_products = count(1)
_ROWS = 20_000


def _land(world: Any) -> None:
    world.land(("product", "c", {"product_id": f"P{next(_products)}"}))


def _check_equal(world: Any) -> None:
    """Every channel has every landed product once, and the same version."""
    settings = world.settings
    landed = {("P0",)} | {
        (row[0],) for m in world.store.batches("mini") for row in duckdb.read_parquet(_file(world, m)).fetchall()
    }
    query = "SELECT product_id FROM marts.dim_product"
    with psycopg.connect(marts_url(settings, PUBLISHER)) as pg:
        assert sorted(pg.execute(query).fetchall()) == sorted(landed)
        version = pg.execute("SELECT version FROM marts.current_version").fetchone()
    manifest = current_file(settings)
    assert manifest is not None and version == (manifest.version,)
    with duckdb.connect(str(settings.marts_dir / manifest.file), read_only=True) as file:
        assert sorted(file.execute(query).fetchall()) == sorted(landed)
    status = _status(settings)
    assert (status["state"], status["version"]) == ("published", manifest.version)


def _file(world: Any, manifest: Any) -> str:
    path: str = world.store.uri(manifest, "product")
    return path


def _status(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    return found


FAULTS: dict[str, Callable[[Path], Any]] = {
    "full": full,
    "nearly full": lambda folder: full(folder, spare=256 << 10),
    "read-only": read_only,
}
SLOW = [
    pytest.param(disk, fault, marks=pytest.mark.slow)
    for disk, faults in {
        "warehouse": ("full", "read-only"),
        "landing": ("full", "read-only"),
        "marts": ("full", "nearly full", "read-only"),
        "publications": ("full",),
        "status": ("read-only",),
    }.items()
    for fault in faults
]


@pytest.mark.parametrize(
    ("disk", "fault"), [("warehouse", "nearly full"), ("publications", "read-only"), ("status", "full"), *SLOW]
)
def test_a_cycle_that_cannot_write_says_so_and_is_made_up_for(world: Any, disk: str, fault: str) -> None:
    _land(world)
    folder = world.settings.home / disk
    with FAULTS[fault](folder), pytest.raises(BackofficeError) as caught:
        for _ in range(3):  # a little space may be enough for one
            cycle.refresh(world.settings, "test")
            _land(world)
    said = caught.value
    assert "No space left on device" in str(said) or "Read-only file system" in str(said)
    assert said.next_step
    assert str(world.settings.home) in str(said)
    cycle.refresh(world.settings, "test")
    _check_equal(world)


def test_status_in_the_other_channels_when_its_folder_is_full(world: Any) -> None:
    _land(world)
    with full(world.settings.status_dir), pytest.raises(StatusError, match="No space left on device"):
        cycle.refresh(world.settings, "test")
    with psycopg.connect(marts_url(world.settings, PUBLISHER)) as pg:
        (version, state) = pg.execute("SELECT version, state FROM ops.status").fetchone() or ("", "")
        assert state == "published"
        assert pg.execute("SELECT version FROM marts.current_version").fetchone() == (version,)
    cycle.refresh(world.settings, "test")
    _check_equal(world)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Settings]:
    """A files source whose inbox, landing and working folder are disks of their own."""
    settings = Settings(project_dir=tmp_path / "project", home=tmp_path / "home", file_stable_seconds=0.01)
    settings.sources_dir.mkdir(parents=True)
    source = {
        "apiVersion": "backoffice/v1",
        "source": "hr",
        "source_relation": "hr",
        "description": "test",
        "connection": {"kind": "files", "folder": str(tmp_path / "inbox")},
        "reads": {
            "people": {"pattern": "*.csv", "columns": {"id": "INTEGER", "name": "VARCHAR"}, "primary_key": ["id"]}
        },
        "tables": {},
    }
    (settings.sources_dir / "hr.yaml").write_text(yaml.safe_dump(source), encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    with small_disk(settings.landing_dir, 8), small_disk(settings.collect_dir, 8):
        yield settings


def _drop(settings: Settings, name: str) -> None:
    rows = "".join(f"{number},{os.urandom(20).hex()}\n" for number in range(_ROWS))
    (settings.home.parent / "inbox" / name).write_text("id,name\n" + rows)


def _collected(settings: Settings) -> dict[str, int]:
    return {m.offset["file"]: m.rows for m in LocalBatchStore(settings.landing_dir).batches("hr")}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("disk", ["landing", "collect"])
def test_files_that_cannot_be_landed_wait(files: Settings, disk: str, fault: str) -> None:
    _drop(files, "1.csv")
    collect(files, "hr", 0, lambda _: None)
    _drop(files, "2.csv")
    with FAULTS[fault](files.home / disk), pytest.raises(StorageError) as caught:
        collect(files, "hr", 0, lambda _: None)
    assert "collecting from hr was stopped by the disk" in caught.value.what
    assert caught.value.rule and caught.value.next_step
    assert _collected(files) == {"1.csv": _ROWS}
    collect(files, "hr", 0, lambda _: None)
    assert _collected(files) == {"1.csv": _ROWS, "2.csv": _ROWS}


def test_an_inbox_that_is_gone_for_a_while(files: Settings) -> None:
    _drop(files, "1.csv")
    collect(files, "hr", 0, lambda _: None)
    inbox = files.home.parent / "inbox"
    inbox.rename(inbox.with_name("elsewhere"))
    with pytest.raises(CollectError, match="the watched folder is not there"):
        collect(files, "hr", 0, lambda _: None)
    inbox.with_name("elsewhere").rename(inbox)
    _drop(files, "2.csv")
    collect(files, "hr", 0, lambda _: None)
    assert _collected(files) == {"1.csv": _ROWS, "2.csv": _ROWS}


@pytest.mark.parametrize("fault", FAULTS)
def test_changes_that_cannot_be_landed_stay_at_the_source(
    settings: Settings, tmp_path: Path, pg_server: Any, pg_database: str, fault: str
) -> None:
    (tmp_path / "sources").mkdir()
    settings = settings.model_copy(update={"project_dir": tmp_path, "source_url": pg_server.url(pg_database)})
    source = Source(pg_server.url(pg_database), settings)
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (0, 'before')")
    source.read("item", {"id": "INTEGER", "name": "VARCHAR"})
    config = source.config.model_dump(mode="json", by_alias=True)
    (settings.sources_dir / "erp.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with small_disk(settings.landing_dir, 8):
        collect(settings, "erp", 0, lambda _: None)
        source.execute("INSERT INTO item SELECT n, md5(random()::text) FROM generate_series(1, 20000) AS n")
        with FAULTS[fault](settings.landing_dir), pytest.raises(StorageError, match="stopped by the disk"):
            collect(settings, "erp", 0, lambda _: None)
        source.execute("DELETE FROM item WHERE id % 7 = 0", "UPDATE item SET name = 'x' WHERE id % 5 = 0")
        collect(settings, "erp", 0, lambda _: None)
        assert source.replayed("item") == source.actual("item")
        assert len(set(source.event_ids())) == len(source.event_ids())
        source.connection.close()


@pytest.fixture
def own_server(settings: Settings, free_port: Callable[[], int]) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that a test may stop."""
    options = {"wal_level": "logical", "fsync": "off", "shared_buffers": "16MB"}
    server = EmbeddedPostgres("source", settings.home / "pg", free_port(), "test", os_user="nobody", options=options)
    server.start()
    yield server
    server.stop()


def test_a_source_that_is_down_for_ten_minutes_of_pauses(
    own_server: EmbeddedPostgres, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pauses are a thousandth of what they are, and so is the time."""
    backoff = sessions.Backoff
    monkeypatch.setattr(sessions, "Backoff", lambda: backoff(first=0.0002, longest=0.03))
    source = Source(own_server.url("postgres"), settings)
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'before')")
    source.read("item", {"id": "INTEGER", "name": "VARCHAR"})
    with Running(source.collector()) as running:
        wait_for(lambda: running.landed)
        source.connection.close()
        own_server.stop()
        wait_for(lambda: "waiting for the source" in caplog.text)
        time.sleep(0.6)
        assert running.error is None
        own_server.start()
        again = Source(own_server.url("postgres"), settings)
        again.reads = source.reads
        again.execute("INSERT INTO item VALUES (2, 'after')", "DELETE FROM item WHERE id = 1")
        wait_for(lambda: again.replayed("item") == again.actual("item"))
    assert running.landed[0].kind == "snapshot"
    assert len([record for record in caplog.records if "waiting for the source" in record.getMessage()]) < 10
    again.connection.close()


def test_marts_server_down_and_back(world: Any, free_port: Callable[[], int]) -> None:
    _land(world)
    before = _status(world.settings)["version"]
    down = world.settings.model_copy(update={"marts_url": f"postgresql://nobody@127.0.0.1:{free_port()}/marts"})
    for _ in range(2):  # the second cycle finds the first one's publication unfinished
        with pytest.raises(PublishError, match="cannot be reached") as caught:
            cycle.refresh(down, "test")
        assert caught.value.next_step
        status = _status(world.settings)
        assert (status["state"], status["version"]) == ("withheld", before)
        assert "cannot be reached" in status["reason"] and "cannot be reached" in status["postgres_error"]
        _land(world)
    cycle.refresh(world.settings, "test")
    cycle.refresh(world.settings, "test")
    _check_equal(world)


def test_marts_server_restarted_before_a_publication_commits(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _land(world)
    record = registry.record

    def cut(pg: Any, *args: Any) -> None:
        record(pg, *args)
        with psycopg.connect(world.settings.marts_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [pg.info.backend_pid])

    monkeypatch.setattr(registry, "record", cut)
    with pytest.raises(PublishError) as caught:
        cycle.refresh(world.settings, "test")
    assert caught.value.next_step
    assert _status(world.settings)["state"] == "withheld"
    monkeypatch.undo()
    cycle.refresh(world.settings, "test")
    cycle.refresh(world.settings, "test")
    _check_equal(world)


def test_clock_set_back_three_hours(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generations = "SELECT as_of, version FROM meta.generation WHERE published_at IS NOT NULL ORDER BY generation"
    with monkeypatch.context() as forward:
        set_clock(forward, 3)
        _land(world)
        cycle.refresh(world.settings, "test")
        ahead = world.query(generations)[-1][0]
        assert ahead > datetime.now(UTC) + timedelta(hours=2)
        with Lease(world.settings).held("a run that was killed", release=False):
            pass
    _land(world)
    with pytest.raises(LeaseHeldError):
        cycle.refresh(world.settings, "test")
    held = Lease(world.settings).current()
    assert held is not None and held.expires_at <= time.time() + world.settings.lease_seconds
    short = world.settings.model_copy(update={"lease_seconds": 0.0})
    cycle.refresh(short, "test")
    _land(world)
    cycle.refresh(world.settings, "test")
    found = world.query(generations)
    assert found == sorted(found) and len({as_of for as_of, _ in found}) == len(found)
    assert [version for _, version in found] == sorted(version for _, version in found)
    assert found[-1][0] > ahead
    _check_equal(world)


def test_a_file_from_the_future_does_not_stop_the_next_one(world: Any) -> None:
    manifest = current_file(world.settings)
    assert manifest is not None
    path = world.settings.marts_dir / "manifest.json"
    before = path.read_text(encoding="utf-8")
    slow = world.settings.model_copy(update={"marts_file_seconds": 60.0})
    for moved, due in ((timedelta(hours=3), True), (timedelta(seconds=-1), False), (timedelta(hours=-1), True)):
        changed = manifest.model_copy(update={"published_at": datetime.now(UTC) + moved})
        path.write_text(changed.model_dump_json(), encoding="utf-8")
        assert file_due(slow, manifest.generation + 1) is due
    path.write_text(before, encoding="utf-8")


def test_the_newest_publication_is_the_one_written_last(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    first = save(settings, PublicationRecord(version="000001-a", generation=1, as_of=at, state="done"))
    path = settings.publications_dir / f"{first.version}.json"
    ahead = time.time() + 3600
    os.utime(path, (ahead, ahead))
    for version in ("000002-b", "000003-c"):
        save(settings, PublicationRecord(version=version, generation=2, as_of=at, state="prepared"))
        found = newest(settings)
        assert found is not None and found.version == version


def test_signs_of_life_from_the_future_hide_no_dead_source() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert last_seen((now + timedelta(hours=3), now - timedelta(minutes=9), None), now) == now - timedelta(minutes=9)
    assert last_seen((now + timedelta(hours=3), None), now) is None
    assert last_seen((now + timedelta(seconds=5),), now) == now + timedelta(seconds=5)


def test_a_source_file_is_read_whatever_the_clock_says(files: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as forward:
        set_clock(forward, 3)
        _drop(files, "1.csv")
        collect(files, "hr", 0, lambda _: None)
    _drop(files, "2.csv")
    collect(files, "hr", 0, lambda _: None)
    assert _collected(files) == {"1.csv": _ROWS, "2.csv": _ROWS}
    assert load_source(files.sources_dir / "hr.yaml").source == "hr"
