"""A collector killed at any instant loses no row and lands none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_COLLECT = """
import sys
from pathlib import Path
from backoffice.collect.files import FileCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import load_source
settings = Settings(home=Path(sys.argv[1]), file_stable_seconds=0.02, file_poll_seconds=0.01)
collector = FileCollector(load_source(Path(sys.argv[2])), LocalBatchStore(settings.landing_dir), settings)
collector.run(None, lambda manifest: print(manifest.seq, flush=True))
"""

_SOURCE = """
apiVersion: backoffice/v1
source: hr
source_relation: hr
description: test
connection: {kind: files, folder: inbox}
reads:
  people: {pattern: "people*.csv", columns: {id: VARCHAR, name: VARCHAR}, primary_key: [id]}
tables: {}
"""

_FILES, _ROWS, _KILLS = 24, 400, 6


def test_kill_nine_while_files_land(inbox: Callable[..., Any], make_read: Callable[..., Any], tmp_path: Path) -> None:
    hr = inbox(people=make_read("people*.csv", "id", "name"))
    source = tmp_path / "hr.yaml"
    source.write_text(_SOURCE)
    for number in range(_FILES):
        rows = "".join(f"{number * _ROWS + n},name {n}\n" for n in range(_ROWS))
        hr.drop(f"people{number:02d}.csv", "id,name\n" + rows, mtime=number)
    hr.drop("people99.csv", (hr.folder / "people00.csv").read_text(), mtime=99)
    chance = random.Random(9)
    for _ in range(_KILLS):
        _run_until(hr, source, batches=1 + chance.randrange(4), then_seconds=chance.uniform(0, 0.02))
    landed = hr.land()
    manifests = list(hr.store.batches("hr"))
    assert manifests[len(manifests) - len(landed) :] == landed
    assert [manifest.seq for manifest in manifests] == list(range(1, _FILES + 1))
    ids = [int(row["id"]) for manifest in manifests for row in hr.rows(manifest)]
    assert ids == list(range(_FILES * _ROWS))


def _run_until(hr: Any, source: Path, *, batches: int, then_seconds: float) -> None:
    """Run the collector in a process of its own, and kill it a moment after so many batches."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COLLECT, str(hr.settings.home), str(source)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(batches):
        assert process.stdout.readline(), "the collector ended by itself"
    time.sleep(then_seconds)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
