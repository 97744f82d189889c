"""The status beside the data, rewritten every cycle: an old version is seen to be old in every channel.

``status.json``, ``status.duckdb`` and the schema ``ops`` in PostgreSQL hold the same five tables: ``status`` (one
row), ``source_status`` (one row a source), ``model_status`` (what the last publication did to each model),
``generation_status`` (the newest builds: published, held or withheld, and why) and ``invariant_status``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
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
from backoffice.publish.hold import Hold
from backoffice.publish.model import PublishedModel, TableChange
from backoffice.publish.session import connected, prepare
from backoffice.publish.status_tables import GENERATIONS, INVARIANTS, MODELS, SCHEMA, SOURCES, STATUS, TABLES
from backoffice.publish.swap import build, rebuild
from backoffice.publish.tables import ensure_schema, existing_tables
from backoffice.publish.writer import TableWriter
from backoffice.settings import Settings

State = Literal["published", "withheld", "held", "starting"]


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


class GenerationStatus(BaseModel):
    """One of the newest builds; ``reason`` says why a withheld one is."""

    model_config = ConfigDict(frozen=True)

    generation: int
    version: str | None
    as_of: datetime
    state: Literal["published", "held", "withheld", "unfinished"]
    reason: str = ""
    published_at: datetime | None = None


class InvariantStatus(BaseModel):
    """How an invariant came out when it was judged last; see the table of the same name."""

    model_config = ConfigDict(frozen=True)

    test: str
    invariant: str
    says: str
    contracts: str
    source_relations: str
    state: str
    reason: str = ""
    broken_rows: int = 0
    generation: int | None = None
    judged_at: datetime | None = None


class HoldStatus(BaseModel):
    """A rollback that stops publishing, as readers are told."""

    model_config = ConfigDict(frozen=True)

    held_since: datetime | None = None
    hold_actor: str | None = None
    hold_reason: str | None = None
    rolled_back_from: str | None = None

    @classmethod
    def of(cls, hold: Hold | None) -> HoldStatus:
        """The fields of a hold that is set; empty without one."""
        if hold is None or not hold.stops:
            return cls()
        return cls(
            held_since=hold.since,
            hold_actor=hold.actor,
            hold_reason=hold.reason,
            rolled_back_from=hold.from_version,
        )


PARTS_OF_BUILD = frozenset({"models", "tests"})
"""What a build's seconds are told by besides."""


class Status(BaseModel):
    """What readers see and why; the version fields are empty until the first publication.

    ``steps`` are the seconds each step of the newest generation took, and those of ``PARTS_OF_BUILD``, which are of
    its build; ``status.json`` has them.
    """

    model_config = ConfigDict(frozen=True)

    state: State
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
    generations: tuple[GenerationStatus, ...] = ()
    invariants: tuple[InvariantStatus, ...] = ()

    @property
    def cycle_seconds(self) -> float:
        """Seconds the newest generation took."""
        return sum(seconds for step, seconds in self.steps.items() if step not in PARTS_OF_BUILD)

    hold: HoldStatus = HoldStatus()


def write_status(settings: Settings, status: Status) -> None:
    """Write the status to every channel, each in one step for its readers.

    No channel waits for another: what could not be written to one is said by those written after it.

    Raises:
        BackofficeError: a channel could not be written; the others were. Names every one that was not.
    """
    failures = [_try(lambda: _write_postgres(status, settings), "PostgreSQL")]
    said = {"postgres_error": str(failures[0]) if failures[0] else None}
    failures.append(_try(lambda: _write_file(status, said, settings.status_dir), "status.duckdb"))
    said["file_error"] = str(failures[1]) if failures[1] else None
    failures.append(_try(lambda: _write_json(status, said, settings.status_dir), "status.json"))
    _raise_all([failure for failure in failures if failure])


def last_status(settings: Settings) -> Status | None:
    """The status written last, as ``status.json`` has it; None before the first, or when it is of another release."""
    try:
        return Status.model_validate_json((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _try(write: Callable[[], None], channel: str) -> BackofficeError | None:
    try:
        write()
    except BackofficeError as error:
        return error
    except (OSError, duckdb.Error) as error:
        return PublishError(
            f"the status could not be written to {channel}: {error}",
            rule="the status stands beside the data in every channel",
            next_step="look for space on the disk and rights on its folder; the next cycle writes it",
        )
    return None


def _raise_all(failures: list[BackofficeError]) -> None:
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise PublishError(
            "the status could not be written to several channels: " + "; ".join(error.what for error in failures),
            where=", ".join(error.where for error in failures if error.where),
            rule="the status stands beside the data in every channel",
            next_step="; ".join(dict.fromkeys(error.next_step for error in failures)),
        )


def _write_postgres(status: Status, settings: Settings) -> None:
    with duckdb.connect() as memory:  # PostgreSQL is told also when the disk is full
        _fill(memory, status, {})
        _publish(memory, marts_url(settings, PUBLISHER))


def _write_file(status: Status, said: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    building = folder / ".status.duckdb.building"
    _remove(building)
    with duckdb.connect(str(building)) as file:
        _fill(file, status, said)
    os.replace(building, folder / "status.duckdb")


def _write_json(status: Status, said: dict[str, Any], folder: Path) -> None:
    write_text(folder / "status.json", json.dumps(status.model_dump(mode="json") | said, indent=2))


def _fill(file: duckdb.DuckDBPyConnection, status: Status, said: dict[str, Any]) -> None:
    """The tables in ``main``, and in the schema they have in PostgreSQL by views: a query works in both places."""
    file.execute(f"SET TimeZone = 'UTC'; CREATE SCHEMA {SCHEMA}")
    _fill_table(file, STATUS, [_flat(status) | said])
    _fill_table(file, SOURCES, [source.model_dump() for source in status.sources])
    _fill_table(file, MODELS, [asdict(change) for change in status.models])
    _fill_table(file, GENERATIONS, [generation.model_dump() for generation in status.generations])
    _fill_table(file, INVARIANTS, [invariant.model_dump() for invariant in status.invariants])


def _flat(status: Status) -> dict[str, Any]:
    lists = {"sources", "models", "generations", "invariants", "steps", "hold"}
    return status.model_dump(exclude=lists) | status.hold.model_dump()


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
