"""One writer: a lease held from load to publish, and a file lock held by whoever works at this instant.

The steps of a refresh run in different processes. Each takes the file lock while it works; between them the lease
file says whose the warehouse is, until it expires. A killed holder's file lock is released by the kernel, its lease by
time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel

from backoffice.durable import naming
from backoffice.errors import LeaseHeldError
from backoffice.settings import Settings

_POLL_SECONDS = 0.05
# A waiter says so at every look; one that was killed is forgotten after this.
_WAITING_SECONDS = 1.0


class LeaseRecord(BaseModel):
    """Who holds the warehouse; times are Unix seconds."""

    holder: str
    pid: int
    acquired_at: float
    expires_at: float


class Lease:
    """The warehouse's lease."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.warehouse_path.parent
        self._seconds = settings.lease_seconds
        self._record = self._folder / "lease.json"
        self._lock = self._folder / "lease.lock"
        self._wanted = self._folder / "lease.wanted"

    def wanted(self) -> bool:
        """Whether somebody waits for the lease just now: who takes it again and again lets them go first."""
        try:
            return abs(time.time() - self._wanted.stat().st_mtime) < _WAITING_SECONDS
        except FileNotFoundError:
            return False

    def current(self) -> LeaseRecord | None:
        """The record, expired or not; None when free."""
        try:
            return LeaseRecord.model_validate_json(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    @contextmanager
    def held(self, holder: str, *, wait: float = 0.0, release: bool = True) -> Iterator[None]:
        """Hold the lease while the block runs.

        Args:
            holder: name shown to others; the same name continues its own lease.
            wait: seconds to wait for another holder.
            release: give the lease up afterwards; otherwise it is kept for the holder's next step until it expires.

        Raises:
            LeaseHeldError: somebody else holds it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as handle:
            self._wait_for(handle, holder, wait)
            try:
                yield
            except BaseException:
                self._record.unlink(missing_ok=True)
                raise
            if release:
                self._record.unlink(missing_ok=True)
            else:
                self._write(holder)

    def _wait_for(self, handle: TextIO, holder: str, wait: float) -> None:
        deadline = time.monotonic() + wait
        while not self._try(handle, holder):
            if time.monotonic() >= deadline:
                raise self._held_error()
            self._wanted.touch()
            time.sleep(_POLL_SECONDS)

    def _try(self, handle: TextIO, holder: str) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        record = self._plausible(self.current())
        if record and record.holder != holder and record.expires_at > time.time():
            fcntl.flock(handle, fcntl.LOCK_UN)
            return False
        self._write(holder, record)
        return True

    def _plausible(self, record: LeaseRecord | None) -> LeaseRecord | None:
        """A lease that ends later than one taken now was written before the clock was set back: it starts again."""
        if record is None or record.expires_at <= time.time() + self._seconds:
            return record
        capped = record.model_copy(update={"acquired_at": time.time(), "expires_at": time.time() + self._seconds})
        _replace(self._record, json.dumps(capped.model_dump()))
        return capped

    def _write(self, holder: str, previous: LeaseRecord | None = None) -> None:
        now = time.time()
        since = previous.acquired_at if previous and previous.holder == holder else now
        record = LeaseRecord(holder=holder, pid=os.getpid(), acquired_at=since, expires_at=now + self._seconds)
        _replace(self._record, json.dumps(record.model_dump()))

    def _held_error(self) -> LeaseHeldError:
        record = self.current()
        who = record.holder if record else "another command"
        since = time.strftime("%H:%M:%S", time.localtime(record.acquired_at)) if record else "just now"
        return LeaseHeldError(
            f"{who} (pid {record.pid if record else '?'}) has held the warehouse since {since}",
            where=str(self._record),
            rule="one build at a time, from load to publish",
            next_step="wait for it, or look at the refresh_marts run in Airflow",
        )


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")  # one name for all: only the lock's holder writes, and a killed one leaves it
    with naming(temporary):
        temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
