"""One refresh, step by step: load → validate → build → publish.

Each step is a plain function that a task, a command or a test calls; state lives in the warehouse, so a step can be
repeated, and a refresh killed anywhere is finished by the next one.
"""

from __future__ import annotations

import functools
import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import duckdb

from backoffice.contracts import load_contracts
from backoffice.durable import storage_errors
from backoffice.errors import AuditError, ValidationError
from backoffice.landing import LocalBatchStore
from backoffice.publish.status import PARTS_OF_BUILD
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import usable_sources
from backoffice.warehouse import audit as auditing
from backoffice.warehouse import build as building
from backoffice.warehouse import dbt, invariants, meta
from backoffice.warehouse import load as loading
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease

logger = logging.getLogger(__name__)

Step: TypeAlias = Callable[[Settings, str], dict[str, Any]]

STEPS = ("load", "validate", "build", "publish")


def refresh(
    settings: Settings, holder: str, *, wait: float = 0.0, keep: ExitStack | None = None
) -> dict[str, dict[str, Any]]:
    """All four steps under one lease.

    Args:
        settings: the platform's.
        holder: name under which the lease is held.
        wait: seconds to wait for another holder.
        keep: takes the open warehouse, so that the next refresh of this process need not open it; whoever closes it
            lets others open the file.

    Raises:
        LeaseHeldError: another build holds the warehouse after ``wait`` seconds.
        AuditError: the audit failed; the version before stays published.
    """
    from backoffice.ops.status import failures_told

    with failures_told(settings), storage_errors("the refresh"), Lease(settings).held(holder, wait=wait, release=False):
        pass
    # opening the file, and the checkpoint at closing it, are done once and not in every step: a third of a small cycle
    with ExitStack() as opened:
        opened.enter_context(open_warehouse(settings))
        results = {step: globals()[step](settings, holder) for step in STEPS}
        if keep is not None:
            keep.close()  # the one before: the file stays open
            keep.enter_context(opened.pop_all())
        return results


def _told(step: Step) -> Step:
    """A step whose failure every channel tells."""

    @functools.wraps(step)
    def run(settings: Settings, holder: str) -> dict[str, Any]:
        from backoffice.ops.status import failures_told

        with failures_told(settings), storage_errors(f"the step {step.__name__}", str(settings.home)):
            return step(settings, holder)

    return run


@_told
def load(settings: Settings, holder: str) -> dict[str, Any]:
    """Load what landed since the watermark into a new generation, after finishing what a kill interrupted."""
    from backoffice.ops.publication import recover_publication

    sources = _sources(settings)
    with Lease(settings).held(holder, release=False), open_warehouse(settings) as connection:
        started = time.monotonic()
        meta.create(connection)
        recover_publication(settings, connection)
        result = loading.load(
            connection, _store(settings), sources, fingerprint=dbt.fingerprint(settings), holder=holder
        )
        if not result.idle:
            _time(connection, result.generation, "load", started)
        return {"generation": result.generation, "batches": result.batches, "rows": result.rows, "idle": result.idle}


@_told
def validate(settings: Settings, holder: str) -> dict[str, Any]:
    """Judge the rows of the generation."""
    from backoffice.validate import validate as judge

    with _step(settings, holder, "validate") as connection:
        if connection is None:
            return {"idle": True}
        sources = _sources(settings)
        _require_loaded(connection, sources)
        result = judge(
            connection,
            _store(settings),
            sources,
            load_contracts(settings.contracts_dir),
            settings=settings,
            generation=meta.current_generation(connection),
        )
        return {"judged": result.judged, "quarantined": result.quarantined, "by_rule": result.by_rule}


