"""One batch being written: the rows of whole transactions, one Parquet file a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq

from backoffice.collect.postgres.arrow import Stamp, gathered_to_arrow
from backoffice.collect.postgres.rows import Gathered, Row, TransactionRows
from backoffice.collect.postgres.shape import Shape, merged
from backoffice.landing import BatchStore, Manifest, OpenBatch, parquet_writer
from backoffice.sources import SourceConfig

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ShapeMoved(Exception):
    """A table was altered in the middle of a transaction so large that part of it is already on disk.

    Nothing of it is landed. Read again with ``shape`` known from the start, it fits one file.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        super().__init__(shape.read)


class BatchWriter:
    """Gathers rows in memory, ``bytes`` of them, and writes them as a batch.

    Args:
        store: where it lands.
        config: the source.
        complete: asked to fill in, before they are written, what rows of a changed key do not resend.
        known: shapes a table will take within the next transaction, from :class:`ShapeMoved`.
    """

    def __init__(
        self,
        store: BatchStore,
        config: SourceConfig,
        complete: Callable[[list[Row]], None],
        known: dict[str, Shape],
    ) -> None:
        self._store = store
        self._config = config
        self._complete = complete
        self._known = known
        self._reset()

    def _reset(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.transactions = 0
        self.opened_at = 0.0
        self._batch: OpenBatch | None = None
        self._waiting: dict[str, list[Gathered]] = {}
        self._files: dict[str, tuple[Shape, pq.ParquetWriter]] = {}
        self._first_at = self._last_at = 0

    def add(self, transaction: TransactionRows, size: int) -> None:
        """Take the rows gathered so far from a transaction, which came in messages of ``size`` bytes."""
        if not self.rows:
            self.opened_at = time.monotonic()
            self._first_at = self._last_at = transaction.begin.committed_at
        self._first_at = min(self._first_at, transaction.begin.committed_at)
        self._last_at = max(self._last_at, transaction.begin.committed_at)
        before, self.rows = self.rows, self.rows + transaction.count
        self.bytes += size
        for name, parts in transaction.take().items():
            for part in parts:
                self._place(name, part.shape).extend(part, before)

    def holds_another(self, shape: Shape) -> bool:
        """Whether rows of the same table wait here in another shape."""
        parts = self._waiting.get(shape.read)
        return parts is not None and parts[-1].shape.columns != shape.columns

    def write(self) -> None:
        """Write the waiting rows.

        Raises:
            ShapeMoved: a file begun earlier cannot take them.
        """
        stamp = Stamp.now(self._open().batch_id)
        for name, parts in self._waiting.items():
            self._complete([row for part in parts for row in part.rows if row.moved and row.has_unchanged])
            shape, file = self._file(name, parts)
            for part in parts:
                file.write_table(gathered_to_arrow(shape, part, stamp))
        self._waiting, self.bytes = {}, 0

    def commit(self, offset: dict[str, Any]) -> Manifest:
        """Land everything added, with the offset it reaches."""
        self.write()
        for _, file in self._files.values():
            file.close()
        manifest = self._open().commit(
            kind="stream", offset=offset, event_at_min=_instant(self._first_at), event_at_max=_instant(self._last_at)
        )
        self._known.clear()
        self._reset()
        return manifest

    def abort(self) -> None:
        """Forget what was not committed: the source sends it again."""
        for _, file in self._files.values():
            file.close()
        if self._batch is not None:
            self._batch.abort()
        self._reset()

    def _open(self) -> OpenBatch:
        if self._batch is None:
            self._batch = self._store.begin(self._config.source)
        return self._batch

    def _place(self, name: str, shape: Shape) -> Gathered:
        parts = self._waiting.setdefault(name, [])
        if not parts or parts[-1].shape.columns != shape.columns:
            parts.append(Gathered(shape))
        return parts[-1]

    def _file(self, name: str, parts: list[Gathered]) -> tuple[Shape, pq.ParquetWriter]:
        shape = self._shape(name, parts)
        if name not in self._files:
            self._files[name] = shape, parquet_writer(self._open().path(name), shape.arrow)
        elif self._files[name][0].columns != shape.columns:
            raise ShapeMoved(shape)
        return self._files[name]

    def _shape(self, name: str, parts: list[Gathered]) -> Shape:
        open_or_known = self._files[name][0] if name in self._files else self._known.get(name)
        shapes = dict.fromkeys([*([open_or_known] if open_or_known else []), *(part.shape for part in parts)])
        if name in self._known:  # it was gathered to the end of the transaction, so it says the last types
            shapes[self._known[name]] = shapes.pop(self._known[name], None)
        first, *others = shapes
        return merged(shapes, self._config.reads[name]) if others else first


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)  # fromtimestamp() would go through a float
