"""The collector of a pushed source: lands accepted events in the order they were accepted, each once for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from backoffice.collect.heartbeat import Heartbeat
from backoffice.collect.lock import source_lock
from backoffice.collect.records import RecordRow, row_values, write_rows
from backoffice.errors import CollectError
from backoffice.landing import BatchStore, Manifest, OpenBatch
from backoffice.push.events import attributes_of, decode_event, event_key
from backoffice.push.inbox import index_path
from backoffice.push.seen import Seen
from backoffice.push.segments import Position, Record, read_segment, segment_path, segments
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.records import converter

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_MOST_BYTES = 16 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Accepted = tuple[Record, dict[str, Any]]  # and the event it holds


class PushCollector:
    """Lands the accepted events of one source.

    Args:
        config: a source with a push connection.
        store: where batches land.
        settings: folders and times.

    Attributes:
        stop: set it to end a run after the batch at hand.
    """

    def __init__(self, config: SourceConfig, store: BatchStore, settings: Settings) -> None:
        self.stop = threading.Event()
        self._config = config
        self._store = store
        self._settings = settings
        self._folder = settings.push_dir / config.source
        self._heartbeat = Heartbeat(settings, config.source)
        self._position = Position()
        self._seen: Seen | None = None

    def run(self, seconds: float | None, on_landed: Callable[[Manifest], None]) -> None:
        """Land what was accepted, and go on with what is accepted meanwhile.

        Args:
            seconds: how long; None for ever; 0 lands what there is.
            on_landed: called with each batch as soon as it is durable.

        Raises:
            CollectError: another process collects from this source, or no read takes an accepted event any more.
        """
        until = None if seconds is None else time.monotonic() + seconds
        with source_lock(self._settings, self._config.source):
            last = self._store.last(self._config.source)
            self._position = Position.of(last.offset if last else None)
            self._remove_landed()
            try:
                while not self.stop.is_set():
                    manifest = self._land()
                    if manifest:
                        on_landed(manifest)
                    else:
                        self._heartbeat.caught_up()
                    if not manifest and until is not None and time.monotonic() >= until:
                        return
                    if seconds != 0:
                        self.stop.wait(self._settings.batch_seconds if manifest else _POLL_SECONDS)
            finally:
                self._close_index()

    def _land(self) -> Manifest | None:
        """One batch of the next accepted events; None when there are none."""
        found = self._next_records()
        if not found:
            return None
        kept = self._first_seen(found)
        batch = self._store.begin(self._config.source)
        try:
            happened = self._write(batch, kept)
            manifest = batch.commit(
                kind="push",
                offset=found[-1].end.as_offset(),
                event_at_min=min(happened, default=None),
                event_at_max=max(happened, default=None),
                notes={"events": len(kept), "duplicates": len(found) - len(kept)},
            )
        except BaseException:
            batch.abort()
            raise
        self._position = found[-1].end
        self._remove_landed()
        return manifest

    def _next_records(self) -> list[Record]:
        while True:
            # looked up first: once there is a later segment, nothing is added to this one any more
            later = [number for number in segments(self._folder) if number > self._position.segment]
            if found := self._read_here():
                return found[: self._settings.batch_rows]
            if not later:
                return []
            self._leave()
            self._position = Position(later[0], 0)

    def _read_here(self) -> list[Record]:
        path = segment_path(self._folder, self._position.segment)
        if not path.exists() or path.stat().st_size <= self._position.byte:
            return []
        return read_segment(self._folder, self._position, _MOST_BYTES)

    def _leave(self) -> None:
        """What a killed endpoint had begun to write was never acknowledged; it is kept for a person to look at."""
        path = segment_path(self._folder, self._position.segment)
        if path.exists() and (tail := path.stat().st_size - self._position.byte) > 0:
            _log.warning("%s ends with %d bytes that are no whole event; they were not acknowledged", path, tail)
            path.rename(path.with_suffix(".torn"))

    def _remove_landed(self) -> None:
        for number in segments(self._folder):
            if number < self._position.segment:
                segment_path(self._folder, number).unlink(missing_ok=True)

    def _first_seen(self, found: list[Record]) -> list[_Accepted]:
        """Without those that the index, or this batch, has at another place: the endpoint lets none of them in."""
        events = [decode_event(record.raw) for record in found]
        keys = [event_key(event) for event in events]
        index = self._open_index()
        known = index.find(keys) if index else {}
        first: dict[bytes, _Accepted] = {}
        for key, record, event in zip(keys, found, events, strict=True):
            if key not in known or known[key].at == record.at:
                first.setdefault(key, (record, event))
        return list(first.values())

    def _open_index(self) -> Seen | None:
        path = index_path(self._settings, self._config.source)
        if self._seen is None and path.exists():
            self._seen = Seen(path)
        return self._seen

    def _close_index(self) -> None:
        if self._seen is not None:
            self._seen.close()
            self._seen = None

    def _write(self, batch: OpenBatch, found: list[_Accepted]) -> list[datetime]:
        """Write the events' rows, a file a read; gives when the events happened."""
        rows: dict[str, list[RecordRow]] = {}
        number = 0
        for record, event in found:
            for read, deleted in self._taken_by(event):
                number += 1
                rows.setdefault(read, []).append(self._row(number, read, deleted, event, record))
        for read, made in rows.items():
            write_rows(batch.path(read), self._config.reads[read], batch.batch_id, made)
        return [row.happened or row.received for made in rows.values() for row in made]

    def _taken_by(self, event: dict[str, Any]) -> list[tuple[str, bool]]:
        """Names of the reads that take an event, and whether it deletes their row."""
        type_ = event["type"]
        found = [(name, False) for name, read in self._config.reads.items() if type_ in read.events]
        found += [(name, True) for name, read in self._config.reads.items() if type_ in read.deletes]
        if not found:
            raise CollectError(
                f"no read takes events of type {type_} any more, and one was accepted",
                where=f"sources/{self._config.source}.yaml reads",
                rule="what was accepted lands",
                next_step="declare the type again under `events:` or `deletes:` of a read",
            )
        return found

    def _row(self, number: int, read: str, deleted: bool, event: dict[str, Any], record: Record) -> RecordRow:
        table = self._config.reads[read]
        values, misfits = row_values(table, event.get("data"), attributes_of(event), deleted=deleted)
        return RecordRow(
            number=number,
            op="d" if deleted else "u",
            event_id=f"{event['source']}#{event['id']}",
            happened=converter("TIMESTAMPTZ")(event["time"]) if event.get("time") else None,
            received=_EPOCH + timedelta(microseconds=record.received),
            raw=record.raw.decode(),
            values=values,
            misfits=misfits,
        )
