"""What is out now, for people: a small file written by each cycle, with what has landed since laid over it.

In: ``meta`` of the warehouse, through :func:`write_outstanding`. Out: ``status/quarantine.duckdb``, which anybody may
open while the warehouse is held, and :class:`OutRow` objects through :func:`outstanding`. The file is rewritten only
when what is out has changed; verdicts, decisions and fixes landed after it are read from landing, so a command sees
what another one decided a second ago.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from backoffice.errors import ValidationError
from backoffice.landing import BatchStore, Manifest
from backoffice.settings import Settings
from backoffice.validate.verdicts import DECISION, SOURCE, VERDICT
from backoffice.warehouse import meta

HOLD, WITH_DOCUMENT, REPLACED = "hold", "document", "fix"
"""Causes in ``meta.quarantined.rule`` that are no rule of a suite."""
SUPERSEDED = "superseded by a newer version"
"""``next`` of an old version that stays out while a newer one is in the marts: nothing needs to be done about it."""

_COLUMNS = """source VARCHAR, table_name VARCHAR, batch_id VARCHAR, row_no BIGINT, rule VARCHAR, gate VARCHAR,
    column_name VARCHAR, value VARCHAR, since TIMESTAMPTZ, document VARCHAR, source_relation VARCHAR,
    document_key VARCHAR, key VARCHAR, next VARCHAR"""
_LISTED = "source, table_name, batch_id, row_no, rule, gate, column_name, value, since"
_DOCUMENT = "document, source_relation, document_key"


@dataclass(frozen=True, slots=True)
class OutRow:
    """A cause that keeps a landed row out; a row with two broken rules is two of them.

    ``gate`` is ``landing``, ``base``, ``mart`` or ``person``; ``since`` is UTC; ``next`` says what waits for the next
    cycle (empty when nothing does) or :data:`SUPERSEDED`. A document held before any row of it landed has no row
    (``batch_id`` is empty).
    """

    source: str
    table: str
    batch_id: str
    row_no: int | None
    rule: str
    gate: str
    column: str | None
    value: str | None
    since: datetime
    document: str | None
    source_relation: str | None
    document_key: str | None
    key: str | None
    next: str

    @property
    def document_name(self) -> str:
        """``sales_order 1001``, or nothing."""
        return f"{self.document} {self.document_key}" if self.document else ""


def write_outstanding(settings: Settings, connection: duckdb.DuckDBPyConnection) -> bool:
    """Write the file when what is out has changed since it was written; returns whether it was.

    Args:
        settings: where the file is.
        connection: the warehouse, whose lease the caller holds.

    Raises:
        ValidationError: the file could not be written.
    """
    path = outstanding_path(settings)
    try:
        _find_superseded(connection)
        stamp = _stamp(connection)
        if _written_stamp(path) == stamp:
            return False
        _write(connection, path, stamp)
    except (OSError, duckdb.Error) as error:
        raise ValidationError(
            f"what is out could not be written: {error}",
            where=str(path),
            next_step="`backoffice quarantine list` shows an older state until a cycle can write it",
        ) from error
    return True


def _write(connection: duckdb.DuckDBPyConnection, path: Path, stamp: str) -> None:
    building = path.with_name(f".{path.name}.building")
    path.parent.mkdir(parents=True, exist_ok=True)
    building.unlink(missing_ok=True)
    connection.execute(f"ATTACH '{_quoted(building)}' AS outstanding")
    try:
        _fill(connection, stamp)
    finally:
        connection.execute("DETACH outstanding")
    os.replace(building, path)


def outstanding_path(settings: Settings) -> Path:
    """Where the file is."""
    return settings.status_dir / "quarantine.duckdb"


@contextmanager
def open_outstanding(settings: Settings, store: BatchStore) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database with what is known now.

    Tables: ``out_now`` (one row a cause, see :class:`OutRow`), ``decision`` (what people decided; ``is_applied``) and
    ``fix`` (rows that were corrected; likewise).
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""CREATE TABLE out_now ({_COLUMNS});
            CREATE TABLE decision (decision VARCHAR, source VARCHAR, source_relation VARCHAR, document VARCHAR,
                document_key VARCHAR, batch_id VARCHAR, row_no BIGINT, rule VARCHAR, actor VARCHAR, reason VARCHAR,
                decided_at TIMESTAMPTZ, is_applied BOOLEAN);
            CREATE TABLE fix (source VARCHAR, table_name VARCHAR, batch_id VARCHAR, row_no BIGINT,
                root_batch_id VARCHAR, actor VARCHAR, reason VARCHAR, fixed_at TIMESTAMPTZ, is_applied BOOLEAN)"""
        )
        upto = _copy(connection, outstanding_path(settings))
        _lay_over(connection, store, upto)
        yield connection


