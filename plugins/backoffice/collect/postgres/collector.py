"""The collector of a PostgreSQL source."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from backoffice.collect.backfill import Backfill
from backoffice.collect.lock import source_lock
from backoffice.collect.postgres.backfill import cursors_of, read_again
from backoffice.collect.postgres.connect import connect, conninfo, info_for
from backoffice.collect.postgres.publication import flush_log
from backoffice.collect.postgres.refetch import Refetch
from backoffice.collect.postgres.refusals import unreachable
from backoffice.collect.postgres.replication import Replication
from backoffice.collect.postgres.run import CollectCounts, Run
from backoffice.collect.postgres.sessions import Session, Supervisor
from backoffice.collect.postgres.shape import Shapes
from backoffice.collect.postgres.slotwatch import Behind, SlotWatch, slot_health
from backoffice.collect.postgres.stream import ChangeStream, Outcome
from backoffice.collect.postgres.trace import look
from backoffice.collect.postgres.writer import BatchWriter
from backoffice.collect.slot import SlotHealth
from backoffice.errors import CollectError, SourceLockedError
from backoffice.landing import BatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig


class PostgresCollector:
    """Lands every change committed in the tables a source reads, exactly once and in commit order.

    Args:
        config: a source with a PostgreSQL connection.
        url: libpq URL of its database, of a role with REPLICATION and SELECT on the tables.
        store: where batches land.
        settings: folders and times.

    Attributes:
        stop: set it to end a run at the next transaction boundary; what is not landed is read again by the next run.
    """

    def __init__(self, config: SourceConfig, url: str, store: BatchStore, settings: Settings) -> None:
        self.stop = threading.Event()
        self._config = config
        self._info = conninfo(url, config.source)
        self._store = store
        self._settings = settings

    def run(self, seconds: float | None, on_landed: Callable[[Manifest], None]) -> CollectCounts:
        """Copy in full what was never copied, then stream.

        A lost connection or a restart of the source is waited out, with growing pauses.

        Args:
            seconds: how long; None until :attr:`stop`; 0 lands what was committed before the call and returns. A full
                copy or a transaction that is under way is finished first.
            on_landed: called with each batch once it is durable and acknowledged.

        Raises:
            PreflightError: collecting would harm the source or miss rows.
            CollectError: another process collects from it, or it cannot be collected from as it stands; with
                ``seconds=0`` also when it cannot be reached.
        """
        run = self._new_run(on_landed)
        run.catch_up = seconds == 0
        run.until = None if seconds is None else time.monotonic() + seconds
        self._supervise(run, _stream)
        return run.counts

    def resync(self, reads: Sequence[str] | str | None = None) -> Manifest | None:
        """Copy tables in full again, handing over to the stream.

        Args:
            reads: names under ``reads:`` in the source's file; None for all, which is also how a source that was
                replaced by another system is accepted.

        Returns:
            The batch; None when a running collector was asked to do it, between two of its transactions.

        Raises:
            CollectError: there is no such read, or as in :meth:`run`.
        """
        names = self._known_reads(reads)
        landed: list[Manifest] = []
        run = self._new_run(landed.append)
        run.catch_up = True
        run.copies = dict.fromkeys(names, "asked for")
        try:
            self._supervise(run, _copied)
        except SourceLockedError:
            run.requests.add(names, "asked for")
            return None
        return landed[-1] if landed else None

    def backfill(self, asked: Backfill) -> list[Manifest] | None:
        """Read rows of some days again and land those that are not as they landed.

        Returns:
            The batches, those of the stream among them; None when a running collector was asked to do it.

        Raises:
            CollectError: there is no such read, it names no cursor, or as in :meth:`run`.
        """
        cursors = cursors_of(self._config, tuple(self._known_reads(asked.reads)))
        landed: list[Manifest] = []
        run = self._new_run(landed.append)
        run.catch_up = True
        run.backfills.add(asked.model_copy(update={"cursors": cursors}))
        try:
            self._supervise(run, _stream)
        except SourceLockedError:
            return None
        return landed

    def status(self) -> SlotHealth:
        """The slot as the source has it now, also while a collector runs; :func:`read_slot` does not ask the source.

        Raises:
            CollectError: the source cannot be reached.
        """
        run = self._new_run(_ignore)
        try:
            with contextlib.closing(connect(self._info)) as connection:
                return slot_health(run, connection, Behind())
        except psycopg.OperationalError as error:
            raise unreachable(run.source, error) from error

    def _supervise(self, run: Run, body: Callable[[Session], Outcome]) -> None:
        with source_lock(self._settings, run.source), SlotWatch(run) as watch:
            run.look = watch.soon
            Supervisor(run, body).supervise()

    def _new_run(self, on_landed: Callable[[Manifest], None]) -> Run:
        return Run(self._config, self._settings, self._store, self._info, self.stop, on_landed)

    def _known_reads(self, reads: Sequence[str] | str | None) -> list[str]:
        names = [reads] if isinstance(reads, str) else list(self._config.reads if reads is None else reads)
        unknown = [name for name in names if name not in self._config.reads]
        if unknown:
            raise CollectError(
                f"source {self._config.source} does not read {', '.join(unknown)}",
                next_step=f"it reads {', '.join(self._config.reads)}",
            )
        return names


def _stream(session: Session) -> Outcome:
    run = session.run
    if run.is_over:
        return Outcome.OVER
    if asked := run.backfills.pending():
        return read_again(session, asked[0], _stream_to)
    return _stream_to(session, flush_log(session.connection) if run.catch_up else None)


def _stream_to(session: Session, target: int | None) -> Outcome:
    """Land the stream up to a position, or until the run is over."""
    run, ready = session.run, session.ready
    with contextlib.closing(Replication(info_for(run.info, session.connection.info.server_version))) as link:
        link.start(run.slot, run.publication, ready.offset.position)
        session.worked()
        run.look()
        return ChangeStream(
            run,
            link,
            Shapes(run.config, session.types, ready.offset.copied),
            BatchWriter(run.store, run.config, Refetch(session.connection), run.known_shapes),
            offset=ready.offset,
            seq=ready.seq,
            target=target,
            altered=lambda: _altered(session),
        ).run()


def _altered(session: Session) -> bool:
    """Whether the catalogue has the tables in another way than when the stream began."""
    run, before = session.run, session.ready.looks
    oids = {name: copied.oid for name, copied in session.ready.offset.copied.items() if name in before}
    now = look(session.connection, run.publication, oids, run.config.reads)
    return {name: seen.signature() for name, seen in now.items()} != {
        name: seen.signature() for name, seen in before.items()
    }


def _copied(_: Session) -> Outcome:
    """Nothing is left to do: copies are made while a session gets ready."""
    return Outcome.OVER


def _ignore(_: Manifest) -> None:
    """Nobody listens."""
