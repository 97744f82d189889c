"""The DuckDB file: readers keep what they opened, and find the newest under the stable name."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.publish.support import LINES, MODELS, TOTALS, Warehouse

from backoffice.errors import PublishError
from backoffice.publish import current_file, file_cadence, file_due, publish_file
from backoffice.settings import Settings


def publish(warehouse: Warehouse, settings: Settings) -> Path:
    return publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)


def put(warehouse: Warehouse, *keys: str) -> None:
    warehouse.put(LINES, *({"line_key": key, "amount": Decimal("0.1000"), "tags": ["a"]} for key in keys))


def test_a_file_has_the_declared_tables_and_the_version(warehouse, settings):
    put(warehouse, "a", "b")
    path = publish(warehouse, settings)
    assert path.name == f"marts-{warehouse.now.version}.duckdb"
    with duckdb.connect(str(settings.marts_dir / "marts.duckdb"), read_only=True) as file:
        file.execute("SET TimeZone = 'UTC'")
        described = file.execute(f"SELECT column_name, column_type FROM (DESCRIBE {LINES.relation})").fetchall()
        assert [name for name, _ in described] == list(LINES.column_names)
        assert file.execute(f"FROM {LINES.relation} ORDER BY line_key").fetchall() == warehouse.rows(LINES)
        version = file.execute("SELECT version, generation, as_of FROM marts.current_version").fetchall()
        assert version == [(warehouse.now.version, warehouse.now.number, warehouse.now.as_of)]
        comments = file.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [LINES.name]
        ).fetchall()
        assert comments == [(column.name, column.description) for column in LINES.columns]
        table = "SELECT comment FROM duckdb_tables() WHERE table_name = ?"
        assert file.execute(table, [TOTALS.name]).fetchone() == (TOTALS.description,)


def test_the_version_is_read_through_any_alias(warehouse, settings):
    publish(warehouse, settings)
    with duckdb.connect() as other:
        other.execute(f"ATTACH '{settings.marts_dir / 'marts.duckdb'}' AS company (READ_ONLY)")
        assert other.execute("SELECT version FROM company.marts.current_version").fetchall() == [
            (warehouse.now.version,)
        ]


def test_the_manifest_describes_the_file(warehouse, settings):
    put(warehouse, "a", "b", "c")
    path = publish(warehouse, settings)
    manifest = current_file(settings)
    assert manifest is not None
    assert (manifest.version, manifest.generation) == (warehouse.now.version, warehouse.now.number)
    assert (manifest.as_of, manifest.file) == (warehouse.now.as_of, path.name)
    assert manifest.rows == {LINES.name: 3, TOTALS.name: 0}
    assert (manifest.sha256, manifest.bytes) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


def test_readers_work_across_publications(warehouse, settings):
    """One keeps the first file open, one connects anew while others of its process still hold older ones."""
    stable = str(settings.marts_dir / "marts.duckdb")
    count = f"SELECT count(*), (SELECT version FROM marts.current_version) FROM {LINES.relation}"
    readers = []
    for number in range(3):
        put(warehouse, f"key {number}")
        publish(warehouse, settings)
        readers.append((duckdb.connect(stable, read_only=True), (number + 1, warehouse.now.version)))
        for reader, expected in readers:
            assert reader.execute(count).fetchall() == [expected]
        seen_elsewhere = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import duckdb; print(duckdb.connect({stable!r}, read_only=True).sql('''{count}''').fetchall())",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert seen_elsewhere.stdout.strip() == str([readers[-1][1]])
        warehouse.build()
    for reader, _ in readers:
        reader.close()


def test_superseded_files_go_after_a_time_and_the_newest_stays(warehouse, settings):
    published = []
    for _ in range(4):
        published.append(publish(warehouse, settings))
        warehouse.build()
    keep = settings.marts_file_keep_seconds
    now = time.time()
    for path, age in zip(published, (9 * keep, 3 * keep, 1.5 * keep, 0.5 * keep), strict=True):
        os.utime(path, (now - age, now - age))
    published.append(publish(warehouse, settings))
    # the third was superseded half the time ago, the fourth just now: they may be open, whatever their age
    assert sorted(settings.marts_dir.glob("marts-*.duckdb")) == sorted(published[2:])
    assert sorted(settings.marts_dir.glob("marts-*.json")) == sorted(p.with_suffix(".json") for p in published[2:])
    os.utime(published[-1], (now - 9 * keep, now - 9 * keep))
    assert (settings.marts_dir / "marts.duckdb").resolve() == published[-1]


def test_a_file_is_due_at_its_cadence(warehouse, settings):
    assert file_due(settings, 1)
    path = publish(warehouse, settings)
    assert not file_due(settings, 1)
    assert not file_due(settings, 2)
    at_once = settings.model_copy(update={"marts_file_seconds": 0.0})
    assert file_due(at_once, 2)
    assert not file_due(at_once, 1)
    path.unlink()
    assert file_due(settings, 1)


def test_a_file_that_takes_long_is_written_seldom(warehouse, settings, monkeypatch):
    now = iter(range(0, 1000, 30))
    monkeypatch.setattr("backoffice.publish.file.time.monotonic", lambda: float(next(now)))
    publish(warehouse, settings)
    manifest = current_file(settings)
    assert manifest is not None and manifest.write_seconds == 30.0
    assert file_cadence(settings, manifest) == 600.0  # a twentieth of the time
    assert file_cadence(settings.model_copy(update={"marts_file_seconds": 3600.0}), manifest) == 3600.0
    assert file_cadence(settings.model_copy(update={"marts_file_seconds": 0.0}), manifest) == 0.0


def test_a_failed_build_leaves_the_file_before(warehouse, settings):
    first = publish(warehouse, settings)
    warehouse.connection.execute(f"DROP TABLE {TOTALS.relation}")
    warehouse.build()
    with pytest.raises(PublishError, match="could not be written"):
        publish(warehouse, settings)
    assert (settings.marts_dir / "marts.duckdb").resolve() == first
    warehouse.create(TOTALS)
    assert publish(warehouse, settings) != first


@pytest.mark.parametrize("moment", ["_describe", "sync_file", "point", "write_text"])
def test_a_killed_build_is_cleared_and_done_again(warehouse, settings, moment):
    put(warehouse, "a")
    first = publish(warehouse, settings)
    warehouse.build()
    put(warehouse, "b")
    warehouse.connection.close()
    child = os.fork()
    if child == 0:
        _publish_until(settings, warehouse, moment)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    stable = settings.marts_dir / "marts.duckdb"
    with duckdb.connect(str(stable), read_only=True) as reader:
        assert reader.execute(f"SELECT count(*) FROM {LINES.relation}").fetchone() in {(1,), (2,)}
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        second = publish_file(connection, MODELS, settings, **warehouse.now.values)
    assert {path.name for path in settings.marts_dir.iterdir()} == {
        first.name,
        second.name,
        first.with_suffix(".json").name,
        second.with_suffix(".json").name,
        "marts.duckdb",
        "manifest.json",
    }
    assert stable.resolve() == second


def _publish_until(settings: Settings, warehouse: Warehouse, moment: str) -> None:
    """In a child process: publish, and be killed when a step begins."""
    import backoffice.publish.file as module

    setattr(module, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    try:
        with duckdb.connect(str(settings.warehouse_path)) as connection:
            publish_file(connection, MODELS, settings, **warehouse.now.values)
    finally:
        os._exit(1)
