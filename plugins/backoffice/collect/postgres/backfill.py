"""Rows of a range read again, beside a stream that goes on.

The rows are read in a snapshot and put aside; the stream is landed up to the end of the log at that instant; then those
rows land whose keys no batch after the start of the reading has. What changed meanwhile came with the stream, and what
did not is as it was read: no old version lands after a newer one, and nobody at the source waits.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from psycopg import sql

from backoffice.collect.backfill import Backfill, new_row_numbers, write_rows
from backoffice.collect.postgres.bulk import Snapshot
from backoffice.collect.postgres.catalog import SourceTable
from backoffice.collect.postgres.copy import TableCopy
from backoffice.collect.postgres.offset import Offset, last_offset
from backoffice.collect.postgres.preflight import preflight
from backoffice.collect.postgres.sessions import Session
from backoffice.collect.postgres.stream import Outcome
from backoffice.errors import CollectError, LandingError
from backoffice.landing import Manifest
from backoffice.sources import SourceConfig

_log = logging.getLogger(__name__)

_MIDNIGHT = {
    "date": "{}::date",
    "timestamp": "{}::timestamp",
    "timestamptz": "({}::timestamp AT TIME ZONE {})",
}


def cursors_of(config: SourceConfig, reads: tuple[str, ...]) -> dict[str, str]:
    """By which column the rows of each read are found.

    Raises:
        CollectError: one does not.
    """
    for name in reads:
        if not config.reads[name].cursor:
            raise CollectError(
                f"{name} names no column by which rows of a time are found",
                where=f"sources/{config.source}.yaml reads.{name}",
                next_step=f"add `cursor: <date or timestamp column>` there, or copy the whole table: "
                f"`backoffice resync {config.source} {name}`",
            )
    return {name: config.reads[name].cursor for name in reads}


def read_again(session: Session, asked: Backfill, stream: Callable[[Session, int], Outcome]) -> Outcome:
    """Land what a backfill asks for; the request stays when the run ends before. One that cannot be followed is logged
    and dropped: it must not stop the stream.

    Args:
        session: prepared; nothing is streamed yet.
        asked: what to read.
        stream: lands the stream up to a position of the log.
    """
    run = session.run
    tables = [t for t in preflight(session.connection, run.config, session.types) if t.read in asked.cursors]
    try:
        conditions = {table.read: _between(asked, run.config, table) for table in tables}
    except CollectError as error:
        _log.error("%s: the backfill of %s cannot be done: %s", run.source, ", ".join(asked.reads), error)
        run.backfills.done(asked)
        return Outcome.AGAIN
    with tempfile.TemporaryDirectory(dir=run.settings.collect_dir, prefix=f"{run.source}.backfill-") as folder:
        staged = _Staged(run.source, Path(folder))
        snapshot = TableCopy(run.info, run.config, staged, run.stop, only=conditions).run(tables)
        outcome = stream(session, snapshot.handover.until)
        if outcome is not Outcome.OVER or run.is_over:
            return outcome
        _land(session, asked, snapshot, tables, staged)
    run.backfills.done(asked)
    return Outcome.AGAIN


class _Staged:
    """Takes the place of an open batch while rows are put aside."""

    def __init__(self, source: str, folder: Path) -> None:
        self.source = source
        self.seq = 0
        self.batch_id = f"{source}-{0:010d}"
        self._folder = folder

    def path(self, table: str) -> Path:
        """Where the rows of a table are."""
        return self._folder / f"{table}.parquet"

    def commit(self, **_: Any) -> Manifest:
        """Nothing lands from here."""
        raise LandingError("rows that were put aside are landed by their backfill")

    def abort(self) -> None:
        """The folder goes as a whole."""


def _between(asked: Backfill, config: SourceConfig, table: SourceTable) -> sql.Composed:
    """Condition of the rows of the days asked for."""
    cursor = asked.cursors[table.read]
    kind = next((column.type.postgres for column in table.columns if column.name == cursor), "not read")
    if kind not in _MIDNIGHT:
        raise CollectError(
            f"{table.read}.{cursor} cannot say of which day a row is: its type is {kind}",
            where=f"sources/{config.source}.yaml reads.{table.read}.cursor",
            rule=f"one of {', '.join(_MIDNIGHT)}",
            next_step="name another column and ask again",
        )
    zone = sql.Literal(config.defaults.timezone)
    first, after = (
        sql.SQL(_MIDNIGHT[kind]).format(sql.Literal(day.isoformat()), zone)
        for day in (asked.first, asked.last + timedelta(days=1))
    )
    return sql.SQL("{0} >= {1} AND {0} < {2}").format(sql.Identifier(cursor), first, after)


def _land(session: Session, asked: Backfill, snapshot: Snapshot, tables: list[SourceTable], staged: _Staged) -> None:
    run = session.run
    seq, offset = last_offset(run.store, run.source)
    if offset is None:
        raise CollectError("nothing of the source has landed", where=f"source {run.source}")
    kept = {table.read: _new(session, table.read, offset, staged) for table in tables}
    if not any(kept.values()):
        _log.info("%s: every row read again is as it landed", run.source)
        return
    batch = run.store.begin(run.source)
    try:
        written = 0
        for read, numbers in kept.items():
            if numbers:
                prefix = f"{snapshot.handover.until_lsn}/r{batch.seq}.{read}."
                written += write_rows(
                    staged.path(read), batch.path(read), numbers, batch.batch_id, event_prefix=prefix, before=written
                )
        manifest = batch.commit(
            kind="snapshot",
            offset=offset.moved_to(run.mark.furthest(offset, seq)).model_dump(mode="json"),
            event_at_min=snapshot.at,
            event_at_max=snapshot.at,
            notes={"backfill": asked.as_note()},
        )
    except BaseException:
        batch.abort()
        raise
    run.landed(manifest)


def _new(session: Session, read: str, offset: Offset, staged: _Staged) -> list[int]:
    """Rows to land: none of a table that was copied or emptied while its rows were read."""
    run, began = session.run, session.ready.seq
    copied = offset.copied[read].batch
    if copied > began:
        return []
    landed = list(run.store.batches(run.source, after=copied - 1))
    return new_row_numbers(
        run.store,
        landed,
        read,
        run.config.reads[read],
        staged.path(read),
        overtaken=f"n._seq > {began}",
        emptied_after=began,
    )
