"""One source's accepted events: requests that wait together become durable with one fsync, then all are answered.

In: events from the endpoint. Out: segments, and an answer to each request once its events are on the disk. Only one
process accepts for a source, in one thread, so an event is told from a replay of it without a race.
"""

from __future__ import annotations

import fcntl
import logging
import queue
import shutil
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from backoffice.errors import PushError
from backoffice.landing import BatchStore
from backoffice.push.events import Event
from backoffice.push.recover import recover
from backoffice.push.seen import FILE, Known, Seen
from backoffice.push.segments import Position, SegmentWriter, segments, waiting_bytes
from backoffice.settings import Settings

_log = logging.getLogger(__name__)

_TOGETHER = 2000  # requests that share an fsync at most
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 1.0
_MB = 1_000_000


class ConflictError(Exception):
    """An event that was accepted before with another content."""


class BusyError(Exception):
    """Nothing is accepted at the moment; says why. Nothing of the request was kept, or it will be known as a replay."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request's events: durable now, or durable before."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Request:
    events: list[Event]
    answer: Future[Accepted]


class Inbox:
    """Accepts the events of one source.

    Args:
        settings: folders and limits.
        source: its name.
        store: where its events land.

    Raises:
        PushError: another process accepts for the source.
    """

    def __init__(self, settings: Settings, source: str, store: BatchStore) -> None:
        self._settings = settings
        self._source = source
        self._store = store
        self._folder = settings.push_dir / source
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(self._folder / "lock")
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._seen: Seen | None = None
        self._segment: SegmentWriter | None = None
        self._reason = "it has just started"
        self._looked = float("-inf")
        self._full = ""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"push-{source}", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why nothing is accepted at the moment; empty when it is."""
        if not self._thread.is_alive():
            return "it was stopped"
        return self._reason or self._limit()

    def submit(self, events: list[Event]) -> Future[Accepted]:
        """Have a request's events made durable; the answer may raise :class:`ConflictError` or :class:`BusyError`."""
        answer: Future[Accepted] = Future()
        if self._closed or self._requests.qsize() > _TOGETHER * 5:
            answer.set_exception(BusyError("too many requests wait"))
        else:
            self._requests.put(_Request(events, answer))
        return answer

    def close(self) -> None:
        """Answer what waits, and accept no more."""
        self._closed = True
        self._requests.put(None)
        self._thread.join()
        self._lock.close()

    def _limit(self) -> str:
        """Looked up twice a second: it lists a folder."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked, self._full = now, self._look()
        return self._full

    def _look(self) -> str:
        if shutil.disk_usage(self._folder).free < self._settings.push_disk_free_mb * _MB:
            return "the disk is nearly full"
        if waiting_bytes(self._folder, self._landed()) > self._settings.push_waiting_mb * _MB:
            return "too many accepted events wait to be landed"
        return ""

    def _landed(self) -> Position:
        last = self._store.last(self._source)
        return Position.of(last.offset if last else None)

    def _run(self) -> None:
        while True:
            ready = self._get_ready()
            group = self._next_group(None if ready else _RETRY_SECONDS)
            if group is None:
                break
            if ready:
                self._serve(group)
            else:
                _refuse(group, self._reason)
        self._drop()

    def _next_group(self, wait: float | None) -> list[_Request] | None:
        """All requests that wait, once there is one; none when there was none so long, None at the end."""
        group: list[_Request] = []
        try:
            found = self._requests.get(timeout=wait)
            while found is not None and len(group) < _TOGETHER:
                group.append(found)
                found = self._requests.get_nowait()
        except queue.Empty:
            return group
        if found is None and group:
            self._requests.put(None)
        elif found is not None:
            group.append(found)
        return group or None

    def _get_ready(self) -> bool:
        if not self._reason:
            return True
        try:
            self._seen = recover(self._settings, self._source, self._store)
            self._reason = ""
        except Exception as error:  # whatever it is, it is said, and tried again with the next request
            self._fail(error)
        return not self._reason

    def _serve(self, group: list[_Request]) -> None:
        try:
            answers = self._accept(group)
        except (OSError, sqlite3.Error) as error:
            self._fail(error)
            _refuse(group, self._reason)
            return
        for request, answer in zip(group, answers, strict=True):
            if isinstance(answer, Accepted):
                request.answer.set_result(answer)
            else:
                request.answer.set_exception(answer)

    def _fail(self, error: Exception) -> None:
        """What is in the segment is not known now: it is read again before anything else is accepted."""
        _log.error("nothing is accepted for %s: %s", self._source, error)
        self._reason = f"accepted events cannot be made durable: {getattr(error, 'strerror', None) or error}"
        self._drop()

    def _drop(self) -> None:
        if self._segment is not None:
            self._segment.close()
        if self._seen is not None:
            self._seen.close()
        self._segment = self._seen = None

    def _accept(self, group: list[_Request]) -> list[Accepted | ConflictError]:
        assert self._seen is not None  # _get_ready
        known = self._seen.find([event.key for request in group for event in request.events])
        fresh: dict[bytes, Event] = {}
        answers = [_judge(request.events, known, fresh) for request in group]
        if fresh:
            self._append(list(fresh.values()))
        return answers

    def _append(self, events: list[Event]) -> None:
        assert self._seen is not None  # _get_ready
        segment = self._writer()
        places = segment.append([event.raw for event in events], time.time_ns() // 1000)
        added = [Known(event.key, event.digest, place) for event, place in zip(events, places, strict=True)]
        self._seen.add(added, segment.end)

    def _writer(self) -> SegmentWriter:
        if self._segment is not None and self._segment.end.byte >= self._settings.push_segment_mb * _MB:
            self._segment.close()
            self._segment = None
        if self._segment is None:
            assert self._seen is not None  # _get_ready
            used = max([self._landed().segment, self._seen.reached().segment, *segments(self._folder)])
            self._segment = SegmentWriter(self._folder, used + 1)
        return self._segment


def index_path(settings: Settings, source: str) -> Path:
    """Where a source's index of accepted events is."""
    return settings.push_dir / source / FILE


def _judge(events: list[Event], known: dict[bytes, Known], fresh: dict[bytes, Event]) -> Accepted | ConflictError:
    """All events of a request are accepted, or none: new ones are added to ``fresh``."""
    new: dict[bytes, Event] = {}
    for event in events:
        before = known.get(event.key) or fresh.get(event.key) or new.get(event.key)
        if before is None:
            new[event.key] = event
        elif before.digest != event.digest:
            return ConflictError()
    fresh.update(new)
    return Accepted(len(new), len(events) - len(new))


def _refuse(group: list[_Request], reason: str) -> None:
    for request in group:
        request.answer.set_exception(BusyError(reason))


def _locked(path: Path) -> TextIO:
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.close()
        raise PushError(
            "another process accepts events for this source",
            where=str(path),
            rule="one endpoint a home",
            next_step="stop the other endpoint; `backoffice status` names it",
        ) from error
    return handle
