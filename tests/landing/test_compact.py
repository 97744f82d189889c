"""Compaction: the same batches in a few files, at every instant, also after a kill."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backoffice.errors import LandingError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.landing import compact as compacting
from backoffice.landing.compact import compact
from backoffice.landing.compacted import SEQ, range_folder

SMALL = (40, 10)
"""Ranges of ten and forty batches: the same code, in a fraction of the time."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch.setattr)


def shrink(setattr: Any) -> None:
    """Compaction with small ranges."""
    from backoffice.landing import compact, compacted, compacting, local

    for module in (compact, compacted, compacting, local):
        if hasattr(module, "PER_GROUP"):
            setattr(module, "PER_GROUP", SMALL[-1])
        if hasattr(module, "SIZES"):
            setattr(module, "SIZES", SMALL)
    setattr(compacted.find_range, "__defaults__", (SMALL,))


def land(store: LocalBatchStore, count: int, source: str = "shop") -> None:
    """Batches as they come: other tables each time, empty images, columns that change, fixes with notes."""
    rng = random.Random(count)
    for _ in range(count):
        batch = store.begin(source)
        row_no = 0
        for table in rng.sample(["orders", "lines", "customers"], rng.randint(1, 3)):
            rows = rng.choice([0, 1, 1, 2, 7])
            pq.write_table(_table(batch.batch_id, batch.seq, row_no, rows), batch.path(table))
            row_no += rows
        is_fix = rng.random() < 0.1
        batch.commit(
            kind="fix" if is_fix else "stream",
            offset={"lsn": f"0/{batch.seq:X}"},
            full_tables=frozenset({"customers"}) if rng.random() < 0.1 else frozenset(),
            notes={"actor": "ada", "reason": "Æ"} if is_fix else None,
        )


def _table(batch_id: str, seq: int, row_no: int, rows: int) -> pa.Table:
    columns: dict[str, Any] = {
        "_batch_id": pa.array([batch_id] * rows, pa.string()),
        "_row_no": pa.array(range(row_no + 1, row_no + rows + 1), pa.int64()),
        "amount": pa.array([None if n % 3 else f"{seq}.{n}" for n in range(rows)], pa.string()).cast(
            pa.decimal128(18, 4)
        ),
        "_unchanged": pa.array([["note"] if n % 2 else None for n in range(rows)], pa.list_(pa.string())),
    }
    if seq % 25 > 20:  # a column that comes and goes, another that is widened
        columns["note"] = pa.array(["x,\n'"] * rows, pa.string())
    columns["qty"] = pa.array([seq] * rows, pa.int32() if seq < 33 else pa.int64())
    return pa.table(columns)


def content(store: LocalBatchStore, source: str = "shop", after: int = 0) -> list[Any]:
    """Every batch: its manifest, and each table's rows as DuckDB reads them."""
    with duckdb.connect() as connection:
        return [
            (manifest, {t.name: _rows(connection, store, [manifest], t.name) for t in manifest.tables})
            for manifest in store.batches(source, after)
        ]


def _rows(
    connection: duckdb.DuckDBPyConnection, store: LocalBatchStore, manifests: list[Manifest], table: str
) -> list[Any]:
    relation = store.relation(manifests, table)
    columns = sorted(str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall())
    assert SEQ not in columns
    listed = ", ".join(columns)
    return [columns, *connection.execute(f"SELECT {listed} FROM {relation} ORDER BY _batch_id, _row_no").fetchall()]


def _files(root: Path) -> tuple[int, int]:
    paths = list(root.rglob("*"))
    return sum(path.is_dir() for path in paths), sum(path.stat().st_size for path in paths if path.is_file())


@pytest.mark.usefixtures("small")
def test_nothing_of_a_batch_is_lost(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 97)
    before, last = content(store), store.last("shop")
    done = compact(store, "shop", 97, grace_seconds=0)
    assert (done.ranges, done.batches) == (9 + 2, 89 + 79)
    assert not list((tmp_path / "shop" / "compacted" / "10").glob("000000[0-7]")), "the larger range replaced them"
    assert sorted(p.name for p in (tmp_path / "shop").glob("0*")) == ["0000009"]
    assert content(store) == before and store.last("shop") == last
    assert [found.seq for found in store.batches("shop", after=37)] == list(range(38, 98))
    assert store.manifest("shop", 0) is None and store.manifest("shop", 98) is None
    assert any(manifest.notes for manifest, _ in before), "no fix was among them"
    assert store.begin("shop").seq == 98
    assert compact(store, "shop", 97, grace_seconds=0).ranges == 0


@pytest.mark.usefixtures("small")
def test_a_read_may_begin_and_end_inside_a_range(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 97)
    manifests = [found for found in store.batches("shop", after=33) if found.seq <= 91 and found.seq != 50]
    with duckdb.connect() as connection:
        before = _rows(connection, store, manifests, "orders")
        compact(store, "shop", 97, grace_seconds=0)
        assert _rows(connection, store, manifests, "orders") == before
    assert store.relation(manifests[:1], "nothing") == ""


@pytest.mark.usefixtures("small")
def test_only_batches_that_readers_see_and_no_folder_a_collector_works_in(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 25)
    assert compact(store, "shop", 8, grace_seconds=0).ranges == 0
    assert compact(store, "shop", 1000, grace_seconds=0).batches == 19
    assert (tmp_path / "shop" / "0000002").is_dir()


