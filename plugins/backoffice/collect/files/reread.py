"""Reading files again that landed before: after their layout was corrected, what they hold may be read otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from backoffice.collect.backfill import Backfill, new_row_numbers, write_rows
from backoffice.collect.files.history import FileHistory
from backoffice.collect.files.reader import write_parquet
from backoffice.collect.files.records import Stamp
from backoffice.collect.files.snapshot import Snapshot, take_snapshot
from backoffice.collect.files.watch import Candidate
from backoffice.landing import BatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig


class Rereader:
    """Lands the rows of a file that differ from those it landed with.

    Args:
        config: the source.
        store: where batches land.
        history: what landed.
        settings: folders.
        work: the collector's working folder.
    """

    def __init__(
        self, config: SourceConfig, store: BatchStore, history: FileHistory, settings: Settings, work: Path
    ) -> None:
        self._config = config
        self._store = store
        self._history = history
        self._settings = settings
        self._work = work

    def concerned(self, asked: Backfill, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Files of the days asked for, by the time they were last written."""
        zone = ZoneInfo(self._config.defaults.timezone)
        return [
            candidate
            for candidate in candidates
            if candidate.read in asked.reads
            and asked.first <= datetime.fromtimestamp(candidate.signature.mtime_ns / 1e9, zone).date() <= asked.last
        ]

    def land(self, candidate: Candidate, asked: Backfill) -> Manifest | None:
        """One file; None when it never landed, or nothing in it is different.

        A file that is the whole table is read again only if it is the one that landed last: an older one would take the
        table back.

        Raises:
            FileSetAsideError: it cannot be read as its layout says.
        """
        snapshot = take_snapshot(candidate, self._work / "copy")
        if snapshot is None or self._history.first_landed_as(candidate, snapshot.sha256) is None:
            return None
        landed = self._batches(candidate, snapshot)
        if not landed:
            return None
        event_at = datetime.fromtimestamp(candidate.signature.mtime_ns / 1e9, UTC)
        batch = self._store.begin(self._config.source)
        try:
            staged = self._work / "again.parquet"
            read, policy = self._config.reads[candidate.read], self._config.drift_of(candidate.read)
            stamp = Stamp(batch.batch_id, candidate.name, snapshot.sha256, event_at, datetime.now(UTC), read.part)
            found = write_parquet(
                snapshot.path, staged, read, stamp, work=self._work, settings=self._settings, policy=policy
            )
            newer = f"(n._seq > {landed[0].seq} AND n._source_file <> '{candidate.name.replace(chr(39), chr(39) * 2)}')"
            new = new_row_numbers(self._store, landed, candidate.read, read, staged, overtaken=newer)
            if not new:
                batch.abort()
                return None
            is_image = read.full and found.is_image
            numbers = range(1, pq.read_metadata(staged).num_rows + 1) if is_image else new
            write_rows(staged, batch.path(candidate.read), numbers, batch.batch_id)
            return batch.commit(
                kind="file",
                offset=self._history.offset(candidate, snapshot.sha256),
                full_tables=frozenset({candidate.read} if is_image else ()),
                event_at_min=event_at,
                event_at_max=event_at,
                notes={"backfill": asked.as_note(), "defects": found.defects},
            )
        except BaseException:
            batch.abort()
            raise

    def _batches(self, candidate: Candidate, snapshot: Snapshot) -> list[Manifest]:
        """Batches from the one on that landed this content first."""
        wanted = (candidate.read, snapshot.sha256)
        found: list[Manifest] = []
        for manifest in self._store.batches(self._config.source):
            if found or (manifest.kind == "file" and (manifest.offset["read"], manifest.offset["sha256"]) == wanted):
                found.append(manifest)
        return found
