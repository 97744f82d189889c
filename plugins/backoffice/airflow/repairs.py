"""What the tasks of ``dags/repairs.py`` call; each waits for the warehouse as a person's command does."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import Any

from backoffice.airflow.tasks import holder_of
from backoffice.settings import get_settings

log = logging.getLogger(__name__)

_LEASE_WAIT_SECONDS = 600.0


def rebuild_warehouse(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
    """Build the warehouse again from landing and verdicts, as of ``params['as_of']``."""
    from backoffice.ops.rebuild import rebuild

    result = rebuild(
        get_settings(),
        holder_of(dag_run.dag_id, dag_run.run_id),
        as_of=_moment(params["as_of"]),
        wait=_LEASE_WAIT_SECONDS,
        say=log.info,
    )
    log.info("rows that differ: %s", result.get("rows") or "none")
    return result


def replay_source(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
    """Load a source's batches again from ``params['from_batch']``, or from the first one landed since."""
    from backoffice.landing import LocalBatchStore
    from backoffice.ops.replay import first_batch_since, replay

    settings, source, since = get_settings(), params["source"], _moment(params["since"])
    first = int(params["from_batch"])
    if since is not None:
        first = first_batch_since(LocalBatchStore(settings.landing_dir), source, since)
    log.info("replaying %s from batch %d", source, first)
    result = replay(
        settings,
        source,
        holder_of(dag_run.dag_id, dag_run.run_id),
        from_batch=first,
        rejudge=bool(params["rejudge"]),
        wait=_LEASE_WAIT_SECONDS,
    )
    log.info("%(batches)d batches, %(loaded_rows)d rows loaded again", result)
    return result


def backfill_source(params: Any = None) -> dict[str, Any]:
    """Read rows of ``params['first']`` to ``params['last']`` of a source again."""
    from backoffice.collect.run import backfill

    source, first, last = params["source"], date.fromisoformat(params["first"]), date.fromisoformat(params["last"])
    landed = backfill(get_settings(), source, first, last, table=params["table"] or None)
    if landed is None:
        log.info("the running collector of %s was asked; its log says what landed", source)
        return {"asked": source}
    batches = [manifest for manifest in landed if "backfill" in manifest.notes]
    log.info("%d rows were not as they landed", sum(manifest.rows for manifest in batches))
    return {"batches": [manifest.batch_id for manifest in batches]}


def compare_full_build(dag_run: Any = None) -> dict[str, Any]:
    """Build everything beside the warehouse and compare every mart with it."""
    from backoffice.ops import full_build

    holder = holder_of(dag_run.dag_id, dag_run.run_id)
    result = full_build.compare_full_build(get_settings(), holder, wait=_LEASE_WAIT_SECONDS)
    if result is None:
        log.info("nothing is loaded yet")
        return {}
    said = "%d marts are equal, %d tests pass over everything; the warehouse was held %.1f s"
    log.info(said, len(result.models), result.tests, result.locked_seconds)
    return {"models": len(result.models), "locked_seconds": result.locked_seconds, "seconds": result.seconds}


def _moment(text: str | None) -> datetime | None:
    """An instant from a parameter; without a zone it is UTC."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
