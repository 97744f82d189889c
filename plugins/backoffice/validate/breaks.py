"""The base and the mart gate: from a failing test to the rows and documents that break it.

A dbt test says in ``config.meta.locator`` what its rows name: ``{entity: T}`` rows of canonical table T by
``_batch_id`` and ``_row_no``, with the broken rule; ``{document: D, column: c}`` documents D by their canonical key in
column c. What is named gets a verdict. Rows that waited for a parent longer than their source allows are found here
too, and verdicts whose cause is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from backoffice.contracts import Column, Contracts, Table
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import MappedTable, mapped_tables
from backoffice.validate.rows import document_name, located
from backoffice.warehouse import meta
from backoffice.warehouse.load import overdue
from backoffice.warehouse.raw import BOOKKEEPING

BASE, MART = "base", "mart"


@dataclass(frozen=True, slots=True)
class Breaks:
    """What a build showed: verdicts to land, and verdicts whose cause is gone."""

    verdicts: pa.Table
    lifted: pa.Table

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do about the build."""
        return not self.verdicts.num_rows and not self.lifted.num_rows


def find_breaks(
    connection: duckdb.DuckDBPyConnection,
    sources: dict[str, SourceConfig],
    contracts: Contracts,
    tests: dict[str, Any],
    as_of: datetime,
) -> Breaks:
    """What the failed tests of a build name, who waited too long, and whose cause is gone.

    Args:
        connection: the warehouse that was built.
        sources: the configured sources.
        contracts: tables and their documents.
        tests: dbt's test results by name.
        as_of: the build's point in time.
    """
    finder = _Finder(connection, contracts, mapped_tables(sources, contracts), datetime.now(UTC))
    for result in tests.values():
        locator = result.node.config.meta.get("locator")
        if str(result.status) == "fail" and locator:
            finder.locate(result.node.name, result.node.compiled_code, locator)
    finder.locate_overdue(as_of)
    causes = [*_found_parents(connection, contracts), *_freed_numbers(connection, contracts)]
    return Breaks(finder.verdicts(), _lifted(connection, causes))


class _Finder:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, contracts: Contracts, items: list[MappedTable], now: datetime
    ) -> None:
        self._connection = connection
        self._contracts = contracts
        self._items = items
        self._now = now
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE found AS
            SELECT * EXCLUDE (verdict_batch_id, generation) FROM meta.verdict WHERE false"""
        )

    def locate(self, test: str, query: str, locator: dict[str, str]) -> None:
        """Verdicts on what the rows of a failed test name; none on what is out already."""
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE breaking AS {query}")
        if "entity" in locator:
            self._locate_rows(locator["entity"])
        else:
            self._locate_documents(test, locator["document"], locator["column"])

    def locate_overdue(self, as_of: datetime) -> None:
        """Verdicts on rows whose parent did not come in time."""
        query = overdue(as_of)
        entities = self._connection.execute(f"SELECT DISTINCT entity FROM ({query}) AS w").fetchall()
        for (entity,) in entities:
            self._connection.execute(
                f"""CREATE OR REPLACE TEMP TABLE breaking AS
                SELECT w.batch_id AS _batch_id, w.row_no AS _row_no, w.reference AS column_name, w.value,
                    w.entity || '.' || w.reference || '.reference' AS rule
                FROM ({query}) AS w WHERE w.entity = '{entity}'"""
            )
            self._locate_rows(str(entity))

    def verdicts(self) -> pa.Table:
        """What was found, in the rows' order."""
        return self._connection.execute("SELECT * FROM found ORDER BY batch_id, row_no, rule").to_arrow_table()

    def _locate_rows(self, entity: str) -> None:
        named = "NOT r._derived AND (r._batch_id, r._row_no) IN (SELECT (_batch_id, _row_no) FROM breaking)"
        for item in [item for item in self._items if item.table.name == entity]:
            document = "l.document" if item.table.document else "NULL"
            self._connection.execute(
                f"""INSERT INTO found BY NAME
                SELECT l.source, l.table_name, l.batch_id, l.row_no, '{BASE}' AS gate, '{item.table.key}' AS suite,
                    '{item.table.version}' AS suite_version, b.rule, 'error' AS severity, b.column_name, b.value,
                    cast(to_json(s) AS VARCHAR) AS row_json, $now AS judged_at, {document} AS document,
                    l.source_relation, CASE WHEN {document} IS NOT NULL THEN l.document_key END AS document_key
                FROM breaking AS b
                JOIN ({located(item, named)}) AS l ON l.batch_id = b._batch_id AND l.row_no = b._row_no
                JOIN (SELECT * EXCLUDE ({", ".join(BOOKKEEPING)}) FROM raw.{item.raw_name} AS r WHERE {named}) AS s
                    ON s._batch_id = b._batch_id AND s._row_no = b._row_no
                WHERE NOT EXISTS (SELECT 1 FROM meta.quarantined AS q
                    WHERE q.batch_id = l.batch_id AND q.row_no = l.row_no)""",
                {"now": self._now},
            )

    def _locate_documents(self, test: str, document: str, column: str) -> None:
        for item in self._items:
            if item.table.name == document:
                self._name_documents(item, test, _by_header(item), column)
            elif document_name(item) == document and not self._contracts.named(document):
                self._name_documents(item, test, _by_first_row(item, column), column)

    def _name_documents(self, item: MappedTable, test: str, documents: str, column: str) -> None:
        """Verdicts on the documents ``h`` that rows ``b`` of a failed test name; none on those that are out already."""
        document, declared = document_name(item), item.table.document is not None
        self._connection.execute(
            f"""INSERT INTO found BY NAME
            SELECT '{item.config.source}' AS source, '{item.mapping.driver}' AS table_name, h.batch_id, h.row_no,
                '{MART}' AS gate, '{MART}' AS suite, '{item.table.version}' AS suite_version,
                $test AS rule, 'error' AS severity, min(cast(to_json(b) AS VARCHAR)) AS row_json, $now AS judged_at,
                '{document}' AS document, h.source_relation, h.document_key,
                {_loaded_upto(item) if declared else "NULL"} AS landed_upto
            FROM breaking AS b JOIN ({documents}) AS h ON h.key = b.{column}
            WHERE h.source_relation = '{item.config.source_relation}' AND NOT EXISTS (
                SELECT 1 FROM meta.blocked_document AS o WHERE o.document = '{document}'
                    AND o.source_relation = h.source_relation AND o.document_key = h.document_key)
            GROUP BY ALL""",
            {"now": self._now, "test": test},
        )


