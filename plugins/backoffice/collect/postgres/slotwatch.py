"""Looks at the slot while a collector runs, also during a long copy or transaction and while the source is down.

It has a thread and a connection of its own, so the stream never waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import psycopg

from backoffice.collect.postgres.connect import connect
from backoffice.collect.postgres.offset import format_lsn, last_offset, parse_lsn
from backoffice.collect.postgres.publication import SlotState, slot_state
from backoffice.collect.postgres.run import Run
from backoffice.collect.slot import SlotHealth, read_slot, write_slot
from backoffice.errors import BackofficeError

_log = logging.getLogger(__name__)

_EVERY_SECONDS = 10.0
_LEAVE_SECONDS = 2.0
_MOST_SAMPLES = 4096  # eleven hours; whoever is behind for longer has been so since before the oldest

_LIMITS = """
SELECT pg_current_wal_lsn()::text, nullif(setting, '-1')::bigint * 1024 * 1024
FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"""


class Behind:
    """Since when a position has been behind the source's log, from positions of the log seen earlier.

    Args:
        since: what was known before, such as by the run before this one.
    """

    def __init__(self, since: datetime | None = None) -> None:
        self._since = since
        self._samples: deque[tuple[int, datetime]] = deque(maxlen=_MOST_SAMPLES)

    def look(self, acknowledged: int, log_end: int, now: datetime) -> datetime | None:
        """The oldest look at which the log already went beyond ``acknowledged``; None when it went there only now."""
        while self._samples and self._samples[0][0] <= acknowledged:
            self._samples.popleft()
            self._since = None
        if acknowledged >= log_end:
            self._since = None
            return None
        self._samples.append((log_end, now))
        if self._since is None and len(self._samples) > 1:
            self._since = self._samples[0][1]
        return self._since


def slot_health(run: Run, connection: psycopg.Connection[Any], behind: Behind) -> SlotHealth:
    """A look at the slot now.

    Raises:
        psycopg.OperationalError: the source cannot be asked.
        CollectError: the slot serves something else, or the landing cannot be read.
    """
    slot = slot_state(connection, run.slot)
    log_end, limit = connection.execute(_LIMITS).fetchone() or ("0/0", None)
    seq, offset = last_offset(run.store, run.source)
    told = SlotHealth(
        source=run.source,
        slot=run.slot,
        observed_at=datetime.now(UTC),
        limit_bytes=limit,
        landed_lsn=offset.lsn if offset else "",
        landed_seq=seq,
    )
    if slot is None:
        return told
    since = behind.look(slot.confirmed, parse_lsn(log_end), told.observed_at)
    return told.model_copy(update={**_told(slot), "behind_since": since})


def _told(slot: SlotState) -> dict[str, Any]:
    return {
        "exists": True,
        "active": slot.active,
        "wal_status": slot.wal_status,
        "reason": slot.reason,
        "retained_bytes": slot.retained,
        "safe_bytes": slot.safe_wal_size,
        "lag_bytes": slot.lag,
        "acknowledged_lsn": format_lsn(slot.confirmed),
    }


class SlotWatch:
    """Writes the slot's health every ten seconds until the block is left; see :class:`SlotHealth`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        before = read_slot(run.settings, run.source)
        self._health = before if before and before.slot == run.slot else None
        self._behind = Behind(self._health.behind_since if self._health else None)
        self._due = threading.Event()
        self._over = False
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._watch, name=f"slot of {run.source}", daemon=True)

    def __enter__(self) -> SlotWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._due.set()
        self._thread.join(_LEAVE_SECONDS)

    def soon(self) -> None:
        """Look now: the slot was made, or is read from now on."""
        self._due.set()

    def _watch(self) -> None:
        try:
            while not self._over:
                self._due.wait(_EVERY_SECONDS)
                self._due.clear()
                self._look()
        finally:
            self._disconnect()

    def _look(self) -> None:
        try:
            self._health = self._seen()
        except (psycopg.Error, BackofficeError) as error:
            self._disconnect()
            self._health = self._unseen(str(error).strip())
        try:
            write_slot(self._run.settings, self._health)
        except (
            OSError
        ) as error:  # a full disk stops the landing, which says so; this is only the light on the dashboard
            _log.warning("%s: the slot's health cannot be written: %s", self._run.source, error)

    def _seen(self) -> SlotHealth:
        if self._connection is None:
            self._connection = connect(self._run.info)
        return slot_health(self._run, self._connection, self._behind)

    def _unseen(self, problem: str) -> SlotHealth:
        known = self._health or SlotHealth(source=self._run.source, slot=self._run.slot, observed_at=datetime.now(UTC))
        return known.model_copy(update={"observed_at": datetime.now(UTC), "problem": problem, "active": False})

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
