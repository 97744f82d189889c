"""Full copies of tables: all of them at one instant, as one batch."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from backoffice.collect.postgres.ahead import ahead
from backoffice.collect.postgres.arrow import Stamp, copied_to_arrow, rows_to_arrow
from backoffice.collect.postgres.bulk import BulkReader, Snapshot
from backoffice.collect.postgres.catalog import SourceTable
from backoffice.collect.postgres.connect import connect, info_for
from backoffice.collect.postgres.copysql import bulk_query, misfit_query, text_query
from backoffice.collect.postgres.pgoutput import Value
from backoffice.collect.postgres.progress import CopyProgress
from backoffice.collect.postgres.rows import Row
from backoffice.collect.postgres.shape import Shape, make_shape
from backoffice.landing import OpenBatch, parquet_writer
from backoffice.sources import SourceConfig

_TEXT_ROWS = 20_000
_LOCK_SECONDS = 10


class Stopped(Exception):
    """The caller was asked to stop; what was copied is dropped."""


class TableCopy:
    """Copies tables into an open batch.

    The bulk way casts every column at the source to the type it lands in. A table with a value that does not survive
    this (NaN, infinity, too many digits) goes row by row through the text the stream would send, and gets its defects.
    Either way a row is what the stream would have made of it.

    Args:
        info: connection string of the source.
        config: the source.
        batch: takes one file a table.
        stop: ends the copy with :class:`Stopped`.
        only: the condition of the rows to copy, by read; a read that is not named is copied whole.
    """

    def __init__(
        self,
        info: str,
        config: SourceConfig,
        batch: OpenBatch,
        stop: threading.Event,
        only: Mapping[str, sql.Composable] | None = None,
    ) -> None:
        self._info = info
        self._config = config
        self._batch = batch
        self._stop = stop
        self._only = only or {}
        self._stamp = Stamp.now(batch.batch_id)
        self._rows = 0

    def run(self, tables: list[SourceTable]) -> Snapshot:
        """Copy the tables, rows numbered over all of them, and return the instant they were seen at.

        Raises:
            CopyFailed: the source cannot be read.
            psycopg.OperationalError: it is gone, or a table is locked by an ALTER for too long.
        """
        with self._locked(tables) as beside, contextlib.closing(self._bulk(beside)) as bulk:
            snapshot = bulk.snapshot()
            beside.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot.name)))
            with CopyProgress(self._config.source, {str(table): table.rows for table in tables}) as progress:
                for table in tables:
                    self._copy(table, snapshot, bulk, beside, progress.table(str(table)))
        return snapshot

    def _bulk(self, beside: psycopg.Connection[Any]) -> BulkReader:
        return BulkReader(info_for(self._info, beside.info.server_version))

    @contextlib.contextmanager
    def _locked(self, tables: list[SourceTable]) -> Iterator[psycopg.Connection[Any]]:
        """A connection that keeps ALTER and TRUNCATE away: a snapshot finds a table that was rewritten later empty."""
        names = sql.SQL(", ").join(table.identifier for table in tables)
        with contextlib.closing(connect(self._info)) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))
            yield connection

    def _copy(
        self,
        table: SourceTable,
        snapshot: Snapshot,
        bulk: BulkReader,
        beside: psycopg.Connection[Any],
        advance: Callable[[int], None],
    ) -> None:
        shape = make_shape(table.read, self._config.reads[table.read], table.columns)
        if _has_misfit(beside, table):
            parts = self._by_text(table, shape, snapshot, beside)
        else:
            parts = self._by_bulk(table, shape, snapshot, bulk, beside)
        path = self._batch.path(table.read)
        with contextlib.closing(parquet_writer(path, shape.arrow)) as file, contextlib.closing(parts):
            for part in parts:
                file.write_table(part)
                self._rows += part.num_rows
                advance(part.num_rows)
                if self._stop.is_set():
                    raise Stopped

    def _by_bulk(
        self, table: SourceTable, shape: Shape, snapshot: Snapshot, bulk: BulkReader, beside: psycopg.Connection[Any]
    ) -> Generator[pa.Table, None, None]:
        query = bulk_query(table, self._condition(table)).as_string(beside)
        with ahead(bulk.read(query)) as coming:
            for part in coming:
                yield copied_to_arrow(
                    shape,
                    part,
                    self._stamp,
                    first_row=self._rows + 1,  # known once the part before was written: only reading goes ahead
                    event_prefix=self._event_prefix(snapshot),
                    at=snapshot.at,
                )

    def _by_text(
        self, table: SourceTable, shape: Shape, snapshot: Snapshot, beside: psycopg.Connection[Any]
    ) -> Generator[pa.Table, None, None]:
        with beside.cursor() as cursor, cursor.copy(text_query(table, self._condition(table))) as copy:
            waiting: list[Any] = []
            for values in copy.rows():
                waiting.append(values)
                if len(waiting) == _TEXT_ROWS:
                    yield self._text_part(shape, snapshot, waiting)
                    waiting = []
            if waiting:
                yield self._text_part(shape, snapshot, waiting)

    def _text_part(self, shape: Shape, snapshot: Snapshot, lines: list[tuple[Value, ...]]) -> pa.Table:
        prefix, at = self._event_prefix(snapshot), round(snapshot.at.timestamp() * 1_000_000)
        rows = [
            Row(shape, number, "r", f"{prefix}{number}", at, list(values))
            for number, values in enumerate(lines, self._rows + 1)
        ]
        return rows_to_arrow(shape, rows, self._stamp)

    def _condition(self, table: SourceTable) -> sql.Composable | None:
        return self._only.get(table.read)

    def _event_prefix(self, snapshot: Snapshot) -> str:
        # two copies of an idle source are at one position, so it takes the batch to tell their rows apart
        return f"{snapshot.handover.until_lsn}/r{self._batch.seq}."


def _has_misfit(connection: psycopg.Connection[Any], table: SourceTable) -> bool:
    query = misfit_query(table)
    if query is None:
        return False
    row = connection.execute(query).fetchone()
    return bool(row and row[0])
