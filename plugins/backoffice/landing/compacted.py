"""Compacted ranges: the batches of a thousand numbers, or of a hundred thousand, in a few files.

``<root>/<source>/compacted/<size>/<index>/`` takes the place of the batches ``seq // size == index`` from the instant
its ``manifest.json`` exists. Where a batch's range would be is known from its number, so a look-up lists nothing. Of
ranges that hold the same batch the largest counts.

Rows stay as they landed; ``_landed_seq`` is added in the files, never shown by :meth:`BatchStore.relation`. Manifests
stay as they were written, word for word, in ``manifests.parquet``.
"""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from backoffice.errors import LandingError
from backoffice.landing.manifest import Manifest

SIZES = (100_000, 1_000)
"""Batches a range holds, largest first; each a multiple of the next."""
FOLDER = "compacted"
MANIFEST = "manifest.json"
MANIFESTS = "manifests.parquet"
SEQ = "_landed_seq"
PER_GROUP = SIZES[-1]


class CompactedFile(BaseModel):
    """Rows of one table in the batches ``first`` to ``last``; all files of a table together have them all."""

    model_config = ConfigDict(frozen=True)

    table: str
    file: str
    first: int
    last: int
    rows: int
    bytes: int
    sha256: str


class CompactedManifest(BaseModel):
    """A compacted range: what it replaces, and its files."""

    model_config = ConfigDict(frozen=True)

    format: int = 1
    source: str
    replaces: tuple[str, str] = Field(description="First and last batch id; all between them are replaced.")
    first: int
    last: int
    rows: int
    files: tuple[CompactedFile, ...]
    manifests_sha256: str
    compacted_at: datetime

    @property
    def batches(self) -> int:
        """Batches it replaces."""
        return self.last - self.first + 1


class CompactedRange:
    """A committed range."""

    def __init__(self, folder: Path, manifest: CompactedManifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def text(self, seq: int) -> str:
        """The manifest of a batch as it was written."""
        group = seq // PER_GROUP - self.manifest.first // PER_GROUP
        return _texts(self.folder / MANIFESTS, group)[seq]

    def batch(self, seq: int) -> Manifest:
        """The manifest of a batch."""
        return Manifest.model_validate_json(self.text(seq))

    def path(self, seq: int, table: str) -> Path:
        """The file that holds a batch's rows of a table.

        Raises:
            LandingError: the batch has no such table.
        """
        for file in self.manifest.files:
            if file.table == table and file.first <= seq <= file.last:
                return self.folder / file.file
        raise LandingError(f"no table {table} in batch {seq} of {self.manifest.source}", where=str(self.folder))


def range_folder(root: Path, source: str, size: int, index: int) -> Path:
    """Where a range is, or would be."""
    return root / source / FOLDER / str(size) / f"{index:07d}"


def find_range(root: Path, source: str, seq: int, sizes: tuple[int, ...] = SIZES) -> CompactedRange | None:
    """The largest committed range that holds a batch, or None."""
    for size in sizes:
        folder = range_folder(root, source, size, seq // size)
        try:
            found = (folder / MANIFEST).stat()
        except FileNotFoundError:
            continue
        return _load(folder, found.st_ino, found.st_mtime_ns)
    return None


def between(seqs: list[int]) -> str:
    """SQL condition that selects the rows of these batches in a compacted file."""
    spans: list[list[int]] = []
    for seq in sorted(seqs):
        if spans and seq == spans[-1][1] + 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    return "(" + " OR ".join(f"{SEQ} BETWEEN {first} AND {last}" for first, last in spans) + ")"


@functools.lru_cache(maxsize=256)
def _load(folder: Path, inode: int, changed: int) -> CompactedRange:
    """A range never changes; what identifies its manifest file is part of the key all the same."""
    path = folder / MANIFEST
    try:
        return CompactedRange(folder, CompactedManifest.model_validate_json(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise LandingError(
            f"the manifest of a compacted range cannot be read: {error}",
            where=str(path),
            next_step="restore the folder from a backup; its batches are not loaded until then",
        ) from error


@functools.lru_cache(maxsize=4)
def _texts(path: Path, group: int) -> dict[int, str]:
    found = pq.ParquetFile(path).read_row_group(group)
    return dict(zip(found["seq"].to_pylist(), found["manifest"].to_pylist(), strict=True))
