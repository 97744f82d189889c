"""What the tasks of ``dags/`` call: each joins Airflow to a plain function and does nothing else."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backoffice.errors import LeaseHeldError
from backoffice.settings import get_settings

log = logging.getLogger(__name__)

REFRESH_STEPS = ("load", "validate", "build", "publish")


def collect_source(source: str) -> dict[str, Any]:
    """Collect from a source for ``collector_run_seconds`` and tell Airflow about each landing.

    When the platform stops, the task ends at once and successfully: rows and offset are durable together, so what was
    not landed yet is read again by the next run.
    """
    from backoffice.airflow.wake import wake_refresh
    from backoffice.collect.run import collect

    settings = get_settings()
    landed = {"batches": 0, "rows": 0}
    with wake_refresh(settings, source) as wake:

        def on_landed(manifest: Any) -> None:
            landed["batches"] += 1
            landed["rows"] += manifest.rows
            wake.landed(manifest)

        with _set_by_sigterm() as stop:
            collect(settings, source, settings.collector_run_seconds, on_landed, stop=stop)
    log.info("landed %(rows)d rows in %(batches)d batches", landed)
    return landed


@contextmanager
def _set_by_sigterm() -> Iterator[threading.Event]:
    """An event for the collector; Airflow itself does nothing about a SIGTERM while a Python task runs."""
    stop = threading.Event()
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)


def refresh_step(step: str, dag_run: Any = None) -> dict[str, Any]:
    """Run one of :data:`REFRESH_STEPS`; the steps of a run share the warehouse's lease.

    A cycle that finds the warehouse held by somebody's command is skipped: that command loads the same batches. So is
    the publication while a rollback holds it.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from backoffice.ops import cycle

    started = time.monotonic()
    try:
        result: dict[str, Any] = getattr(cycle, step)(get_settings(), holder_of(dag_run.dag_id, dag_run.run_id))
    except LeaseHeldError as error:
        if step != REFRESH_STEPS[0]:
            raise
        log.info("skipped: %s", error)
        raise AirflowSkipException(error.what) from error
    log.info("%s took %.2f s", step, time.monotonic() - started)
    if held := result.get("held"):
        log.warning("not published: %s", held)
        raise AirflowSkipException(f"not published: {held}")
    return result


def follow_landings(dag_run: Any = None) -> dict[str, Any]:
    """Go on refreshing for ``follow_seconds``, without a task for each step; see :mod:`backoffice.ops.follow`."""
    from backoffice.airflow.wake import wake_readers
    from backoffice.ops.follow import follow

    settings = get_settings()
    with wake_readers(settings) as wake, _set_by_sigterm() as stop:
        versions = follow(
            settings,
            holder_of(dag_run.dag_id, dag_run.run_id),
            settings.follow_seconds,
            stop=stop,
            on_published=lambda results: wake.published(results["publish"]["version"]),
        )
    return {"versions": versions}


def holder_of(dag_id: str, run_id: str) -> str:
    """Name under which a run holds the warehouse."""
    return f"airflow:{dag_id}:{run_id}"


def release_lease(context: Any) -> None:
    """Give up the lease of a failed run: its step was killed, and could not do so itself.

    Otherwise every other run would be skipped until the lease expires.
    """
    from backoffice.warehouse.lease import Lease

    run = context["dag_run"]
    try:
        with Lease(get_settings()).held(holder_of(run.dag_id, run.run_id)):
            log.info("the warehouse is free again")
    except LeaseHeldError as error:
        log.info("the warehouse was passed on already: %s", error)


def clean_up() -> dict[str, Any]:
    """Remove Airflow's finished runs and task logs older than ``airflow_keep_hours``."""
    from backoffice.airflow.maintenance import clean_database, prune_logs

    settings = get_settings()
    clean_database(settings)
    return {"log_files_removed": prune_logs(settings)}


def compact_landing() -> dict[str, Any]:
    """Rewrite old batches of every source into a few files."""
    from backoffice.ops import compaction

    done = compaction.compact_landing(get_settings())
    return {item.source: f"{item.batches} batches in {item.ranges} ranges" for item in done if item.ranges}
