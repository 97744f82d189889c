"""The last step of a refresh: what was audited goes to the readers, and the generation is marked.

While a hold is set it goes to nobody: the generation is marked as held, and the next builds start from it all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.errors import PublishError
from backoffice.publish import (
    Hold,
    Publication,
    TableChange,
    clear_hold,
    current_file,
    file_due,
    finish_rollback,
    lift_hold,
    publish,
    publish_file,
    publishing,
    read_hold,
    recover,
    roll_back_to,
    version_id,
)
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings
from backoffice.warehouse import meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease

KEPT_GENERATIONS = 1000


def publish_generation(
    settings: Settings, connection: duckdb.DuckDBPyConnection, *, idle: bool, now: bool = False
) -> dict[str, Any]:
    """Publish the newest generation; when readers already see it, bring the DuckDB file up to it once it is due.

    Args:
        settings: where the channels are.
        connection: the warehouse; the caller holds the lease.
        idle: whether the newest generation was published or held before.
        now: bring the file up to it whether it is due or not.

    Raises:
        PublishError: a channel could not be written; the next refresh rolls it forward.
    """
    with publishing(settings):
        hold = read_hold(settings)
        if hold and hold.stops:
            return _held(settings, connection, hold, idle=idle)
        result = {"idle": True} if idle and hold is None else _publish(settings, connection)
        return result | _file_only(settings, connection, now=now)


def publish_now(settings: Settings, holder: str, *, wait: float) -> dict[str, Any]:
    """Bring every channel to the newest audited generation at once, the DuckDB file included.

    Raises:
        LeaseHeldError: a build holds the warehouse after ``wait`` seconds.
        PublishError: a hold is set, the newest generation did not pass its audit, or a channel could not be written.
    """
    from backoffice.ops.status import write_status

    with Lease(settings).held(holder, wait=wait), open_warehouse(settings) as connection:
        meta.create(connection)
        recover_publication(settings, connection)
        generation = meta.current_generation(connection)
        result = publish_generation(
            settings, connection, idle=generation == meta.published_generation(connection), now=True
        )
        write_status(settings, connection)
        return result


def roll_back(settings: Settings, version: str, *, actor: str, reason: str) -> dict[str, Any]:
    """Publish an earlier version in every channel and hold it there; see :func:`backoffice.publish.roll_back`.

    Raises:
        PublishError: the version's file is not kept, or a channel could not be written.
    """
    from backoffice.ops.status import tell

    try:
        hold, changes = roll_back_to(settings, version, actor=actor, reason=reason)
    finally:
        if read_hold(settings):
            tell(settings)
    rows = {change.model: f"{change.action} {_rows(change)}" for change in changes if change.changed or change.note}
    return {"version": hold.version, "sentence": hold.sentence, "rows": rows}


def lift(settings: Settings, *, actor: str, reason: str) -> dict[str, Any]:
    """Allow publishing again.

    Raises:
        PublishError: no hold is set.
    """
    from backoffice.ops.status import tell

    hold = lift_hold(settings, actor=actor, reason=reason)
    tell(settings)
    return {"version": hold.version, "sentence": f"the hold on {hold.version} was lifted by {actor}"}


def recover_publication(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Finish what a kill interrupted, a rollback or a publication, before anything new is loaded."""
    with publishing(settings):
        finish_rollback(settings)
        if publication := recover(connection, published_models(settings), settings):
            mark_published(connection, publication)


def mark_published(connection: duckdb.DuckDBPyConnection, publication: Publication) -> None:
    """Readers see the generation: what it touched need not be built again, and its records are no longer needed."""
    connection.execute(
        "UPDATE meta.generation SET published_at = ?, version = ? WHERE generation = ?",
        [datetime.now(UTC), publication.version, publication.generation],
    )
    _forget(connection, publication.generation)


def _held(settings: Settings, connection: duckdb.DuckDBPyConnection, hold: Hold, *, idle: bool) -> dict[str, Any]:
    """Keep the newest generation from the readers, complete as it is."""
    if not idle:
        generation, as_of = _newest(connection)
        connection.execute(
            "UPDATE meta.generation SET held_at = ?, version = ? WHERE generation = ? AND audit_passed",
            [datetime.now(UTC), version_id(generation, as_of), generation],
        )
        _forget(connection, meta.published_generation(connection))
    return {"held": hold.sentence}


def _publish(settings: Settings, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    generation, as_of = _newest(connection)
    publication = publish(
        connection,
        published_models(settings),
        settings,
        generation=generation,
        as_of=as_of,
        version=version_id(generation, as_of),
        full=meta.full_build_pending(connection),
    )
    mark_published(connection, publication)
    clear_hold(settings)  # one that was lifted: readers are where they would have been without it
    return {
        "version": publication.version,
        "rows": {change.model: _rows(change) for change in publication.changes if change.changed},
        "file": publication.file.name if publication.file else None,
    }


def _newest(connection: duckdb.DuckDBPyConnection) -> tuple[int, datetime]:
    generation = meta.current_generation(connection)
    as_of = meta.as_of(connection, generation)
    if as_of is None:
        raise PublishError("nothing was loaded yet", next_step="run `backoffice refresh`")
    return generation, as_of


def _forget(connection: duckdb.DuckDBPyConnection, generation: int) -> None:
    """Remove records that builds after a complete generation do not need."""
    connection.execute("DELETE FROM meta.touched WHERE generation <= ?", [generation])
    connection.execute("DELETE FROM meta.requalified WHERE generation <= ?", [generation])
    connection.execute("DELETE FROM meta.altered WHERE generation <= ?", [generation])
    # removed rows are kept a while longer: a PostgreSQL restored from a recent backup catches up by difference
    old = [generation - KEPT_GENERATIONS]
    connection.execute("DELETE FROM meta.removed_row WHERE generation <= ?", old)
    # a cycle every few seconds writes a million passed checks a day; what failed or warned is kept for good
    connection.execute("DELETE FROM meta.audit_result WHERE passed AND failures = 0 AND generation <= ?", old)
    connection.execute("DELETE FROM meta.step_time WHERE generation <= ?", old)


def _file_only(settings: Settings, connection: duckdb.DuckDBPyConnection, *, now: bool) -> dict[str, Any]:
    """The file of what PostgreSQL shows, when it is due: rows of a publication do not wait for the next one."""
    generation = meta.published_generation(connection)
    row = connection.execute("SELECT version, as_of FROM meta.generation WHERE generation = ?", [generation]).fetchone()
    if row is None or meta.current_generation(connection) != generation:
        return {}
    shown = current_file(settings)
    due = shown is None or shown.version != row[0] if now else file_due(settings, generation)
    if not due:
        return {}
    models = published_models(settings)
    path = publish_file(connection, models, settings, version=row[0], generation=generation, as_of=row[1])
    return {"version": row[0], "file": path.name}


def _rows(change: TableChange) -> str:
    return f"+{change.inserted} ~{change.updated} -{change.deleted}"
