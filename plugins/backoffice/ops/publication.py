"""The last step of a refresh: what was audited goes to the readers, and the generation is marked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.errors import PublishError
from backoffice.publish import Publication, TableChange, file_due, publish, publish_file, recover, version_id
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings
from backoffice.warehouse import meta

KEPT_GENERATIONS = 1000


def publish_generation(settings: Settings, connection: duckdb.DuckDBPyConnection, *, idle: bool) -> dict[str, Any]:
    """Publish the newest generation; when readers already see it, bring the DuckDB file up to it once it is due.

    Raises:
        PublishError: a channel could not be written; the next refresh rolls it forward.
    """
    if idle:
        return _file_only(settings, connection)
    generation = meta.current_generation(connection)
    as_of = meta.as_of(connection, generation)
    if as_of is None:
        raise PublishError("nothing was loaded yet", next_step="run `backoffice refresh`")
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
    return {
        "version": publication.version,
        "rows": {change.model: _rows(change) for change in publication.changes if change.changed},
        "file": publication.file.name if publication.file else None,
    }


def recover_publication(settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
    """Finish what a kill interrupted, before anything new is loaded."""
    if publication := recover(connection, published_models(settings), settings):
        mark_published(connection, publication)


def mark_published(connection: duckdb.DuckDBPyConnection, publication: Publication) -> None:
    """Readers see the generation: what it touched need not be built again, and its records are no longer needed."""
    connection.execute(
        "UPDATE meta.generation SET published_at = ?, version = ? WHERE generation = ?",
        [datetime.now(UTC), publication.version, publication.generation],
    )
    connection.execute("DELETE FROM meta.touched WHERE generation <= ?", [publication.generation])
    # removed rows are kept a while longer: a PostgreSQL restored from a recent backup catches up by difference
    old = [publication.generation - KEPT_GENERATIONS]
    connection.execute("DELETE FROM meta.removed_row WHERE generation <= ?", old)
    # a cycle every few seconds writes a million passed checks a day; what failed or warned is kept for good
    connection.execute("DELETE FROM meta.audit_result WHERE passed AND failures = 0 AND generation <= ?", old)
    connection.execute("DELETE FROM meta.step_time WHERE generation <= ?", old)


def _file_only(settings: Settings, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    generation = meta.published_generation(connection)
    row = connection.execute("SELECT version, as_of FROM meta.generation WHERE generation = ?", [generation]).fetchone()
    if row is None or not file_due(settings, generation):
        return {"idle": True}
    models = published_models(settings)
    path = publish_file(connection, models, settings, version=row[0], generation=generation, as_of=row[1])
    return {"version": row[0], "file": path.name}


def _rows(change: TableChange) -> str:
    return f"+{change.inserted} ~{change.updated} -{change.deleted}"
