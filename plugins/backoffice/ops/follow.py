"""Following what lands: cycles one after another in one warm process.

A task of Airflow costs 0.4 s besides its work (schedule, start, report), so a run of several visible steps cannot be
faster than that many times 0.4 s. A run shows each step as a task once, then follows: while it does, a cycle costs its
work only. A cycle that fails ends the following, and the next run shows the failing step as a task of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from backoffice.errors import LeaseHeldError
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.settings import Settings
from backoffice.warehouse.lease import Lease
from backoffice.warehouse.load import VERDICTS

logger = logging.getLogger(__name__)

Results = dict[str, dict[str, Any]]

_POLL_SECONDS = 0.05
# A cycle without landings: people's decisions, the end of a wait, the day's change, the DuckDB file's turn, the status.
_IDLE_SECONDS = 10.0


def follow(
    settings: Settings,
    holder: str,
    seconds: float,
    *,
    stop: threading.Event | None = None,
    on_published: Callable[[Results], None] | None = None,
) -> int:
    """Refresh whenever something has landed, for some time or until a rollback stops publishing.

    Returns the number of published versions. The lease is free between two cycles, and whoever waits for it goes first.
    The warehouse stays open from one cycle to the next as long as there is work and nobody else wants it.

    Args:
        settings: the platform's.
        holder: name under which the lease is held.
        seconds: how long; a cycle under way is finished.
        stop: ends the following between two cycles.
        on_published: told each cycle's results once readers see its version.

    Raises:
        BackofficeError: a cycle failed, as :func:`backoffice.ops.cycle.refresh` says.
    """
    published = 0
    stop, deadline, lease = stop or threading.Event(), time.monotonic() + seconds, Lease(settings)
    landed: dict[str, int] = {}
    refreshed_at = 0.0
    with ExitStack() as warehouse:
        while time.monotonic() < deadline and not stop.is_set():
            newest = _landed(settings)
            quiet = newest == landed and time.monotonic() - refreshed_at < _IDLE_SECONDS
            if quiet or lease.wanted():
                warehouse.close()
                stop.wait(_POLL_SECONDS)
                continue
            results = _refresh(settings, holder, warehouse)
            refreshed_at = time.monotonic()
            # our own verdicts are landed too and need no cycle of their own
            landed = newest | {name: seq for name, seq in _landed(settings).items() if name == VERDICTS}
            if "held" in results.get("publish", {}):
                break  # a run shows it: its own publish step is skipped while a rollback holds it
            if results and not results["load"]["idle"]:
                published += 1
                logger.info("%s", _line(results))
                if on_published:
                    on_published(results)
    return published


def _refresh(settings: Settings, holder: str, warehouse: ExitStack) -> Results:
    try:
        return cycle.refresh(settings, holder, keep=warehouse)
    except LeaseHeldError as error:  # a command builds: it loads the same batches
        warehouse.close()
        logger.info("waiting: %s", error)
        return {}


def _landed(settings: Settings) -> dict[str, int]:
    """The newest batch of each source."""
    store = LocalBatchStore(settings.landing_dir)
    last = {source: store.last(source) for source in store.sources()}
    return {source: manifest.seq for source, manifest in last.items() if manifest}


def _line(results: Results) -> str:
    load, publish = results["load"], results["publish"]
    return f"version {publish['version']}: {load.get('rows', 0)} rows of {load.get('batches', 0)} batches"
