"""The status beside the data, rewritten every cycle: an old version is seen to be old in every channel.

``status.json``, ``status.duckdb`` and the schema ``ops`` in PostgreSQL hold the same three tables: ``status`` (one
row), ``source_status`` (one row a source) and ``model_status`` (what the last publication did to each model).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import psycopg
from pydantic import BaseModel, ConfigDict

from backoffice.addresses import PUBLISHER, READER, marts_url
from backoffice.durable import write_text
from backoffice.errors import BackofficeError, PublishError
from backoffice.publish import registry
from backoffice.publish.model import PublishedModel, TableChange
from backoffice.publish.session import connected, prepare
from backoffice.publish.status_tables import MODELS, SCHEMA, SOURCES, STATUS, TABLES
from backoffice.publish.swap import build, rebuild
from backoffice.publish.tables import ensure_schema, existing_tables
from backoffice.publish.writer import TableWriter
from backoffice.settings import Settings


class SourceStatus(BaseModel):
    """A source; rows are counted over all time: landed = accepted + quarantined + waiting.

    ``published_seq`` is the number of its newest batch in the version readers see, 0 before the first one.
    """

    model_config = ConfigDict(frozen=True)

    source: str
    source_relation: str
    last_event_at: datetime | None
    last_landed_at: datetime | None
    landed_rows: int
    accepted_rows: int
    quarantined_rows: int
    waiting_rows: int
    freshness_minutes: int
    is_late: bool
    published_seq: int = 0


class Status(BaseModel):
    """What readers see and why; the version fields are empty until the first publication.

    ``steps`` are the seconds each step of the newest generation took; ``status.json`` has them.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["published", "withheld", "starting"]
    reason: str
    checked_at: datetime
    version: str | None = None
    generation: int | None = None
    as_of: datetime | None = None
    published_at: datetime | None = None
    file_version: str | None = None
    steps: dict[str, float] = {}
    sources: tuple[SourceStatus, ...] = ()
    models: tuple[TableChange, ...] = ()


def write_status(settings: Settings, status: Status) -> None:
    """Write the status to every channel, each in one step for its readers.

    Raises:
        BackofficeError: PostgreSQL could not be written. The files were, and say so in ``postgres_error``.
    """
    folder = settings.status_dir
    folder.mkdir(parents=True, exist_ok=True)
    building = folder / ".status.duckdb.building"
    _remove(building)
    with duckdb.connect(str(building)) as file:
        _fill(file, status)
        failure = _try_postgres(file, settings)
    os.replace(building, folder / "status.duckdb")
    content = status.model_dump(mode="json") | {"postgres_error": str(failure) if failure else None}
    write_text(folder / "status.json", json.dumps(content, indent=2))
    if failure:
        raise failure


def _try_postgres(file: duckdb.DuckDBPyConnection, settings: Settings) -> BackofficeError | None:
    try:
        _publish(file, marts_url(settings, PUBLISHER))
    except BackofficeError as error:
        file.execute("UPDATE status SET postgres_error = ?", [str(error)])
        return error
    return None


def _fill(file: duckdb.DuckDBPyConnection, status: Status) -> None:
    """The tables in ``main``, and in the schema they have in PostgreSQL by views: a query works in both places."""
    file.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA {SCHEMA}")
    _fill_table(file, STATUS, [status.model_dump(exclude={"sources", "models", "steps"})])
    _fill_table(file, SOURCES, [source.model_dump() for source in status.sources])
    _fill_table(file, MODELS, [asdict(change) for change in status.models])


def _fill_table(file: duckdb.DuckDBPyConnection, table: PublishedModel, rows: list[dict[str, Any]]) -> None:
    columns = ", ".join(f'"{column.name}" {column.duckdb_type}' for column in table.columns)
    file.execute(f"CREATE TABLE {table.name} ({columns}); CREATE VIEW {table.relation} AS FROM main.{table.name}")
    if rows:  # one statement: executemany takes a millisecond a row
        places = ", ".join(f"({', '.join('?' * len(table.columns))})" for _ in rows)
        values = [row.get(name) for row in rows for name in table.column_names]
        file.execute(f"INSERT INTO {table.name} VALUES {places}", values)


def _publish(file: duckdb.DuckDBPyConnection, url: str) -> None:
    with connected(url) as pg:
        try:
            with pg.transaction():
                prepare(pg)
                registry.lock(pg)
                ensure_schema(pg, SCHEMA, READER)
                existing = existing_tables(pg, [SCHEMA])
                for table in TABLES:
                    writer = TableWriter(file, pg, table)
                    found = existing.get((SCHEMA, table.name))
                    if found is None:
                        build(writer, table.name)
                    elif found.fits(table):
                        writer.compare()
                    else:
                        rebuild(writer, found)
        except psycopg.Error as error:
            raise PublishError(
                f"PostgreSQL refused the status: {error}",
                rule="the status stands beside the data in every channel",
                next_step="status.json and status.duckdb have it; mend the cause, the next cycle writes it",
            ) from error


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
