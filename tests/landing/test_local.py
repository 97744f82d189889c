"""Batches in a folder: rows and offset together or not at all, once each, in order."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backoffice.errors import LandingError
from backoffice.landing import LocalBatchStore


def _write(path: Path, rows: int) -> None:
    pq.write_table(pa.table({"n": list(range(rows))}), path)


def _land(store: LocalBatchStore, rows: int, source: str = "shop", **values: object) -> int:
    batch = store.begin(source)
    _write(batch.path("orders"), rows)
    return batch.commit(kind="stream", offset={"lsn": rows}, **values).seq  # type: ignore[arg-type]


def test_a_batch_is_read_back_with_its_offset(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    assert store.last("shop") is None
    assert [_land(store, 3), _land(store, 5, full_tables=frozenset({"orders"}))] == [1, 2]
    last = store.last("shop")
    assert last is not None
    assert (last.batch_id, last.rows, last.offset, last.tables[0].full) == ("shop-0000000002", 5, {"lsn": 5}, True)
    assert [m.seq for m in store.batches("shop", after=1)] == [2]
    assert pq.read_table(store.uri(last, "orders")).num_rows == 5
    assert store.sources() == ["shop"]


def test_numbers_cross_folders(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    for expected in range(1, 1003):
        folder = tmp_path / "shop" / f"{expected // 1000:07d}" / f"{expected:010d}"
        if expected in (1, 999, 1000, 1001):
            assert _land(store, 1) == expected
        else:  # cheap stand-ins for batches that are not looked at
            folder.mkdir(parents=True, exist_ok=True)
            source = tmp_path / "shop" / "0000000" / "0000000001" / "manifest.json"
            text = source.read_text().replace('"seq": 1,', f'"seq": {expected},')
            (folder / "manifest.json").write_text(text)
    assert [m.seq for m in store.batches("shop", after=998)] == [999, 1000, 1001, 1002]


def test_without_a_manifest_there_is_no_batch(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    _land(store, 1)
    abandoned = store.begin("shop")
    _write(abandoned.path("orders"), 9)
    assert [m.seq for m in store.batches("shop")] == [1]
    assert _land(store, 2) == 2
    last = store.last("shop")
    assert last is not None and last.rows == 2


def test_a_file_that_is_not_parquet_lands_nothing(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    batch = store.begin("shop")
    batch.path("orders").write_bytes(b"PAR1 but not really")
    with pytest.raises(LandingError, match="not readable Parquet"):
        batch.commit(kind="stream", offset={})
    assert store.last("shop") is None


def test_the_second_of_two_writers_is_refused(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    first, folder = store.begin("shop"), tmp_path / "shop" / "0000000" / "0000000001"
    _write(first.path("orders"), 1)
    first.commit(kind="stream", offset={"winner": 1})
    second = type(first)(folder, "shop", 1)
    _write(second.path("more"), 1)
    with pytest.raises(LandingError, match="landed by another collector"):
        second.commit(kind="stream", offset={"winner": 2})
    second.abort()
    last = store.last("shop")
    assert last is not None and last.offset == {"winner": 1}


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    _land(store, 1)
    path = tmp_path / "shop" / "0000000" / "0000000001" / "manifest.json"
    path.write_text("{")
    with pytest.raises(LandingError, match="manifest cannot be read") as caught:
        store.last("shop")
    assert str(path) in str(caught.value)


_WRITER = """
    import sys, pyarrow as pa, pyarrow.parquet as pq
    from pathlib import Path
    from backoffice.landing import LocalBatchStore
    store = LocalBatchStore(Path(sys.argv[1]))
    last = store.last("shop")
    n = last.offset["n"] if last else 0
    print("ready", flush=True)
    while True:
        batch = store.begin("shop")
        pq.write_table(pa.table({"n": list(range(n, n + 7))}), batch.path("orders"))
        n += 7
        batch.commit(kind="stream", offset={"n": n})
"""


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    store, rng = LocalBatchStore(tmp_path), random.Random(7)
    for round_ in range(1, 7):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_WRITER), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        while (landed := store.last("shop")) is None or landed.seq < 3 * round_:
            time.sleep(0.001)
        time.sleep(rng.random() / 50)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    rows = [n for m in store.batches("shop") for n in pq.read_table(store.uri(m, "orders"))["n"].to_pylist()]
    last = store.last("shop")
    assert last is not None and rows == list(range(last.offset["n"]))


def test_writers_of_a_pseudo_source_wait_for_each_other(tmp_path: Path) -> None:
    store = LocalBatchStore(tmp_path)
    with store.exclusive("_verdicts"):
        with store.exclusive("_fixes_shop"):
            pass
        with pytest.raises(LandingError, match="another process"), LocalBatchStore(tmp_path).exclusive("_verdicts", 0):
            pass
    with store.exclusive("_verdicts", 0):
        assert store.sources() == []
