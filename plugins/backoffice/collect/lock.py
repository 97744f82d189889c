"""One collector a source: two would read the same rows and race for the same batch number."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from backoffice.errors import SourceLockedError
from backoffice.settings import Settings


@contextmanager
def source_lock(settings: Settings, source: str) -> Iterator[None]:
    """Hold ``<home>/collect/<source>.lock`` while the block runs; the kernel releases a killed holder's lock.

    Raises:
        SourceLockedError: another process collects from the source; names it.
    """
    path = settings.collect_dir / f"{source}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held_error(path, source) from error
        # the file is never unlinked: a waiting process would then lock a name nobody else sees
        _write_holder(handle)
        yield


def _write_holder(handle: TextIO) -> None:
    handle.truncate(0)
    handle.write(json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")}))
    handle.flush()


def _held_error(path: Path, source: str) -> SourceLockedError:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {holder['pid']} since {holder['since']}"
    except ValueError:  # it took the lock and has not written its name yet
        who = "a process that has just started"
    return SourceLockedError(
        f"source {source} is being collected by {who}",
        where=str(path),
        rule="one collector a source",
        next_step=f"wait for it, or stop it: the collect_{source} DAG in Airflow or `backoffice collect`",
    )
