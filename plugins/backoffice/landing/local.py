"""Batches in a local folder: ``<root>/<source>/<thousand>/<seq>/{<table>.parquet, manifest.json}``.

Old ones are found in compacted ranges, see :mod:`backoffice.landing.compacted`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from backoffice.durable import sync_file, sync_folder
from backoffice.errors import LandingError
from backoffice.landing.compacted import PER_GROUP, SEQ, CompactedRange, between, find_range
from backoffice.landing.manifest import Kind, LandedTable, Manifest, batch_id

MANIFEST = "manifest.json"


class LocalBatch:
    """An open batch in its own folder; see :class:`backoffice.landing.store.OpenBatch`."""

    def __init__(self, folder: Path, source: str, seq: int) -> None:
        self.source = source
        self.seq = seq
        self.batch_id = batch_id(source, seq)
        self._folder = folder
        self._names: list[str] = []

    def path(self, table: str) -> Path:
        """Local path of the table's Parquet file."""
        if table not in self._names:
            self._names.append(table)
        return self._folder / f"{table}.parquet"

    def commit(
        self,
        *,
        kind: Kind,
        offset: dict[str, Any],
        full_tables: frozenset[str] = frozenset(),
        event_at_min: datetime | None = None,
        event_at_max: datetime | None = None,
        notes: dict[str, Any] | None = None,
    ) -> Manifest:
        """Fsync the files, then the manifest under a temporary name, then link it into place."""
        manifest = Manifest(
            source=self.source,
            seq=self.seq,
            batch_id=self.batch_id,
            kind=kind,
            offset=offset,
            tables=tuple(self._seal(name, name in full_tables) for name in self._names),
            event_at_min=event_at_min,
            event_at_max=event_at_max,
            landed_at=datetime.now(UTC),
            notes=notes or {},
        )
        self._publish(manifest)
        return manifest

    def abort(self) -> None:
        """Remove what was written, unless a batch was landed there, by us or by another writer."""
        if not (self._folder / MANIFEST).exists():
            shutil.rmtree(self._folder, ignore_errors=True)

    def _seal(self, name: str, full: bool) -> LandedTable:
        path = self._folder / f"{name}.parquet"
        digest, size = sync_file(path)
        try:
            rows = pq.ParquetFile(path).metadata.num_rows
        except Exception as error:
            raise LandingError(
                f"the file written for table {name} is not readable Parquet: {error}",
                where=str(path),
                next_step="nothing was landed; the collector reads these rows again",
            ) from error
        return LandedTable(name=name, file=path.name, rows=rows, bytes=size, sha256=digest, full=full)

    def _publish(self, manifest: Manifest) -> None:
        temporary = self._folder / f".{MANIFEST}.{os.getpid()}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(manifest.to_json())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._folder)
        try:
            # link(2) fails if the name exists, where rename(2) would overwrite: the file form of put-if-absent
            os.link(temporary, self._folder / MANIFEST)
        except FileExistsError as error:
            raise LandingError(
                f"batch {self.batch_id} was landed by another collector",
                where=str(self._folder),
                rule="one collector a source",
                next_step="stop one of the two; the rows stay at the source until they are landed once",
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(self._folder)


class LocalBatchStore:
    """Batches below a folder; see :class:`backoffice.landing.store.BatchStore`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, source: str) -> LocalBatch:
        """Start the next batch. A folder without a manifest is what a killed writer left: it is removed."""
        last = self.last(source)
        seq = last.seq + 1 if last else 1
        if last:  # killed between the two names of its manifest, a writer left the temporary one
            for leftover in self.folder(source, last.seq).glob(f".{MANIFEST}.*.tmp"):
                leftover.unlink(missing_ok=True)
        folder = self.folder(source, seq)
        if folder.exists():
            if (folder / MANIFEST).exists():  # landed between our look and now
                return self.begin(source)
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        sync_folder(folder.parent)
        sync_folder(folder.parent.parent)
        return LocalBatch(folder, source, seq)

    @contextmanager
    def exclusive(self, source: str, wait: float = 60.0) -> Iterator[None]:
        """A lock file beside the source's folder, never removed; the kernel releases a killed holder's lock."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f".{source}.lock"
        with path.open("a") as handle:
            deadline = time.monotonic() + wait
            while not _locked(handle.fileno()):
                if time.monotonic() >= deadline:
                    raise LandingError(
                        f"another process has been writing {source} for {wait:.0f} s",
                        where=str(path),
                        rule="one writer a source",
                        next_step="wait for it and try again; `fuser` on the file names it",
                    )
                time.sleep(0.02)
            yield

    def last(self, source: str) -> Manifest | None:
        """The newest manifest, found from the newest folders: old ones are not listed."""
        for group in _numbered(self.root / source):
            for folder in _numbered(group):
                if (folder / MANIFEST).exists():
                    return _read(folder / MANIFEST)
        return None

    def batches(self, source: str, after: int = 0) -> Iterator[Manifest]:
        """Manifests after a sequence number."""
        seq = after + 1
        while (found := self.manifest(source, seq)) is not None:
            yield found
            seq += 1

    def manifest(self, source: str, seq: int) -> Manifest | None:
        """One manifest, or None."""
        if found := self.compacted(source, seq):
            return found.batch(seq) if seq >= found.manifest.first else None
        path = self.folder(source, seq) / MANIFEST
        return _read(path) if path.exists() else None

    def uri(self, manifest: Manifest, table: str) -> str:
        """Path of the Parquet file with a table's rows.

        Raises:
            LandingError: the batch has no such table.
        """
        for landed in manifest.tables:
            if landed.name == table:
                if found := self.compacted(manifest.source, manifest.seq):
                    return str(found.path(manifest.seq, table))
                return str(self.folder(manifest.source, manifest.seq) / landed.file)
        raise LandingError(f"batch {manifest.batch_id} has no table {table}", where=str(self.root))

    def relation(self, manifests: Iterable[Manifest], table: str) -> str:
        """The rows of a table in batches of one source, as a table expression."""
        own: list[str] = []
        shared: dict[str, None] = {}
        seqs: list[int] = []
        for manifest in manifests:
            found = self.compacted(manifest.source, manifest.seq)
            seqs += [manifest.seq] if found else []
            if all(landed.name != table for landed in manifest.tables):
                continue
            if found:
                shared[str(found.path(manifest.seq, table))] = None
            else:
                own.append(self.uri(manifest, table))
        parts = [f"SELECT * FROM {_files(own)}"] if own else []
        parts += [f"SELECT * EXCLUDE ({SEQ}) FROM {_files(shared)} WHERE {between(seqs)}"] if shared else []
        return f"({' UNION ALL BY NAME '.join(parts)})" if parts else ""

    def sources(self) -> list[str]:
        """Names of the folders."""
        if not self.root.exists():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def compacted(self, source: str, seq: int) -> CompactedRange | None:
        """The compacted range that took the batch's place, if one did."""
        return find_range(self.root, source, seq)

    def folder(self, source: str, seq: int) -> Path:
        """Where the batch landed."""
        return self.root / source / f"{seq // PER_GROUP:07d}" / f"{seq:010d}"


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _numbered(folder: Path) -> Iterator[Path]:
    """Folders named by a number, the greatest first; made one by one, because only the first are looked at."""
    if not folder.exists():
        return
    with os.scandir(folder) as entries:
        names = sorted((entry.name for entry in entries if entry.name.isdigit()), reverse=True)
    for name in names:
        yield folder / name


def _files(paths: Iterable[str]) -> str:
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def _read(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LandingError(
            f"the manifest cannot be read: {error}",
            where=str(path),
            next_step="restore the file from a backup; batches after it are not loaded until then",
        ) from error