@_told
def build(settings: Settings, holder: str) -> dict[str, Any]:
    """Build and test with dbt what the generation touched, quarantining what its gates name; then balance the books.
    Publication is withheld when something blocks.

    Raises:
        AuditError: a check failed whose rows could not be quarantined. The status says so in every channel.
    """
    from backoffice.validate.rounds import Gates

    with Lease(settings).held(holder, release=False):
        started = time.monotonic()
        with open_warehouse(settings) as connection:
            if _is_idle(connection):
                return {"idle": True}
            planned = building.plan(connection)
        sources, contracts = _sources(settings), load_contracts(settings.contracts_dir)
        gated = Gates(settings, _store(settings), sources, contracts).build(planned)
        with open_warehouse(settings) as connection:
            if planned.is_full:
                invariants.record_declared(
                    connection, invariants.declared(dbt.manifest(settings).nodes.values(), contracts), contracts
                )
            building.record_built(connection, planned, dbt.fingerprint(settings))
            checks = _audit(settings, connection, planned.generation, gated.built, started)
    slowest = sorted(((r.execution_time, name) for name, r in gated.built.models.items()), reverse=True)[:3]
    return {
        "models": len(gated.built.models),
        "full": planned.is_full,
        "runs": gated.runs,
        "quarantined": gated.named,
        "checks": len(checks),
        "warned": [check.name for check in checks if not check.blocking and check.failures],
        "slowest": {name: round(seconds, 3) for seconds, name in slowest},
    }


def _audit(
    settings: Settings, connection: duckdb.DuckDBPyConnection, generation: int, built: building.Built, started: float
) -> list[auditing.Check]:
    from backoffice.ops.status import say_withheld

    checks = auditing.test_checks(connection, built.tests) + auditing.check_books(connection, generation)
    invariants.record_results(connection, generation, built.tests)
    for kind in sorted(PARTS_OF_BUILD):
        _record_time(connection, generation, kind, built.seconds(kind))
    _time(connection, generation, "build", started)
    try:
        auditing.record(connection, generation, checks)
    except AuditError as error:
        say_withheld(settings, connection, error)
        raise
    return checks


@_told
def publish(settings: Settings, holder: str) -> dict[str, Any]:
    """Publish the audited generation, and say in every channel how fresh it is."""
    from backoffice.ops.publication import publish_generation
    from backoffice.ops.status import write_status

    with Lease(settings).held(holder, release=True), open_warehouse(settings) as connection:
        started = time.monotonic()
        idle = _is_idle(connection)
        result = publish_generation(settings, connection, idle=idle)
        if not idle:
            _time(connection, meta.current_generation(connection), "publish", started)
        write_status(settings, connection)
        return result


def warm(settings: Settings) -> None:
    """Import what the steps need, parse the dbt project and rehearse, in the process that tasks are forked from."""
    from backoffice.ops.rehearsal import rehearse
    from backoffice.validate import warm as warm_validation

    warm_validation()
    dbt.manifest(settings)
    rehearse(settings)
    # what stays for good is left out of collections, so that a task's first one does not copy every inherited page
    gc.collect()
    gc.freeze()


@contextmanager
def _step(settings: Settings, holder: str, name: str) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """The warehouse under the lease, timed; None when the generation is already published."""
    with Lease(settings).held(holder, release=False), open_warehouse(settings) as connection:
        started = time.monotonic()
        if _is_idle(connection):
            yield None
            return
        yield connection
        _time(connection, meta.current_generation(connection), name, started)


def _sources(settings: Settings) -> dict[str, SourceConfig]:
    """Sources with a usable file; rows of the others wait in landing, and the log says why."""
    sources, errors = usable_sources(settings.sources_dir, load_contracts(settings.contracts_dir))
    for error in errors:
        logger.error("a source is left out of this refresh: %s", error)
    return sources


def _require_loaded(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig]) -> None:
    """Rows that were loaded must be judged before they are built."""
    loaded = connection.execute(
        "SELECT DISTINCT source FROM meta.batch_table WHERE generation > ?", [meta.published_generation(connection)]
    ).fetchall()
    if unknown := sorted({str(source) for (source,) in loaded} - sources.keys()):
        raise ValidationError(
            f"rows of {', '.join(unknown)} were loaded, but its file cannot be used now, so they cannot be judged",
            where="sources/",
            next_step="mend the file; `backoffice contracts check` names the line",
        )


def _store(settings: Settings) -> LocalBatchStore:
    return LocalBatchStore(settings.landing_dir)


def _is_idle(connection: duckdb.DuckDBPyConnection) -> bool:
    return meta.current_generation(connection) == meta.published_generation(connection)


def _time(connection: duckdb.DuckDBPyConnection, generation: int, step: str, started: float) -> None:
    _record_time(connection, generation, step, time.monotonic() - started)


def _record_time(connection: duckdb.DuckDBPyConnection, generation: int, step: str, seconds: float) -> None:
    connection.execute("INSERT INTO meta.step_time VALUES (?, ?, ?, ?)", [generation, step, datetime.now(UTC), seconds])
