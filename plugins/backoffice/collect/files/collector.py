"""The collector of a files source: looks at its folder and lands each new file as one batch."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backoffice.collect.backfill import Backfill, BackfillRequests
from backoffice.collect.files.aside import AsideList
from backoffice.collect.files.findings import Findings
from backoffice.collect.files.history import FileHistory
from backoffice.collect.files.layout import check_layouts, watched_folder
from backoffice.collect.files.period import difference, in_words, period_of
from backoffice.collect.files.reader import FileRows, write_parquet
from backoffice.collect.files.records import Stamp
from backoffice.collect.files.reread import Rereader
from backoffice.collect.files.snapshot import Snapshot, take_snapshot
from backoffice.collect.files.watch import Candidate, FolderWatch
from backoffice.collect.heartbeat import Heartbeat
from backoffice.collect.lock import source_lock
from backoffice.errors import FileSetAsideError, SourceLockedError
from backoffice.landing import BatchStore, Manifest, OpenBatch
from backoffice.settings import Settings
from backoffice.sources import SourceConfig

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class FileCounts:
    """Files this collector dealt with since it was made."""

    landed: int = 0
    duplicates: int = 0
    set_aside: int = 0


class FileCollector:
    """Lands the files of one source.

    A file is read once it has stood still for ``settings.file_stable_seconds`` between two looks.

    Args:
        config: a source with a files connection.
        store: where batches land.
        settings: folders and times.
        clock: monotonic seconds.

    Attributes:
        stop: set it to end a run after the file at hand.

    Raises:
        MappingError: a layout in the source's YAML cannot be followed.
    """

    def __init__(
        self,
        config: SourceConfig,
        store: BatchStore,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_layouts(config)
        self.counts = FileCounts()
        self.stop = threading.Event()
        self._config = config
        self._store = store
        self._settings = settings
        self._clock = clock
        self._folder = watched_folder(config, settings)
        self._work = settings.collect_dir / f"{config.source}.work"
        self._watch = FolderWatch(config, self._folder, settings.file_stable_seconds, clock)
        self._history = FileHistory(config, store)
        self._heartbeat = Heartbeat(settings, config.source)
        self._aside = AsideList(settings.collect_dir / f"{config.source}.errors.jsonl")
        self._backfills = BackfillRequests(settings, config.source)
        self._findings = Findings(settings, config.source, self._history)

    def run(self, seconds: float | None, on_landed: Callable[[Manifest], None]) -> None:
        """Look at the folder every ``settings.file_poll_seconds``.

        Args:
            seconds: how long; None for ever. Files waiting at the end get one more look, so that 0 lands what is there.
            on_landed: called with each batch as soon as it is durable.

        Raises:
            CollectError: another process collects from this source, or the folder is not there.
            MappingError: a file matches the patterns of two reads.
        """
        until = None if seconds is None else self._clock() + seconds
        with self._alone():
            while True:
                self._look(on_landed)
                pause = self._settings.file_poll_seconds
                if until is not None:
                    pause = min(pause, until - self._clock())
                if pause <= 0:
                    break
                if self.stop.wait(pause):
                    return
            if not all(self._history.is_settled(candidate) for candidate in self._watch.waiting):
                time.sleep(self._settings.file_stable_seconds)
                self._look(on_landed)

    def backfill(self, asked: Backfill, on_landed: Callable[[Manifest], None]) -> bool:
        """Read files of some days again; False when a running collector was asked to. Errors as in :meth:`run`."""
        self._backfills.add(asked)
        try:
            self.run(0, on_landed)
        except SourceLockedError:
            return False
        return True

    def scan_once(self) -> list[Manifest]:
        """Land what is ready at this look; errors as in :meth:`run`. A file seen for the first time waits."""
        with self._alone():
            return list(self._land_ready())

    def _look(self, on_landed: Callable[[Manifest], None]) -> None:
        for manifest in self._land_ready():
            on_landed(manifest)
            if self.stop.is_set():
                return
        if not self._watch.waiting:
            self._heartbeat.caught_up()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with source_lock(self._settings, self._config.source):
            if self._folder.is_relative_to(self._settings.home):  # ours to make; a mount is not
                self._folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._work, ignore_errors=True)  # what a killed collector left
            self._work.mkdir(parents=True)
            self._history.refresh()
            self._aside.refresh()
            self._findings.refresh()
            try:
                yield
            finally:
                shutil.rmtree(self._work, ignore_errors=True)

    def _land_ready(self) -> Iterator[Manifest]:
        ready = self._watch.look()
        for asked in self._backfills.pending():
            yield from self._read_again(asked, ready)
        for candidate in ready:
            if self._history.is_settled(candidate):
                continue
            manifest = self._consider(candidate)
            if manifest:
                yield manifest
        self._findings.save(self._watch.present)

    def _read_again(self, asked: Backfill, ready: list[Candidate]) -> Iterator[Manifest]:
        """Land what is different in files that landed before, in their order; the request waits for files that move."""
        reader = Rereader(self._config, self._store, self._history, self._settings, self._work)
        if reader.concerned(asked, self._watch.waiting):
            return
        for candidate in reader.concerned(asked, ready):
            try:
                manifest = reader.land(candidate, asked)
            except FileSetAsideError as error:
                self._set_aside(candidate, "", error)
                continue
            if manifest:
                self._history.add(manifest)
                yield manifest
        self._backfills.done(asked)

    def _consider(self, candidate: Candidate) -> Manifest | None:
        try:
            snapshot = take_snapshot(candidate, self._work / "copy")
        except FileSetAsideError as error:  # not settled: a changed permission leaves size and time as they are
            self._set_aside(candidate, "", error)
            return None
        if snapshot is None:
            self._watch.restart(candidate)
            return None
        if self._history.is_only_touched(candidate, snapshot.sha256):
            return None
        try:
            manifest = self._land_if_new(candidate, snapshot)
        except FileSetAsideError as error:
            self._history.settle(candidate, snapshot.sha256)
            self._set_aside(candidate, snapshot.sha256, error)
            return None
        self._findings.settled(candidate)
        return manifest

    def _set_aside(self, candidate: Candidate, sha256: str, error: FileSetAsideError) -> None:
        self.counts.set_aside += self._aside.record(candidate, sha256, error)
        self._findings.set_aside(candidate, error)

    def _land_if_new(self, candidate: Candidate, snapshot: Snapshot) -> Manifest | None:
        first = self._history.first_landed_as(candidate, snapshot.sha256)
        if first is not None:
            _log.warning("%s has the content of %s, which was landed: passed over", candidate.path, first)
            self._history.pass_over(candidate, snapshot.sha256)
            self.counts.duplicates += 1
            return None
        self._refuse_overtaken(candidate, snapshot)
        manifest = self._land(candidate, snapshot)
        self._history.add(manifest)
        self.counts.landed += 1
        return manifest

    def _refuse_overtaken(self, candidate: Candidate, snapshot: Snapshot) -> None:
        if self._aside.holds(snapshot.sha256) and self._history.overtaken(candidate):
            raise FileSetAsideError(
                "a newer copy of the whole table was landed while this one was set aside",
                rule="a mended layout does not take a table back to an older state",
                next_step="touch the file to land it as the newest",
            )

    def _land(self, candidate: Candidate, snapshot: Snapshot) -> Manifest:
        read = self._config.reads[candidate.read]
        event_at = datetime.fromtimestamp(candidate.signature.mtime_ns / 1e9, UTC)
        batch = self._store.begin(self._config.source)
        rows = self._write(batch, candidate, snapshot, event_at)
        notes = _notes(candidate, rows, incomplete=read.full and not rows.is_image) | self._period(batch, candidate)
        return batch.commit(
            kind="file",
            offset=self._history.offset(candidate, snapshot.sha256),
            full_tables=frozenset({candidate.read} if read.full and rows.is_image else ()),
            event_at_min=event_at,
            event_at_max=event_at,
            notes=notes,
        )

    def _period(self, batch: OpenBatch, candidate: Candidate) -> dict[str, Any]:
        """What the manifest says of the file's period, and of the file it replaces."""
        read = self._config.reads[candidate.read]
        period = period_of(candidate.name, read)
        now = self._history.published(candidate.read, period)
        if now is None:
            return {"period": period} if period else {}
        before = self._store.manifest(self._config.source, now.seq)
        assert before is not None  # the history is made of the manifests
        found = difference(read, self._store.relation([before], candidate.read), batch.path(candidate.read))
        note = {"batches": [now.seq], "period": period, "file": now.file, **found}
        _log.warning("%s %s", candidate.path, in_words(note))
        return {"period": period, "replaces": note}

    def _write(self, batch: OpenBatch, candidate: Candidate, snapshot: Snapshot, event_at: datetime) -> FileRows:
        read = self._config.reads[candidate.read]
        stamp = Stamp(batch.batch_id, candidate.name, snapshot.sha256, event_at, datetime.now(UTC), read.part)
        target = batch.path(candidate.read)
        try:
            return write_parquet(
                snapshot.path,
                target,
                read,
                stamp,
                work=self._work,
                settings=self._settings,
                policy=self._config.drift_of(candidate.read),
            )
        except BaseException:
            batch.abort()
            raise


def _notes(candidate: Candidate, rows: FileRows, *, incomplete: bool) -> dict[str, Any]:
    """What a person may want to know of the file; ``deletes_nothing`` says that a whole table has holes."""
    notes: dict[str, Any] = {"defects": rows.defects, "one_line_end": rows.one_line_end}
    if incomplete:
        notes["deletes_nothing"] = True
    if rows.state is not None:
        notes["state"] = rows.state
    if rows.warnings:
        notes["warnings"] = {"file": candidate.name, "what": list(rows.warnings)}
    if rows.drifts:
        notes["drift"] = {
            "file": candidate.name,
            "read": candidate.read,
            "line": rows.header.line,
            "header": list(rows.header.names),
            "columns": [drift.as_note() for drift in rows.drifts],
        }
    return notes