def outstanding(
    settings: Settings, store: BatchStore, where: Mapping[str, object] | None = None, limit: int | None = None
) -> list[OutRow]:
    """Causes that keep rows out, newest first.

    Args:
        settings: where the file is.
        store: what landed since.
        where: SQL condition with one ``?`` → its value; a value of None leaves the condition out.
        limit: at most so many.
    """
    wanted = {text: value for text, value in (where or {}).items() if value is not None}
    condition = " AND ".join(["true", *wanted])
    with open_outstanding(settings, store) as connection:
        rows = connection.execute(
            f"""SELECT * FROM out_now WHERE {condition}
            ORDER BY since DESC, document, document_key, batch_id DESC, row_no, rule LIMIT ?""",
            [*wanted.values(), limit],
        ).fetchall()
    return [OutRow(*row) for row in rows]


def _find_superseded(connection: duckdb.DuckDBPyConnection) -> None:
    """``superseded``: rows that are out while a newer version of theirs is accepted."""
    connection.execute("CREATE OR REPLACE TEMP TABLE superseded (batch_id VARCHAR, row_no BIGINT)")
    entities = connection.execute(
        """SELECT DISTINCT q.entity FROM meta.quarantined AS q JOIN duckdb_tables() AS t
            ON t.schema_name = 'base' AND t.table_name = 'base_' || q.entity"""
    ).fetchall()
    for (entity,) in entities:
        connection.execute(
            f"""INSERT INTO superseded
            SELECT DISTINCT q.batch_id, q.row_no FROM meta.quarantined AS q
            LEFT JOIN meta.fix AS f ON f.batch_id = q.batch_id AND f.row_no = q.row_no
            JOIN base.base_{entity} AS b ON b.{entity}_key = {meta.key_of("q.source_relation", "q.key")}
            WHERE q.entity = '{entity}' AND (b._batch_seq, b._row_no)
                > (coalesce(f.root_seq, cast(right(q.batch_id, 10) AS BIGINT)), q.row_no)"""
        )


def _stamp(connection: duckdb.DuckDBPyConnection) -> str:
    """Another one when anything in the file would be another."""
    row = connection.execute(
        """SELECT (SELECT concat_ws(' ', count(*), bit_xor(hash(batch_id, row_no, rule, document, document_key)))
                FROM meta.quarantined),
            (SELECT coalesce(max(batch_seq), 0) FROM meta.verdict_batch),
            (SELECT count(*) FROM meta.fix),
            (SELECT concat_ws(' ', count(*), bit_xor(hash(batch_id, row_no))) FROM superseded)"""
    ).fetchone()
    return " ".join(str(part) for part in row or ())


def _written_stamp(path: Path) -> str:
    if not path.exists():
        return ""
    with duckdb.connect(str(path), read_only=True) as file:
        row = file.execute("SELECT stamp FROM written").fetchone()
    return str(row[0]) if row else ""


def _fill(connection: duckdb.DuckDBPyConnection, stamp: str) -> None:
    # what a suite found names column and value; the other causes have none
    connection.execute(
        f"""CREATE TABLE outstanding.out_now ({_COLUMNS});
        INSERT INTO outstanding.out_now BY NAME
        WITH out_rows AS (SELECT DISTINCT batch_id, row_no FROM meta.quarantined),
        found AS (
            SELECT v.batch_id, v.row_no, v.rule, v.landed_upto IS NOT NULL AS is_of_document,
                any_value(v.gate) AS gate, any_value(v.column_name) AS column_name, any_value(v.value) AS value,
                any_value(v.document) AS document, max(v.judged_at) AS judged_at
            FROM meta.verdict AS v SEMI JOIN out_rows AS o ON o.batch_id = v.batch_id AND o.row_no = v.row_no
            WHERE v.severity = 'error' AND NOT EXISTS (
                SELECT 1 FROM meta.lifted AS l WHERE l.lifted_batch_id = v.verdict_batch_id
                    AND l.batch_id = v.batch_id AND l.row_no = v.row_no AND l.rule = v.rule)
                AND NOT EXISTS (
                SELECT 1 FROM meta.decision AS d WHERE d.decision = 'release' AND d.batch_id = v.batch_id
                    AND d.row_no = v.row_no AND coalesce(d.rule, v.rule) = v.rule AND d.decided_at > v.judged_at)
            GROUP BY ALL
        )
        SELECT q.source, q.table_name, q.batch_id, q.row_no, coalesce(f.rule, q.rule) AS rule,
            coalesce(f.gate, CASE WHEN q.rule = '{HOLD}' THEN 'person' ELSE '' END) AS gate, f.column_name, f.value,
            coalesce(f.judged_at, g.as_of) AS since,
            -- a row that stands alone is a document of its own only when a person holds it
            CASE WHEN q.rule IN ('{HOLD}', '{WITH_DOCUMENT}') OR f.document IS NOT NULL THEN q.document END AS document,
            q.source_relation,
            CASE WHEN q.rule IN ('{HOLD}', '{WITH_DOCUMENT}') OR f.document IS NOT NULL
                THEN q.document_key END AS document_key,
            q.key,
            CASE WHEN n.batch_id IS NULL THEN '' ELSE '{SUPERSEDED}' END AS next
        FROM meta.quarantined AS q
        JOIN meta.generation AS g ON g.generation = q.generation
        LEFT JOIN meta.blocked_document AS b ON b.document = q.document
            AND b.source_relation = q.source_relation AND b.document_key = q.document_key
        LEFT JOIN superseded AS n ON n.batch_id = q.batch_id AND n.row_no = q.row_no
        LEFT JOIN found AS f ON f.batch_id = q.batch_id AND f.row_no = q.row_no
            AND CASE WHEN q.rule = '{WITH_DOCUMENT}' THEN f.is_of_document AND f.rule = b.because
                ELSE q.rule <> '{HOLD}' AND NOT f.is_of_document END
        WHERE q.rule <> '{REPLACED}'
        GROUP BY ALL;
        CREATE TABLE outstanding.decision AS SELECT * EXCLUDE (verdict_batch_id, generation) FROM meta.decision;
        CREATE TABLE outstanding.fix AS SELECT * EXCLUDE (batch_seq, root_seq, generation) FROM meta.fix;
        CREATE TABLE outstanding.upto AS
            SELECT '{SOURCE}' AS source, coalesce(max(batch_seq), 0) AS batch_seq FROM meta.verdict_batch
            UNION ALL
            SELECT source, max(batch_seq) FROM meta.batch WHERE starts_with(source, '_') GROUP BY source;
        CREATE TABLE outstanding.written AS SELECT '{stamp}' AS stamp"""
    )


