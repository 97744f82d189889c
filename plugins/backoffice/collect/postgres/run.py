"""What the parts of one run of a collector share."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from backoffice.collect.backfill import BackfillRequests
from backoffice.collect.postgres.mark import MarkFile
from backoffice.collect.postgres.requests import CopyRequests
from backoffice.collect.postgres.shape import Shape
from backoffice.collect.postgres.trace import TraceFile
from backoffice.landing import BatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import PostgresConnection, SourceConfig


@dataclass(slots=True)
class CollectCounts:
    """What a run did: batches landed, transactions and rows in them, reconnections after a loss of the source."""

    batches: int = 0
    transactions: int = 0
    rows: int = 0
    restarts: int = 0


@dataclass(slots=True)
class Run:
    """One call of :meth:`PostgresCollector.run`.

    ``until`` is a monotonic instant, None for ever. ``catch_up`` ends the run at what was committed before it began.
    ``copies`` are reads to copy anew, with the reason; ``reshaped`` counts the copies a read needed because its columns
    changed; ``known_shapes`` see :class:`ShapeMoved`. ``look`` has the slot's health written soon.
    """

    config: SourceConfig
    settings: Settings
    store: BatchStore
    info: str
    stop: threading.Event
    on_landed: Callable[[Manifest], None]
    until: float | None = None
    catch_up: bool = False
    copies: dict[str, str] = field(default_factory=dict)
    reshaped: Counter[str] = field(default_factory=Counter)
    counts: CollectCounts = field(default_factory=CollectCounts)
    known_shapes: dict[str, Shape] = field(default_factory=dict)
    look: Callable[[], None] = lambda: None

    @property
    def source(self) -> str:
        """The source's name."""
        return self.config.source

    @property
    def slot(self) -> str:
        """Name of the replication slot."""
        return self._connection().slot or f"backoffice_{self.source}"

    @property
    def publication(self) -> str:
        """Name of the publication."""
        return self._connection().publication or f"backoffice_{self.source}"

    @property
    def mark(self) -> MarkFile:
        """The note of idle progress."""
        return MarkFile(self.settings, self.source)

    @property
    def traces(self) -> TraceFile:
        """What the tables were in the catalogue when they were copied."""
        return TraceFile(self.settings, self.source)

    @property
    def requests(self) -> CopyRequests:
        """What others ask of this collector."""
        return CopyRequests(self.settings, self.source)

    @property
    def backfills(self) -> BackfillRequests:
        """Rows to read again."""
        return BackfillRequests(self.settings, self.source)

    @property
    def is_over(self) -> bool:
        """Whether it was asked to stop, or its time has passed. Catching up has no time of its own."""
        late = self.until is not None and time.monotonic() >= self.until
        return self.stop.is_set() or (late and not self.catch_up)

    def landed(self, manifest: Manifest, transactions: int = 0) -> None:
        """Count a batch and tell the caller."""
        self.counts.batches += 1
        self.counts.transactions += transactions
        self.counts.rows += manifest.rows
        self.on_landed(manifest)

    def _connection(self) -> PostgresConnection:
        connection = self.config.connection
        if not isinstance(connection, PostgresConnection):
            raise TypeError(f"source {self.source} is no PostgreSQL database")
        return connection
