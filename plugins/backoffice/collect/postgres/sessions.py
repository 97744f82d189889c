"""Sessions of a run, one after the other: each lasts from a connection to its loss."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from backoffice.collect.backoff import Backoff
from backoffice.collect.postgres.bulk import CopyFailed
from backoffice.collect.postgres.catalog import TypeResolver
from backoffice.collect.postgres.connect import connect
from backoffice.collect.postgres.copy import Stopped
from backoffice.collect.postgres.refusals import Patience, Refusal, refusal, unreachable
from backoffice.collect.postgres.run import Run
from backoffice.collect.postgres.start import Ready, Starter
from backoffice.collect.postgres.stream import Outcome
from backoffice.errors import CollectError

_log = logging.getLogger(__name__)

_COPY_TRIES = 3
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Session:
    """A prepared session; ``worked`` is to be called once it does what it is for."""

    run: Run
    connection: psycopg.Connection[Any]
    types: TypeResolver
    ready: Ready
    worked: Callable[[], None]


class Supervisor:
    """Begins sessions until one ends the run.

    A lost connection, a source that is down or a slot still held by a killed reader is waited out, for ever; a run that
    only catches up gives up after ten seconds. A copy that fails three times is given up, and so is what waiting cannot
    mend, such as a wrong password.

    Args:
        run: the run.
        body: what a session is for.
    """

    def __init__(self, run: Run, body: Callable[[Session], Outcome]) -> None:
        self._run = run
        self._body = body
        self._backoff = Backoff()
        self._cause = ""
        self._down_since = 0.0
        self._failed_copies = 0

    def supervise(self) -> None:
        """Return when the run is over.

        Raises:
            CollectError: see :meth:`PostgresCollector.run`.
        """
        while not self._session_ends_run():
            pass

    def _session_ends_run(self) -> bool:
        try:
            return self._session() is Outcome.OVER
        except Stopped:
            return True
        except CopyFailed as error:
            self._failed_copies += 1
            if self._failed_copies == _COPY_TRIES:
                raise
            return self._wait_out(error)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            return self._wait_out(error)
        except psycopg.Error as error:
            raise CollectError(
                f"the source refused: {str(error).strip()}", where=f"source {self._run.source}"
            ) from error

    def _session(self) -> Outcome:
        with contextlib.closing(connect(self._run.info)) as connection:
            types = TypeResolver(connection)
            ready = Starter(self._run, connection, types).ready()
            self._failed_copies = 0
            return self._body(Session(self._run, connection, types, ready, self._worked))

    def _wait_out(self, error: Exception) -> bool:
        text = str(error).strip()
        cause = text.splitlines()[0] if text else type(error).__name__
        if not self._cause:
            self._down_since = time.monotonic()
            self._run.counts.restarts += 1
        known = refusal(text)
        if cause != self._cause:  # once a cause, not once a try
            self._cause = cause
            _log.warning("%s: waiting for the source: %s", self._run.source, known.what if known else cause)
        if time.monotonic() - self._down_since >= self._patience(known):
            raise unreachable(self._run.source, error) from error
        until = None if self._run.catch_up else self._run.until
        self._backoff.pause(self._run.stop, None if until is None else until - time.monotonic())
        return self._run.is_over

    def _patience(self, known: Refusal | None) -> float:
        if known is not None and known.patience is Patience.NONE:
            return 0.0
        for_ever = not self._run.catch_up and (known is None or known.patience is Patience.LONG)
        return float("inf") if for_ever else _PATIENCE_SECONDS

    def _worked(self) -> None:
        self._backoff.reset()
        if self._cause:
            _log.info("%s: the source is back after %.1f s", self._run.source, time.monotonic() - self._down_since)
            self._cause = ""
