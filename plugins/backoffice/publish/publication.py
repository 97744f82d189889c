"""One publication from its record to done, and rolling forward what a kill interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from backoffice.addresses import PUBLISHER, READER, marts_url
from backoffice.errors import PublishError
from backoffice.publish import hold as holds
from backoffice.publish import registry
from backoffice.publish.file import file_due, publish_file
from backoffice.publish.model import PublishedModel, TableChange
from backoffice.publish.postgres import publish_postgres
from backoffice.publish.record import PublicationRecord, newest, prune, save
from backoffice.publish.session import connected
from backoffice.settings import Settings


@dataclass(frozen=True)
class Publication:
    """What was published; ``file`` is None when the DuckDB file was not due."""

    version: str
    generation: int
    changes: tuple[TableChange, ...]
    file: Path | None


def publish(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[PublishedModel],
    settings: Settings,
    *,
    generation: int,
    as_of: datetime,
    version: str,
    full: bool = False,
) -> Publication:
    """Publish the warehouse's audited generation to PostgreSQL and, at its cadence, to the DuckDB file.

    Args:
        connection: the warehouse, in no transaction; the caller holds the lease.
        models: everything that is published, always the complete list.
        settings: addresses, folders and cadence.
        generation: the generation to publish, the newest of the warehouse.
        as_of: instant it was built for.
        version: its id, from :func:`backoffice.publish.record.version_id`.
        full: compare every row in PostgreSQL.

    Returns:
        What changed, for the caller to mark ``meta.generation.published_at`` and to show.

    Raises:
        PublishError: a hold is set, or readers still see the version before in every channel not named by the
            record's state.
    """
    _require_no_hold(settings)
    _require_audited(connection, generation, as_of)
    record = PublicationRecord(version=version, generation=generation, as_of=as_of, state="prepared", full=full)
    return _Steps(connection, models, settings).roll(save(settings, record))


def recover(
    connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], settings: Settings
) -> Publication | None:
    """Roll the newest publication forward after a kill; call it with the lease held, before anything is loaded.

    Returns:
        A publication readers see that ``meta.generation`` does not show as published yet: the caller marks it.

    Raises:
        PublishError: it could not be finished.
    """
    record = newest(settings)
    if record is None or record.state == "abandoned":
        return None
    steps = _Steps(connection, models, settings)
    if record.unfinished:
        record = _seen_in_postgres(record, settings)
        held = holds.set_hold(settings) is not None
        if not held and _is_audited(connection, record.generation, record.as_of):
            return steps.roll(record)
        # a hold was set, or the warehouse holds something newer: what PostgreSQL has stays, its file comes with the
        # next version
        record = save(settings, _moved(record, "abandoned" if record.state == "prepared" else "done"))
    return None if record.state == "abandoned" or _is_marked(connection, record) else _publication(record, settings)


@dataclass(frozen=True)
class _Steps:
    connection: duckdb.DuckDBPyConnection
    models: Sequence[PublishedModel]
    settings: Settings

    def roll(self, record: PublicationRecord) -> Publication:
        """From the record's state to done, recording each step once it is durable."""
        if record.state == "prepared":
            record = save(self.settings, _moved(record, "postgres", changes=self._postgres(record)))
        if record.state == "postgres" and file_due(self.settings, record.generation):
            record = save(self.settings, _moved(record, "file", file=self._file(record).name))
        record = save(self.settings, _moved(record, "done"))
        prune(self.settings)
        return _publication(record, self.settings)

    def _postgres(self, record: PublicationRecord) -> tuple[TableChange, ...]:
        return tuple(
            publish_postgres(
                self.connection,
                self.models,
                generation=record.generation,
                version=record.version,
                as_of=record.as_of,
                url=marts_url(self.settings, PUBLISHER),
                reader_role=READER,
                full=record.full,
            )
        )

    def _file(self, record: PublicationRecord) -> Path:
        return publish_file(
            self.connection,
            self.models,
            self.settings,
            version=record.version,
            generation=record.generation,
            as_of=record.as_of,
        )


def _moved(record: PublicationRecord, state: str, **values: Any) -> PublicationRecord:
    return record.model_copy(update={"state": state, **values})


def _publication(record: PublicationRecord, settings: Settings) -> Publication:
    file = settings.marts_dir / record.file if record.file else None
    return Publication(record.version, record.generation, record.changes, file)


def _seen_in_postgres(record: PublicationRecord, settings: Settings) -> PublicationRecord:
    """A prepared publication PostgreSQL already shows was killed between its commit and our record of it."""
    if record.state != "prepared":
        return record
    with connected(marts_url(settings, PUBLISHER)) as pg:
        shown = registry.shown(pg)
    if shown is None or (shown.version, shown.as_of) != (record.version, record.as_of):
        return record
    return save(settings, _moved(record, "postgres"))


def _require_no_hold(settings: Settings) -> None:
    if hold := holds.set_hold(settings):
        raise PublishError(
            f"publishing is stopped: {hold.sentence}",
            rule="after a rollback nothing is published until the hold is lifted",
            next_step="`backoffice publish --resume` lifts it; what was built since is kept and published then",
        )


def _require_audited(connection: duckdb.DuckDBPyConnection, generation: int, as_of: datetime) -> None:
    if not _is_audited(connection, generation, as_of):
        raise PublishError(
            f"generation {generation} is not what the warehouse holds, or did not pass its audit",
            rule="what is published is the newest generation, audited",
            next_step="refresh the marts; the audit's findings are in meta.audit_result",
        )


def _is_audited(connection: duckdb.DuckDBPyConnection, generation: int, as_of: datetime) -> bool:
    row = connection.execute(
        "SELECT generation, as_of, audit_passed FROM meta.generation ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    return row is not None and row == (generation, as_of, True)


def _is_marked(connection: duckdb.DuckDBPyConnection, record: PublicationRecord) -> bool:
    row = connection.execute(
        "SELECT published_at FROM meta.generation WHERE generation = ? AND as_of = ?", [record.generation, record.as_of]
    ).fetchone()
    return row is None or row[0] is not None
