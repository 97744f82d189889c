"""What landing needs of a storage. A local folder implements it; an object store can, with put-if-absent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from backoffice.landing.manifest import Kind, Manifest


class OpenBatch(Protocol):
    """A batch being written. Nothing of it is visible before :meth:`commit` returns."""

    source: str
    seq: int
    batch_id: str

    def path(self, table: str) -> Path:
        """Local path to write the table's Parquet file to, once a table."""

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
        """Make rows and offset durable together.

        Raises:
            LandingError: another writer committed this sequence number first, or a file is not readable Parquet.
        """

    def abort(self) -> None:
        """Remove what was written."""


class BatchStore(Protocol):
    """Batches of all sources."""

    def begin(self, source: str) -> OpenBatch:
        """Start the source's next batch, clearing what a killed writer left in its place."""

    def exclusive(self, source: str, wait: float = 60.0) -> AbstractContextManager[None]:
        """Keep other writers of a pseudo-source out while the block runs, waiting for them at most so many seconds.

        Collectors have a lock of their own; this is for what several processes land, such as verdicts and decisions.

        Raises:
            LandingError: another writer kept it longer.
        """

    def last(self, source: str) -> Manifest | None:
        """The source's newest batch: its offset is where collecting goes on."""

    def batches(self, source: str, after: int = 0) -> Iterator[Manifest]:
        """Batches with ``seq > after``, in order, up to the first missing number."""

    def manifest(self, source: str, seq: int) -> Manifest | None:
        """One batch's manifest, or None."""

    def uri(self, manifest: Manifest, table: str) -> str:
        """The file with a table of the batch. A compacted file holds rows of other batches too: see :meth:`relation`.

        Raises:
            LandingError: the batch has no such table.
        """

    def relation(self, manifests: Iterable[Manifest], table: str) -> str:
        """What DuckDB selects from to get exactly the rows of a table in these batches, which are of one source.

        Columns that some batches lack are null there. Empty when no batch has the table.
        """

    def sources(self) -> list[str]:
        """Sources that have a batch."""