def _by_header(item: MappedTable) -> str:
    native = " || '|' || ".join(f"t.{key.name}" for key in item.table.primary_key)
    return f"""SELECT t.{item.table.key_column} AS key, t.source_relation, {native} AS document_key,
        t._batch_id AS batch_id, t._row_no AS row_no FROM base.base_{item.table.name} AS t"""


def _by_first_row(item: MappedTable, column: str) -> str:
    """Documents without a header table that breaking rows name in a column, by the row of theirs that came first."""
    document, key = item.table.document, item.table.document_key_column
    first = "(t._batch_seq, t._row_no)"
    return f"""SELECT t.{key} AS key, t.source_relation, t.{document.column if document else key} AS document_key,
        min_by(t._batch_id, {first}) AS batch_id, min_by(t._row_no, {first}) AS row_no
        FROM base.base_{item.table.name} AS t WHERE t.{key} IN (SELECT b.{column} FROM breaking AS b) GROUP BY ALL"""


def _loaded_upto(item: MappedTable) -> str:
    return f"(SELECT max(batch_seq) FROM meta.batch WHERE source = '{item.config.source}')"


def _found_parents(connection: duckdb.DuckDBPyConnection, contracts: Contracts) -> Iterator[tuple[str, str]]:
    """Rules about parents, and when a verdict ``v`` of it ends: the parent is there now, or is out only because the
    orphan is a row of its document.
    """
    for table, column in _judged_columns(connection, contracts, "reference"):
        parent = column.foreign_key.table if column.foreign_key else table.name
        there = f"""EXISTS (SELECT 1 FROM base.base_{parent} AS p
            WHERE p.{parent}_key = {meta.key_of("v.source_relation", "v.value")})"""
        header = f"""EXISTS (SELECT 1 FROM meta.quarantined AS q WHERE q.entity = '{parent}' AND q.rule = 'document'
            AND q.source_relation = v.source_relation AND q.key = v.value)"""
        is_header = table.document is not None and table.document.column == column.name
        cause = f"({there} OR {header})" if is_header else there
        yield f"{table.name}.{column.name}.reference", cause


def _freed_numbers(connection: duckdb.DuckDBPyConnection, contracts: Contracts) -> Iterator[tuple[str, str]]:
    """Rules about numbers, and when a verdict ``v`` of it ends: no other live row has the number any more."""
    for table, column in _judged_columns(connection, contracts, "unique"):
        free = f"""NOT EXISTS (SELECT 1 FROM base.base_{table.name} AS o WHERE NOT o.is_deleted
            AND o.source_relation = v.source_relation AND cast(o.{column.name} AS VARCHAR) = v.value)"""
        yield f"{table.name}.{column.name}.unique", free


def _judged_columns(
    connection: duckdb.DuckDBPyConnection, contracts: Contracts, kind: str
) -> Iterator[tuple[Table, Column]]:
    """Columns with verdicts of the base gate under a rule of this kind."""
    rules = connection.execute(
        "SELECT DISTINCT rule FROM meta.verdict WHERE gate = ? AND ends_with(rule, ?) ORDER BY 1", [BASE, f".{kind}"]
    ).fetchall()
    for (rule,) in rules:
        name, column_name, _ = str(rule).split(".")
        table = contracts.named(name)
        column = table.column(column_name) if table else None
        if table and column:
            yield table, column


def _lifted(connection: duckdb.DuckDBPyConnection, causes: list[tuple[str, str]]) -> pa.Table:
    """Verdicts that keep a row out although their cause is gone, as they are landed."""
    gone = " OR ".join(f"(v.rule = '{rule}' AND {condition})" for rule, condition in causes) or "false"
    return connection.execute(
        f"""SELECT DISTINCT v.verdict_batch_id AS lifted_batch_id, v.batch_id, v.row_no, v.rule FROM meta.verdict AS v
        WHERE v.gate = '{BASE}' AND (v.batch_id, v.row_no) IN (
                SELECT (batch_id, row_no) FROM meta.quarantined WHERE rule NOT IN ('document', 'hold', 'fix'))
            AND NOT EXISTS (SELECT 1 FROM meta.lifted AS l WHERE l.lifted_batch_id = v.verdict_batch_id
                AND l.batch_id = v.batch_id AND l.row_no = v.row_no AND l.rule = v.rule)
            AND ({gone}) ORDER BY ALL"""
    ).to_arrow_table()
