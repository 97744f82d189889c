"""The landing gate: source rows that were loaded and not yet judged, against the suites of the tables they map to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from backoffice.contracts import Contracts
from backoffice.landing import fixes_of
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import MappedTable, mapped_tables, raw_name, row_select
from backoffice.validate.checker import Checker, open_checker
from backoffice.validate.scratch import NO_DOCUMENT, Judged, Scratch
from backoffice.validate.suite_files import load_suite
from backoffice.validate.suites import key_suite, read_suite, suite_for

GATE = "landing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one run judged. ``upto`` is the last batch judged of every source it looked at."""

    verdicts: pa.Table
    judged: pa.Table
    upto: dict[str, int]
    suites: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Span:
    """Batches ``after < seq <= upto`` of a source's read; ``name`` is the source, or the pseudo-source of its fixes."""

    database: str
    config: SourceConfig
    name: str
    read: str
    after: int
    upto: int

    def relation(self, condition: str) -> str:
        """The source's rows of these batches that meet a condition, without deletes we concluded at loading."""
        raw = f'"{self.database}".raw.{raw_name(self.config.source, self.read)}'
        if self.name == self.config.source:
            span = f"_batch_seq > {self.after} AND _batch_seq <= {self.upto} AND NOT _derived"
            span += f" AND starts_with(_batch_id, '{self.name}-')"
        else:  # the number of a fix is the one of the row it corrects
            number = "cast(right(_batch_id, 10) AS BIGINT)"
            span = f"starts_with(_batch_id, '{self.name}-') AND {number} > {self.after} AND {number} <= {self.upto}"
        return f"(SELECT * FROM {raw} WHERE {span} AND ({condition}))"


def judge(
    connection: duckdb.DuckDBPyConnection,
    sources: dict[str, SourceConfig],
    contracts: Contracts,
    settings: Settings,
    after: dict[str, int],
) -> Judgement:
    """Judge the loaded rows after each source's last judged batch.

    A row is judged once a canonical table it maps to. A delete holds its key columns only and is judged by the key's
    rules; the source's own key must be present in every row, also of a read that only serves joins. A truncate has
    nothing to judge.

    Args:
        connection: the warehouse, outside a transaction: GX reads what is committed.
        sources: the configured sources.
        contracts: what their rows must be.
        settings: where the suites are.
        after: source → last batch judged; a source that is not named was never judged.

    Raises:
        ValidationError: an expectation could not be judged, or a suite is missing or unusable.
    """
    spans = _unjudged(connection, sources, after)
    upto = {span.name: span.upto for span in spans}
    mapped = mapped_tables(sources, contracts) if spans else []
    with Scratch(connection, GATE, datetime.now(UTC)) as scratch:
        if spans:
            with open_checker(connection, scratch.name) as checker:
                run = _Run(connection, scratch, checker, settings.expectations_dir)
                for span in spans:
                    run.judge_read(span, [item for item in mapped if _drives(item, span)])
        return Judgement(scratch.verdicts(), scratch.judged(), upto, dict(scratch.suites))


class _Run:
    """One pass over the reads with unjudged rows."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, scratch: Scratch, checker: Checker, expectations: Path
    ) -> None:
        self._connection = connection
        self._scratch = scratch
        self._checker = checker
        self._expectations = expectations

    def judge_read(self, span: _Span, mapped: list[MappedTable]) -> None:
        """Judge a read's rows by every canonical table it drives, and by the read's own key."""
        keyless = " OR ".join(f'"{name}" IS NULL' for name in span.config.reads[span.read].primary_key)
        own = f"_op <> 't' AND ({keyless})" if mapped else "_op <> 't'"
        versions, deletes, others = self._count(span, "_op NOT IN ('d', 't')", "_op = 'd'", own)
        for item in mapped:
            suite = suite_for(load_suite(item.table, self._expectations), item)
            if versions:
                rows = span.relation("_op NOT IN ('d', 't')")
                view = self._scratch.view(row_select(item, rows))
                self._check(Judged(item.config.source, span.read, rows, view, versions, suite, _document(item)))
            if deletes:
                rows = span.relation("_op = 'd'")
                view = self._scratch.view(row_select(item, rows))
                self._check(Judged(item.config.source, span.read, rows, view, deletes, key_suite(suite, item.table)))
        if others:
            rows = span.relation(own)
            suite = read_suite(span.config.source, span.read, span.config.reads[span.read])
            view = self._scratch.view(f"SELECT * FROM {rows}")
            self._check(Judged(span.config.source, span.read, rows, view, others, suite))

    def _count(self, span: _Span, *conditions: str) -> list[int]:
        counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions)
        row = self._connection.execute(f"SELECT {counts} FROM {span.relation('true')} AS r").fetchone()
        return [int(count) for count in row or ()]

    def _check(self, judged: Judged) -> None:
        self._scratch.record(judged, self._checker.failures(judged.view, judged.rows, judged.suite))


def _document(item: MappedTable) -> str:
    """SQL of the document a row belongs to, as far as its source says so in the row itself."""
    document = item.table.document
    if document is None or document.column not in item.row_expressions():
        return NO_DOCUMENT
    key = f'cast(j."{document.column}" AS VARCHAR)'
    return f"'{document.name}', '{item.config.source_relation}', {key}"


def _drives(item: MappedTable, span: _Span) -> bool:
    return item.config.source == span.config.source and item.mapping.driver == span.read


def _unjudged(
    connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig], after: dict[str, int]
) -> list[_Span]:
    """Reads with rows in batches that were loaded and not judged."""
    spans = []
    for config in sources.values():
        for name in (config.source, fixes_of(config.source)):
            start = after.get(name, 0)
            found = connection.execute(
                """SELECT current_database(), t.table_name, max(max(b.batch_seq)) OVER ()
                FROM meta.batch AS b JOIN meta.batch_table AS t ON t.batch_id = b.batch_id
                WHERE b.source = ? AND b.batch_seq > ? AND t.landed_rows > 0
                GROUP BY t.table_name ORDER BY t.table_name""",
                [name, start],
            ).fetchall()
            spans += [
                _Span(database, config, name, read, start, int(upto))
                for database, read, upto in found
                if read in config.reads
            ]
    return spans
