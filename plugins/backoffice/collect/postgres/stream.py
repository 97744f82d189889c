"""Streaming: whole transactions from the slot into batches, each acknowledged once it is durable."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable

from backoffice.collect.heartbeat import Heartbeat
from backoffice.collect.postgres.offset import Offset
from backoffice.collect.postgres.pgoutput import Begin, Change, Commit, Decoder, Truncate
from backoffice.collect.postgres.replication import Keepalive, Replication
from backoffice.collect.postgres.rows import TransactionRows
from backoffice.collect.postgres.run import Run
from backoffice.collect.postgres.shape import CopyNeeded, Shapes
from backoffice.collect.postgres.writer import BatchWriter, ShapeMoved
from backoffice.errors import CollectError

_log = logging.getLogger(__name__)

_LARGE_BYTES = 64 << 20  # in memory: a transaction beyond goes to disk before its commit arrives, a batch is closed
_MOST_COPIES = 10
_IDLE_SECONDS = 1.0
_CATALOGUE_SECONDS = 3.0
_BETWEEN_LOOKS = 64  # messages of one transaction between two looks at the clock
_LOOK_SECONDS = 0.25  # how long a stop or a request can go unseen while nothing arrives


class Outcome(enum.Enum):
    """Why the stream ended: the run is over, or the session must begin anew (a copy is due, a table was altered)."""

    OVER = enum.auto()
    AGAIN = enum.auto()


class ChangeStream:
    """Lands what a started replication sends.

    A transaction is kept apart until its commit arrives, then joins the open batch; the batch is closed when it is
    ``settings.batch_seconds`` old, holds ``settings.batch_rows`` or much memory. A large transaction is written out as
    it comes, in a batch of its own, so that memory holds ``batch_rows`` rows of it at most.

    Args:
        run: the run it belongs to.
        link: started at the offset.
        shapes: of the tables.
        writer: of the open batch.
        offset: of the last batch, number ``seq``; the stream begins at its position.
        target: where a run that only catches up ends.
        altered: asks the catalogue whether something happened to the tables that the stream may not tell.
    """

    def __init__(
        self,
        run: Run,
        link: Replication,
        shapes: Shapes,
        writer: BatchWriter,
        *,
        offset: Offset,
        seq: int,
        target: int | None,
        altered: Callable[[], bool],
    ) -> None:
        self._run = run
        self._link = link
        self._shapes = shapes
        self._writer = writer
        self._offset = offset
        self._seq = seq
        self._position = offset.position  # end of the last whole transaction
        self._target = target
        self._altered = altered
        self._heartbeat = Heartbeat(run.settings, run.source)
        self._decoder = Decoder()
        self._transaction: TransactionRows | None = None
        self._bytes = 0
        self._messages = 0
        self._spilling = False
        self._idle_at = self._looked_at = self._asked_at = time.monotonic()

    def run(self) -> Outcome:
        """Stream until the run is over or the session must begin anew.

        Raises:
            CollectError: a table's columns never settle.
            psycopg.OperationalError: the connection was lost; nothing that was not landed has been acknowledged.
        """
        try:
            outcome = self._until_outcome()
            if not self._spilling:
                self._land()
                self._advance_idle(at_once=True)  # runs too short to be idle in must not keep the source's log
            return outcome
        except ShapeMoved as moved:
            _log.info("%s: %s was altered within a large transaction: reading it again", self._run.source, moved)
            self._run.known_shapes[moved.shape.read] = moved.shape
            return Outcome.AGAIN
        finally:
            self._writer.abort()

    def _until_outcome(self) -> Outcome:
        try:
            while (outcome := self._step()) is None:
                pass
            return outcome
        except CopyNeeded as needed:
            _log.warning("%s: %s is copied anew: %s", self._run.source, needed.read, needed.why)
            self._run.copies[needed.read] = needed.why
            self._run.reshaped[needed.read] += 1
            if self._run.reshaped[needed.read] > _MOST_COPIES:
                raise CollectError(
                    f"{needed.read} was copied {_MOST_COPIES} times in one run and still: {needed.why}",
                    where=f"source {self._run.source}",
                    next_step=f"compare the columns of publication {self._run.publication} with those of the table",
                ) from needed
            return Outcome.AGAIN

    def _step(self) -> Outcome | None:
        message = self._link.read(0.0) or self._link.read(self._patience())
        if isinstance(message, bytes):
            self._take(message)
            self._messages += 1
            if self._transaction is not None and self._messages % _BETWEEN_LOOKS:
                return None
        elif message is not None:
            self._alive(message)
        if self._is_due():
            self._land()
        if self._transaction is not None:
            return Outcome.OVER if self._run.stop.is_set() else None
        if not self._writer.rows:
            self._advance_idle()
        return self._outcome()

    def _patience(self) -> float:
        if not self._writer.rows:
            return _LOOK_SECONDS
        left = self._writer.opened_at + self._run.settings.batch_seconds - time.monotonic()
        return min(max(left, 0.0), _LOOK_SECONDS)

    def _outcome(self) -> Outcome | None:
        if self._run.is_over or (self._target is not None and self._position >= self._target):
            return Outcome.OVER
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            if self._run.requests.pending() or (self._target is None and self._run.backfills.pending()):
                return Outcome.AGAIN
        if now - self._asked_at >= _CATALOGUE_SECONDS:
            self._asked_at = now
            if self._altered():
                _log.info("%s: tables were altered: looking at them again", self._run.source)
                return Outcome.AGAIN
        return None

    # the transaction that is arriving

    def _take(self, payload: bytes) -> None:
        message = self._decoder.feed(payload)
        if isinstance(message, Change):
            self._change(self._arriving(), message, len(payload))
        elif isinstance(message, Begin):
            self._transaction = TransactionRows(message, self._shapes, self._offset.snapshots)
            self._bytes = 0
        elif isinstance(message, Commit):
            self._commit(message)
        elif isinstance(message, Truncate):
            self._change(self._arriving(), message, len(payload))

    def _arriving(self) -> TransactionRows:
        if self._transaction is None:
            raise CollectError("a change came outside of a transaction", where=f"source {self._run.source}")
        return self._transaction

    def _change(self, transaction: TransactionRows, message: Change | Truncate, size: int) -> None:
        if isinstance(message, Truncate):
            transaction.truncate(message)
        else:
            transaction.change(message)
        self._bytes += size
        if transaction.count > self._run.settings.batch_rows or self._bytes > _LARGE_BYTES:
            self._spill(transaction)

    def _spill(self, transaction: TransactionRows) -> None:
        if not self._spilling:
            self._land()  # the whole transactions before it
            self._spilling = True
        self._writer.add(transaction, self._bytes)
        self._writer.write()
        self._bytes = 0

    def _commit(self, message: Commit) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and (transaction.count or self._spilling):
            if not self._spilling and self._another_shape(transaction):
                self._land()  # one batch, one shape of a table, unless a single transaction altered it
            self._writer.add(transaction, self._bytes)
            self._writer.transactions += 1
        self._position = message.end_lsn
        if self._spilling:
            self._spilling = False
            self._land()

    def _another_shape(self, transaction: TransactionRows) -> bool:
        return any(self._writer.holds_another(parts[0].shape) for parts in transaction.tables.values())

    # batches and acknowledgements

    def _is_due(self) -> bool:
        if not self._writer.rows or self._spilling:
            return False
        settings = self._run.settings
        old = time.monotonic() - self._writer.opened_at >= settings.batch_seconds
        return old or self._writer.rows >= settings.batch_rows or self._writer.bytes >= _LARGE_BYTES

    def _land(self) -> None:
        if not self._writer.rows:
            return
        transactions = self._writer.transactions
        offset = self._offset.moved_to(self._position)
        manifest = self._writer.commit(offset.model_dump(mode="json"))
        self._offset, self._seq = offset, manifest.seq
        self._link.confirm(self._position)
        self._run.landed(manifest, transactions)

    def _alive(self, message: Keepalive) -> None:
        if self._transaction is None:
            self._position = max(self._position, message.position)
            if not self._writer.rows:
                self._heartbeat.caught_up()
                self._advance_idle(at_once=message.reply)
        if message.reply:
            self._link.reply()

    def _advance_idle(self, at_once: bool = False) -> None:
        """Let the slot move over log that holds nothing for us; a source that shuts down waits for this."""
        now = time.monotonic()
        if self._position <= self._link.confirmed or not (at_once or now - self._idle_at >= _IDLE_SECONDS):
            return
        self._idle_at = now
        self._run.mark.write(self._offset.system_identifier, self._offset.slot, self._seq, self._position)
        self._link.confirm(self._position)