@pytest.mark.usefixtures("small")
def test_replaced_files_stay_for_those_who_read_them(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 25)
    first = next(store.batches("shop"))
    path = Path(store.uri(first, first.tables[0].name))
    assert compact(store, "shop", 25, grace_seconds=3600).removed == 0
    assert path.exists() and store.uri(first, first.tables[0].name) != str(path), "ignored, and still there"
    assert compact(store, "shop", 25, grace_seconds=0).removed == 2
    assert not path.exists()


@pytest.mark.usefixtures("small")
def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 12)
    path = Path(store.uri(manifest := next(store.batches("shop")), manifest.tables[0].name))
    pq.write_table(pq.read_table(path), path, compression="gzip")
    with pytest.raises(LandingError, match="not what was landed"):
        compact(store, "shop", 12, grace_seconds=0)
    assert store.uri(manifest, manifest.tables[0].name) == str(path)


@pytest.mark.usefixtures("small")
def test_rows_that_were_not_copied_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backoffice.landing import compacting as writing

    store = LocalBatchStore(tmp_path)
    land(store, 12)
    whole = writing._numbered
    monkeypatch.setattr(writing, "_numbered", lambda *a: whole(*a).slice(0, max(0, whole(*a).num_rows - 1)))
    with pytest.raises(LandingError, match="rows are not those of the batches"):
        compact(store, "shop", 12, grace_seconds=0)
    monkeypatch.undo()


@pytest.mark.usefixtures("small")
def test_replaced_files_stay_when_what_replaces_them_is_damaged(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 12)
    compact(store, "shop", 12, grace_seconds=3600)
    with next(range_folder(tmp_path, "shop", 10, 0).glob("*-0.parquet")).open("ab") as file:
        file.write(b"x")
    with pytest.raises(LandingError, match="not what was written"):
        compact(store, "shop", 12, grace_seconds=0)
    assert (tmp_path / "shop" / "0000000" / "0000000001" / "manifest.json").exists()


@pytest.mark.usefixtures("small")
def test_a_second_compaction_is_refused(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    land(store, 12)
    with (
        compacting._lock(tmp_path / "shop" / "compacted"),
        pytest.raises(LandingError, match="another process compacts"),
    ):
        compact(store, "shop", 12, grace_seconds=0)


_KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from pathlib import Path
from tests.landing.test_compact import shrink
from backoffice.landing import LocalBatchStore
from backoffice.landing.compact import compact

calls = 0
def counted(function, after):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == {at} and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if calls == {at} and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

shrink(setattr)
for name in ("fsync", "rename", "mkdir", "unlink", "rmdir"):
    setattr(os, name, counted(getattr(os, name), {after}))
compact(LocalBatchStore(Path({root!r})), "shop", 45, grace_seconds=0)
print(calls)
"""


def _compact_killed(root: Path, at: int, after: bool) -> int:
    """Compact in a process that kills itself before or after its call number ``at``; returns the calls, 0 if killed."""
    script = textwrap.dedent(_KILLED).format(path=[p for p in sys.path if p], at=at, after=after, root=str(root))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else 0


def _kill_points(calls: int, wanted: int) -> Iterator[tuple[int, bool]]:
    rng = random.Random(7)
    return ((at, rng.random() < 0.5) for at in sorted(rng.sample(range(1, calls + 1), min(wanted, calls))))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("points", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_a_kill_leaves_the_old_batches_or_the_new_range(tmp_path: Path, points: int) -> None:
    landed = LocalBatchStore(tmp_path / "landed")
    land(landed, 45)
    wanted = content(landed)
    trial = tmp_path / "trial"
    shutil.copytree(landed.root, trial)
    calls = _compact_killed(trial, 0, False)
    assert calls > 100
    for at, after in _kill_points(calls, points):
        shutil.rmtree(trial)
        shutil.copytree(landed.root, trial)
        assert _compact_killed(trial, at, after) == 0
        store = LocalBatchStore(trial)
        assert content(store) == wanted, f"after a kill at call {at}"
        compact(store, "shop", 45, grace_seconds=0)
        assert content(store) == wanted
        left = [str(path.relative_to(trial / "shop")) for path in (trial / "shop").glob("compacted/*/*")]
        assert left == ["compacted/40/0000000"], f"after a kill at call {at}"


@pytest.mark.slow
def test_two_thousand_batches_become_two_ranges(tmp_path: Path) -> None:
    """A second of streaming is a batch: what that costs in folders and bytes, and what is left of it."""
    store = LocalBatchStore(tmp_path)
    land(store, 2000)
    folders, size = _files(tmp_path)
    manifests = list(store.batches("shop"))
    with duckdb.connect() as connection:
        before = {name: _rows(connection, store, manifests, name) for name in ("orders", "lines", "customers")}
        assert compact(store, "shop", 2000, grace_seconds=0).batches == 1999
        assert list(store.batches("shop")) == manifests
        assert {name: _rows(connection, store, manifests, name) for name in before} == before
    assert folders == 2004
    after = _files(tmp_path)
    assert after[0] < 10 and after[1] < size / 5, (folders, size, after)
