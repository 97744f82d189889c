"""Compaction: complete ranges of old batches are rewritten into a few files each, and the old files removed later.

In: a store, a source and the last batch that may be touched. Out: :class:`Compaction`. A range is written and synced
below a name nobody looks at, verified row for row against what it replaces, and takes its place by the rename of its
folder, which fails if the name exists: put-if-absent. A kill leaves the batches as they were, or the range. What it
replaced is ignored from then on, and removed after a pause in which those who are reading it finish.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from backoffice.durable import sync_file, sync_folder
from backoffice.errors import LandingError
from backoffice.landing.compacted import (
    FOLDER,
    MANIFEST,
    MANIFESTS,
    PER_GROUP,
    SIZES,
    CompactedManifest,
    CompactedRange,
    find_range,
    range_folder,
)
from backoffice.landing.compacting import write_range
from backoffice.landing.local import LocalBatchStore

_BUILDING = ".building"


@dataclass(frozen=True, slots=True)
class Compaction:
    """What one run did to a source: ranges written, batches in them, folders of replaced files removed."""

    source: str
    ranges: int = 0
    batches: int = 0
    removed: int = 0


def compact(store: LocalBatchStore, source: str, upto: int, *, grace_seconds: float) -> Compaction:
    """Compact what is old enough and remove what was replaced long enough ago.

    A range is compacted when all its batches are at most ``upto`` and none is in the newest folder, where the
    collector works. Interrupted at any point, the next run goes on.

    Args:
        store: where the batches are.
        source: whose; ``_verdicts`` too.
        upto: the last batch readers already see.
        grace_seconds: how long replaced files are kept.

    Raises:
        LandingError: what is stored is not what was landed, the rewritten rows differ, or the disk is full; nothing
            was replaced. Or another process compacts the source.
    """
    with _lock(store.root / source / FOLDER):
        done = Compaction(source)
        for size, folder, seqs in _due(store, source, upto):
            if _commit(store, source, size, folder, seqs):
                done = replace(done, ranges=done.ranges + 1, batches=done.batches + len(seqs))
        return replace(done, removed=_remove_replaced(store.root, source, grace_seconds))


def _due(store: LocalBatchStore, source: str, upto: int) -> Iterator[tuple[int, Path, range]]:
    """Ranges to write, smallest first: a larger one is written from the smaller ones."""
    last = store.last(source)
    limit = min(upto, last.seq // PER_GROUP * PER_GROUP - 1) if last else 0
    for size in reversed(SIZES):
        for index in range((limit + 1) // size):
            folder = range_folder(store.root, source, size, index)
            first = max(1, index * size)
            if find_range(store.root, source, first, tuple(n for n in SIZES if n >= size)) is None:
                yield size, folder, range(first, (index + 1) * size)


def _commit(store: LocalBatchStore, source: str, size: int, folder: Path, seqs: range) -> bool:
    building = folder.with_name(folder.name + _BUILDING)
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)
        write_range(store, source, seqs, building)
        sync_folder(building)
        building.rename(folder)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        if (folder / MANIFEST).exists():
            return False
        raise LandingError(
            f"batches {seqs[0]} to {seqs[-1]} of {source} could not be compacted: {error}",
            where=str(building),
            next_step="nothing was replaced; look for space on the disk, and the next run does it",
        ) from error
    for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
        sync_folder(parent)
    return True


def _remove_replaced(root: Path, source: str, grace_seconds: float) -> int:
    removed = 0
    for size in reversed(SIZES):
        for folder in sorted((root / source / FOLDER / str(size)).glob("[0-9]*")):
            if folder.suffix == _BUILDING:
                shutil.rmtree(folder)
                continue
            found = find_range(root, source, int(folder.name) * size + size - 1, (size,))
            if found is None or not (old := _replaced_by(root, found.manifest, size)):
                continue
            if (datetime.now(UTC) - found.manifest.compacted_at).total_seconds() >= grace_seconds:
                _check_files(found)
                for path in old:
                    shutil.rmtree(path)
                removed += len(old)
    return removed


def _replaced_by(root: Path, manifest: CompactedManifest, size: int) -> list[Path]:
    """Folders a range took the place of, as far as they are still there."""
    groups = range(manifest.first // PER_GROUP, manifest.last // PER_GROUP + 1)
    folders = [root / manifest.source / f"{group:07d}" for group in groups]
    for smaller in [n for n in SIZES if n < size]:
        indexes = range(manifest.first // smaller, manifest.last // smaller + 1)
        folders += [range_folder(root, manifest.source, smaller, index) for index in indexes]
    return [folder for folder in folders if folder.exists()]


def _check_files(found: CompactedRange) -> None:
    """What takes the place of rows is whole and on the disk, now that their first files go."""
    wanted = {file.file: file.sha256 for file in found.manifest.files} | {MANIFESTS: found.manifest.manifests_sha256}
    for name, digest in wanted.items():
        if sync_file(found.folder / name)[0] != digest:
            raise LandingError(
                "a compacted file is not what was written",
                where=str(found.folder / name),
                rule="replaced files are removed only when what replaces them is whole",
                next_step="the replaced batches are still there: remove this folder, and they are compacted again",
            )
    sync_folder(found.folder)
    sync_folder(found.folder.parent)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LandingError(
                "another process compacts this source",
                where=str(folder),
                rule="one compaction a source",
                next_step="wait for it: the maintenance DAG in Airflow, or another `backoffice compact`",
            ) from error
        yield
