"""Publishing to PostgreSQL: the rows that changed, in one transaction, since the generation the server records."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import psycopg
from psycopg import errors, sql

from backoffice.errors import PublishError
from backoffice.publish import difference, parked, registry
from backoffice.publish.difference import Survey
from backoffice.publish.model import PublishedModel, TableChange
from backoffice.publish.registry import RecordedTable
from backoffice.publish.session import RETRIED, Connection, connected, prepare, relation
from backoffice.publish.swap import UNLESS_A_REPORT_RUNS, Rebuilt, build, build_beside, swap
from backoffice.publish.tables import (
    ExistingTable,
    adjust_indexes,
    count_rows,
    ensure_schema,
    existing_tables,
    write_comments,
)
from backoffice.publish.writer import Counts, TableWriter

_ATTEMPTS = 4
_PAUSE_SECONDS = 0.2  # lets the readers that queued behind our lock request through
SWAP_SECONDS = 20.0
_DROP_LOCK_TIMEOUT = "200ms"  # a table nobody makes any more can wait for the next cycle
_COUNTED_BYTES = 64 << 20  # 1M narrow rows, counted in 25 ms; above it the count is carried forward


def publish_postgres(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[PublishedModel],
    *,
    generation: int,
    version: str,
    as_of: datetime,
    url: str,
    reader_role: str = "reader",
    full: bool = False,
    park: bool = False,
) -> list[TableChange]:
    """Make PostgreSQL show the warehouse's tables as one new version.

    Args:
        connection: the warehouse; with ``full`` any DuckDB database with the models' tables, such as a published file.
        models: everything that is published. Tables of earlier models are dropped unless something depends on them.
        generation: the audited generation the warehouse holds.
        version: its version id.
        as_of: instant the marts were built for.
        url: the database, as the role that owns the published schemas.
        reader_role: role that may read everything published.
        full: compare every row instead of those that changed since the generation PostgreSQL records.
        park: keep tables of other models, out of readers' sight, instead of dropping them: the version is an earlier
            one, and they come back with the next newer one.

    Returns:
        One change a model, in their order, then one a table that is no model's any more.

    Raises:
        PublishError: nothing was published: the server is away, a table stayed locked, a value cannot be held, a
            dependent view breaks, or the rows differ even after comparing all.
    """
    difference.check_shapes(connection, models, full=full)
    try:
        with connected(url) as pg:
            publication = _Publication(
                connection, pg, tuple(models), generation, version, as_of, reader_role, full, park
            )
            return _retried(publication)
    except RETRIED as error:
        raise _locked(error) from error
    except errors.InsufficientPrivilege as error:
        raise PublishError(
            f"the publisher may not do what a publication takes: {error}",
            rule="the publisher owns the published tables, and no row policy applies to it",
            next_step="give the tables back to it; where a policy is forced: ALTER TABLE … NO FORCE ROW LEVEL "
            "SECURITY, or ALTER ROLE … BYPASSRLS",
        ) from error
    except psycopg.Error as error:
        raise PublishError(
            f"PostgreSQL refused the publication: {error}",
            next_step="nothing was published; mend the cause, the next cycle publishes what was missed",
        ) from error


def _require_unchanged(model: PublishedModel, existing: ExistingTable) -> None:
    if existing.changers:
        raise PublishError(
            f"{', '.join(existing.changers)} can change the rows that are published",
            where=f"{model.schema}.{model.name}",
            rule="what is published is what was audited",
            next_step="drop it, or make it a trigger AFTER the row that leaves this table alone",
        )


def _locked(error: psycopg.Error) -> PublishError:
    return PublishError(
        f"tables in PostgreSQL stayed locked by somebody else: {error}",
        rule="changed columns need a moment in which nobody reads the table, nor any mart in a transaction",
        next_step="end the long transaction (pg_stat_activity shows it); the next cycle tries again",
    )


def _retried(publication: _Publication) -> list[TableChange]:
    for _ in range(_ATTEMPTS - 1):
        try:
            return publication.run()
        except RETRIED:
            time.sleep(_PAUSE_SECONDS)
    return publication.run()


@dataclass
class _Publication:
    """One publication; :meth:`run` is its transaction, and may be run again after a rollback."""

    connection: duckdb.DuckDBPyConnection
    pg: Connection
    models: tuple[PublishedModel, ...]
    generation: int
    version: str
    as_of: datetime
    reader_role: str
    full: bool
    park: bool
    since: int | None = None
    removed: set[str] = field(default_factory=set)
    surveys: dict[PublishedModel, Survey] = field(default_factory=dict)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    existing: dict[tuple[str, str], ExistingTable] = field(default_factory=dict)
    recorded: dict[tuple[str, str], RecordedTable] = field(default_factory=dict)
    rebuilt: list[Rebuilt] = field(default_factory=list)

    def run(self) -> list[TableChange]:
        with self._transaction():
            self._look()
            changes = [self._publish(model) for model in self.models]
            changes += self._clear_away()
            registry.record(self.pg, self.version, self.generation, self.as_of)
            self._swap()
        return changes

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.pg.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")  # whatever the role's defaults are
        try:
            yield
            # in one message: no report begins between the look and the commit
            self.pg.execute(UNLESS_A_REPORT_RUNS + "COMMIT" if self.rebuilt else "COMMIT")
        except BaseException:
            if not self.pg.closed:
                self.pg.rollback()
            raise

    def _swap(self) -> None:
        """Put what was built beside into place at a moment when no transaction could see half of it.

        Raises:
            PublishError: there was no such moment for a while.
        """
        deadline = time.monotonic() + SWAP_SECONDS
        while self.rebuilt:
            try:
                with self.pg.transaction():  # a savepoint: what was built stays when the locks are given up
                    for rebuilt in self.rebuilt:
                        swap(self.pg, rebuilt)
                    self.pg.execute(UNLESS_A_REPORT_RUNS)
                return
            except RETRIED as error:
                if time.monotonic() >= deadline:
                    raise _locked(error) from error
                time.sleep(_PAUSE_SECONDS)

    def _look(self) -> None:
        self.rebuilt.clear()
        prepare(self.pg)
        registry.lock(self.pg)
        schemas = {registry.SCHEMA, *(model.schema for model in self.models)}
        for schema in sorted(schemas):
            ensure_schema(self.pg, schema, self.reader_role)
        registry.ensure(self.pg)
        parked.bring_back(self.pg, self.models)
        self.since = self._base()
        self.removed = set() if self.since is None else difference.removed_models(self.connection, self.since)
        self.recorded = registry.tables(self.pg)
        self.surveys = self._surveyed()
        self.existing = existing_tables(self.pg, schemas | {schema for schema, _ in self.recorded})
        counted = [
            key for key, table in self.existing.items() if key in self.recorded and table.bytes <= _COUNTED_BYTES
        ]
        self.rows = {key: table.rows for key, table in self.recorded.items()} | count_rows(self.pg, counted)

    def _surveyed(self) -> dict[PublishedModel, difference.Survey]:
        """Models nobody wrote since are as they were recorded; looking through all takes longer than the rest."""
        known = set() if self.since is None else difference.unwritten(self.connection, self.models, self.since)
        found = {}
        for model in known:
            if recorded := self.recorded.get((model.schema, model.name)):
                found[model] = difference.Survey(recorded.rows, 0, recorded.fingerprint)
        others = [model for model in self.models if model not in found]
        return found | difference.survey(self.connection, others, self.since)

    def _base(self) -> int | None:
        shown = None if self.full else registry.current(self.pg)
        if shown is None:
            return None
        return difference.base_generation(self.connection, shown.generation, shown.as_of, self.generation)

    def _publish(self, model: PublishedModel) -> TableChange:
        try:
            change = self._write(model)
        except (psycopg.OperationalError, errors.InsufficientPrivilege):  # locks, rights, a server that went away
            raise
        except errors.ForeignKeyViolation as error:
            raise PublishError(
                f"rows of another table refer to rows that are gone: {error}",
                where=f"{model.schema}.{model.name}",
                rule="published rows come and go with the business; nothing may refer to them by a foreign key",
                next_step="drop that foreign key; nothing was published",
            ) from error
        except psycopg.Error as error:
            raise PublishError(
                f"the table cannot be published: {error}",
                where=f"{model.schema}.{model.name}",
                rule=f"{model.key} is unique and not null, and every value fits its column",
                next_step="nothing was published; mend the model or its rows",
            ) from error
        before = self.recorded.get((model.schema, model.name))
        changed_version = before.changed_version if before and not change.changed else self.version
        after = RecordedTable(change.rows, self.surveys[model].fingerprint, changed_version)
        if after != before:
            registry.record_table(self.pg, model.schema, model.name, after)
        return change

    def _write(self, model: PublishedModel) -> TableChange:
        writer = TableWriter(self.connection, self.pg, model)
        existing = self.existing.get((model.schema, model.name))
        if existing is None:
            rows = build(writer, model.name)
            return self._checked(model, Counts(inserted=rows), rows, "created")
        _require_unchanged(model, existing)
        if not existing.fits(model):
            rebuilt = build_beside(writer, existing)
            self.rebuilt.append(rebuilt)
            return self._checked(model, Counts(inserted=rebuilt.rows), rebuilt.rows, "rebuilt")
        write_comments(self.pg, model, model.name, existing)
        adjust_indexes(self.pg, model, existing)
        return self._difference(writer) or self._compare(writer)

    def _difference(self, writer: TableWriter) -> TableChange | None:
        """Apply what changed; None when there is nothing to start from, or the counts disagree after it.

        Every changed row was written, so the table has all of the warehouse's keys, and as many rows mean the same
        keys: a removal nobody logged, or whose record is gone, does not pass.
        """
        model = writer.model
        found, recorded = self.surveys[model], self.recorded.get((model.schema, model.name))
        if recorded is None or self.since is None or recorded.fingerprint != found.fingerprint:
            return None
        counts = Counts()
        if found.changed or model.name in self.removed:
            counts = writer.apply(self.since, changed=found.changed > 0, removed=model.name in self.removed)
        rows = self.rows[model.schema, model.name] + counts.inserted - counts.deleted
        if rows != found.rows:
            return None
        return TableChange(model.name, *counts, rows=rows, action="difference" if any(counts) else "unchanged")

    def _compare(self, writer: TableWriter) -> TableChange:
        counts = writer.compare()
        return self._checked(writer.model, counts, writer.count(), "compared")

    def _checked(self, model: PublishedModel, counts: Counts, rows: int, action: str) -> TableChange:
        expected = self.surveys[model].rows
        if rows != expected:
            raise PublishError(
                f"PostgreSQL would have {rows} rows and the warehouse has {expected}, after comparing all",
                where=f"{model.schema}.{model.name}",
                rule="what is published is what was audited",
                next_step="nothing was published; look for a trigger, rule or row policy on the table",
            )
        return TableChange(model.name, *counts, rows=rows, action=action)

    def _clear_away(self) -> list[TableChange]:
        """Tables that are no model's: of an earlier version's parked, else dropped, those parked before too."""
        published = {(model.schema, model.name) for model in self.models}
        obsolete = sorted(self.recorded.keys() - published)
        if self.park:
            return [parked.park(self.pg, *table, self.recorded[table].rows) for table in obsolete]
        schemas = {schema for schema, _ in published}
        kept_aside = sorted(parked.names(self.pg, schemas) - published)
        return [self._drop(*table, relation(*table)) for table in obsolete] + [
            self._drop(*table, parked.parked_relation(*table)) for table in kept_aside
        ]

    def _drop(self, schema: str, name: str, place: sql.Identifier) -> TableChange:
        """Drop a table no model makes; one that is needed or in use stays, is reported, and is tried again."""
        rows = self.recorded[schema, name].rows if (schema, name) in self.recorded else 0
        try:
            with self.pg.transaction():
                self.pg.execute("SELECT set_config('lock_timeout', %s, true)", (_DROP_LOCK_TIMEOUT,))
                self.pg.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(place))
                registry.forget_table(self.pg, schema, name)
        except errors.DependentObjectsStillExist as error:
            return TableChange(name, 0, 0, 0, rows=rows, action="left", note=error.diag.message_detail or str(error))
        except errors.LockNotAvailable as error:
            return TableChange(name, 0, 0, 0, rows=rows, action="left", note=f"in use: {error}")
        return TableChange(name, 0, 0, rows, rows=0, action="dropped")