def _copy(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, int]:
    """Take the file over; returns up to where it knows each pseudo-source."""
    if not path.exists():
        return {}
    connection.execute(f"ATTACH '{_quoted(path)}' AS written (READ_ONLY)")
    connection.execute(
        """INSERT INTO out_now BY NAME SELECT * FROM written.out_now;
        INSERT INTO decision BY NAME SELECT *, true AS is_applied FROM written.decision;
        INSERT INTO fix BY NAME SELECT *, true AS is_applied FROM written.fix"""
    )
    upto = {str(name): int(seq) for name, seq in connection.execute("SELECT * FROM written.upto").fetchall()}
    connection.execute("DETACH written")
    return upto


def _lay_over(connection: duckdb.DuckDBPyConnection, store: BatchStore, upto: dict[str, int]) -> None:
    manifests = list(store.batches(SOURCE, upto.get(SOURCE, 0)))
    if verdicts := store.relation(manifests, VERDICT):
        # batches landed before documents were known lack their columns
        empty = ", ".join(f"NULL::VARCHAR AS {name}" for name in _DOCUMENT.split(", "))
        connection.execute(
            f"""INSERT INTO out_now BY NAME
            SELECT DISTINCT {_LISTED.replace("since", "judged_at AS since")}, {_DOCUMENT}, '' AS next
            FROM (SELECT * FROM {verdicts} UNION ALL BY NAME SELECT {empty} WHERE false) WHERE severity = 'error'"""
        )
    if decisions := store.relation(manifests, DECISION):
        connection.execute(
            f"INSERT INTO decision BY NAME SELECT * EXCLUDE (verdict_batch_id), false AS is_applied FROM {decisions}"
        )
    for name in store.sources():
        if name.startswith("_fixes_"):
            for manifest in store.batches(name, upto.get(name, 0)):
                _lay_fix(connection, store, name.removeprefix("_fixes_"), manifest)
    _note_pending(connection)


def _lay_fix(connection: duckdb.DuckDBPyConnection, store: BatchStore, source: str, fix: Manifest) -> None:
    for table in fix.tables:
        connection.execute(
            f"""INSERT INTO fix SELECT ?, ?, _batch_id, _row_no, ?, ?, ?, ?, false
            FROM {store.relation([fix], table.name)}""",
            [source, table.name, fix.notes["fixes"], fix.notes["actor"], fix.notes["reason"], fix.landed_at],
        )


def _note_pending(connection: duckdb.DuckDBPyConnection) -> None:
    """Say beside a row what the next cycle will do about it; a document that is held and not out yet gets a line."""
    connection.execute(
        f"""UPDATE out_now AS o SET next = d.decision || ' by ' || d.actor FROM decision AS d
        WHERE NOT d.is_applied AND (d.rule IS NULL OR d.rule = o.rule) AND (
            (d.batch_id = o.batch_id AND d.row_no = o.row_no)
            OR (d.document = o.document AND d.document_key = o.document_key
                AND coalesce(d.source_relation, o.source_relation) = o.source_relation));
        UPDATE out_now AS o SET next = 'fix by ' || f.actor FROM fix AS f
        WHERE NOT f.is_applied AND o.row_no = f.row_no
            AND (o.batch_id = f.root_batch_id
                OR o.batch_id IN (SELECT p.batch_id FROM fix AS p WHERE p.root_batch_id = f.root_batch_id));
        INSERT INTO out_now BY NAME
        SELECT coalesce(d.source, '') AS source, '' AS table_name, '' AS batch_id, '{HOLD}' AS rule, 'person' AS gate,
            d.decided_at AS since, d.document, d.source_relation, d.document_key, 'hold by ' || d.actor AS next
        FROM decision AS d
        WHERE NOT d.is_applied AND d.decision = 'hold' AND NOT EXISTS (SELECT 1 FROM out_now AS o
            WHERE o.document = d.document AND o.document_key = d.document_key AND o.rule = '{HOLD}')"""
    )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
