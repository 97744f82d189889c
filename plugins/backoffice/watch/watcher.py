"""The watcher: looks every few seconds, keeps the alerts, tells the channels and serves the metrics."""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from backoffice.errors import AlertError, BackofficeError
from backoffice.settings import Settings
from backoffice.watch.causes import Cause, Kind
from backoffice.watch.channels import channels
from backoffice.watch.deliver import Delivery
from backoffice.watch.detect import CHECKS
from backoffice.watch.metrics import Metrics
from backoffice.watch.observe import Memory, Observation
from backoffice.watch.redact import redacted, redactor
from backoffice.watch.serve import serving
from backoffice.watch.state import AlertState

log = logging.getLogger(__name__)

_STALE_PASSES = 15
_LONGEST_ERROR = 600


@dataclass
class Judged:
    """What one look found: the causes, and the kinds that could be judged."""

    causes: list[Cause] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)


class Watcher:
    """One look after the other; :meth:`look` is a whole one.

    Args:
        settings: folders, limits and channels.
        names: names of the channels to tell.
        started_at: when the watcher started; nothing is called late in the grace after it.
    """

    def __init__(self, settings: Settings, names: Sequence[str], started_at: float) -> None:
        self.metrics = Metrics()
        self._settings = settings
        self._names = names
        self._memory = Memory(settings, started_at)
        self._redact = redactor(settings)
        self._looked_at = 0.0
        self._failing: dict[Kind, str] = {}  # so that the log is told once, not at every look

    def look(self, state: AlertState, now: float) -> None:
        """Find what is wrong now, keep the alerts by it and renew the metrics."""
        seen = Observation(self._memory, now)
        judged = self._judge(seen)
        causes = [redacted(cause, self._redact) for cause in judged.causes]
        state.apply(causes, judged.kinds, self._names, now)
        self.metrics.take(seen, state.alerts(), state.notices())
        self._looked_at = time.monotonic()

    def is_healthy(self) -> bool:
        """Whether the last look is recent."""
        age = time.monotonic() - self._looked_at
        return bool(self._looked_at) and age < max(30.0, _STALE_PASSES * self._settings.watch_seconds)

    def _judge(self, seen: Observation) -> Judged:
        """Every check; one that fails is a cause of its own and leaves the alerts of its kind as they are."""
        judged = Judged(kinds={Kind.CHECK_FAILED})
        for check in CHECKS:
            try:
                found = check.find(seen)
            except Exception as error:  # the others must go on
                if self._failing.get(check.kind) != str(error):
                    log.warning("check %s failed: %s", check.kind, error)
                self._failing[check.kind] = str(error)
                self.metrics.check_failed(check.kind)
                judged.causes.append(_check_failed(check.kind, error, seen.now))
                continue
            self._failing.pop(check.kind, None)
            if found is not None:
                judged.kinds.add(check.kind)
                judged.causes += found
        return judged


def watch(settings: Settings, stop: threading.Event) -> None:
    """Watch until told to stop.

    Raises:
        AlertError: another watcher of the same home runs, or a channel's address is not understood.
        ServerError: the port is taken.
    """
    told = channels(settings)
    names = [channel.name for channel in told]
    with _only_one(settings), AlertState(settings) as state:
        state.drop_unknown_channels(names, time.time())
        watcher = Watcher(settings, names, time.time())
        with (
            serving(settings.listen_host, settings.watch_port, watcher.metrics.registry, watcher.is_healthy) as port,
            Delivery(settings, told),
        ):
            log.info("watching %s; metrics on port %d; telling %s", settings.home, port, ", ".join(names))
            _loop(watcher, state, settings.watch_seconds, stop)


def _loop(watcher: Watcher, state: AlertState, every: float, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            watcher.look(state, time.time())
        except Exception:  # a full disk, for example: /health says so, and the next look tries again
            log.exception("this look failed")
        stop.wait(every)


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Two watchers would tell everything twice."""
    settings.alerts_dir.mkdir(parents=True, exist_ok=True)
    with (settings.alerts_dir / "watch.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlertError(
                "another watcher runs",
                where=str(settings.alerts_dir),
                next_step="`backoffice status` shows its process",
            ) from error
        yield


def _check_failed(kind: Kind, error: Exception, now: float) -> Cause:
    """One file that cannot be read fails several checks and is one cause."""
    where, what, next_step = "", f"{type(error).__name__}: {error}", ""
    if isinstance(error, BackofficeError):
        where, what, next_step = error.where, error.what, error.next_step
    return Cause(
        Kind.CHECK_FAILED,
        where or kind,
        "warning",
        "the watcher cannot see everything: some alerts stay as they are",
        " ".join(what.split())[:_LONGEST_ERROR],
        next_step or f"mend what it names; check {kind} found it",
        now,
    )
