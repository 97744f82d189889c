"""Malformed and hostile files by the hundred: no crash, each named, nothing half loaded, good files among them land."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.collect.files.hostile import CAMT, HEADER, READS, ROW, files

from backoffice.collect.files.findings import findings_of

SOURCE: dict[str, Any] = {
    "apiVersion": "backoffice/v1",
    "source": "hr",
    "source_relation": "hr",
    "description": "test",
    "connection": {"kind": "files", "folder": "inbox"},
    "reads": READS,
    "tables": {},
}
_MEMORY_MB = 1500
_LIMITED = """
import json, resource, sys
from backoffice.collect.files import FileCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig

settings = Settings(home=sys.argv[1], file_stable_seconds=0.0, file_unpacked_mb=64)
config = SourceConfig.model_validate(json.loads(sys.argv[2]))
landed = FileCollector(config, LocalBatchStore(settings.landing_dir), settings).scan_once()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"landed": [m.offset["file"] for m in landed], "peak_mb": peak}))
"""


def _good() -> dict[str, bytes]:
    """Files that must land, whatever stands beside them."""
    return {"good.csv": (HEADER + ROW.format(n=1)).encode(), "good.camt": CAMT.encode(), "good.jsonl": b'{"id": 1}\n'}


def _odd_things(folder: Path) -> set[str]:
    """What is no file, or leads elsewhere; names of those that must be told."""
    (folder / "folder.csv").mkdir()
    (folder / "folder.camt").mkdir()
    (folder / "link.csv").symlink_to("/etc/passwd")
    (folder / "nowhere.csv").symlink_to(folder / "missing")
    (folder / "loop.jsonl").symlink_to(folder / "loop.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    return {"link.csv", "nowhere.csv", "loop.jsonl", "pipe.jsonl"}


def _collect(inbox: Any) -> dict[str, Any]:
    """In a process of its own, whose memory is measured."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(inbox.settings.home), json.dumps(SOURCE)],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _battery(inbox: Callable[..., Any], seed: int, number: int) -> None:
    world = inbox(**READS)
    made = files(seed, number)
    for name, _, content in made:
        world.drop(name, content)
    for name, content in _good().items():
        world.drop(name, content)
    odd = _odd_things(world.folder)
    found = _collect(world)
    aside = {file for file, said in findings_of(world.settings, "hr") if said.startswith("set aside")}
    landed = set(found["landed"])
    must_be_named = {name for name, kind, _ in made if not kind.rows_may_land}
    assert must_be_named - aside == set(), "each is named"
    assert odd <= aside and set(_good()) <= landed
    assert aside.isdisjoint(landed), "nothing of a file that was set aside landed"
    assert aside | landed == {name for name, _, _ in made} | odd | set(_good())
    assert {json.loads(line)["file"] for line in world.errors()} <= aside, "one line for each content"
    _check_landed(world, landed)
    assert found["peak_mb"] < _MEMORY_MB
    assert list((world.settings.collect_dir).glob("*.work")) == []


def _check_landed(world: Any, landed: set[str]) -> None:
    """Every batch is whole: its manifest tells its rows, and a row is either usable or has a defect."""
    for manifest in world.store.batches("hr"):
        (table,) = manifest.tables
        rows = pq.read_table(world.store.uri(manifest, table.name)).to_pylist()
        assert len(rows) == manifest.rows and {row["_source_file"] for row in rows} <= landed
        assert [row["_row_no"] for row in rows] == list(range(1, len(rows) + 1))
        if table.name == "rows":
            fields = sum(row["_defect"] is None for row in rows)
            assert fields == sum(row["id"] is not None and row["amount"] is not None for row in rows)


def test_sixty_bad_files_among_good_ones(inbox: Callable[..., Any]) -> None:
    _battery(inbox, seed=1, number=60)


@pytest.mark.slow
def test_five_hundred_bad_files_among_good_ones(inbox: Callable[..., Any]) -> None:
    _battery(inbox, seed=20261123, number=500)
