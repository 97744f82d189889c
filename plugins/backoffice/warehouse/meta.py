"""The warehouse's memory of itself, schema ``meta``: what was loaded, judged, waits, was touched and was published."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

DDL = """
CREATE SCHEMA IF NOT EXISTS meta;
CREATE SCHEMA IF NOT EXISTS raw;

-- one row per build from load to publish. published_at: readers saw it; held_at: a hold kept it from them after its
-- audit. Either way it is complete, and the next build starts from it
CREATE TABLE IF NOT EXISTS meta.generation (
    generation BIGINT PRIMARY KEY,
    as_of TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    is_full BOOLEAN NOT NULL,
    holder VARCHAR NOT NULL,
    built_at TIMESTAMPTZ,
    audited_at TIMESTAMPTZ,
    audit_passed BOOLEAN,
    published_at TIMESTAMPTZ,
    version VARCHAR,
    held_at TIMESTAMPTZ
);
ALTER TABLE meta.generation ADD COLUMN IF NOT EXISTS held_at TIMESTAMPTZ;

-- one row per landed batch that was loaded; max(batch_seq) per source is the watermark
CREATE TABLE IF NOT EXISTS meta.batch (
    source VARCHAR NOT NULL,
    batch_seq BIGINT NOT NULL,
    batch_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    event_at_min TIMESTAMPTZ,
    event_at_max TIMESTAMPTZ,
    landed_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL,
    loaded_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (source, batch_seq)
);

-- rows of each source table in each batch, as the manifest counts them
CREATE TABLE IF NOT EXISTS meta.batch_table (
    source VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    landed_rows BIGINT NOT NULL,
    generation BIGINT NOT NULL
);

-- batches of verdicts and decisions that were copied from landing into the three tables below
CREATE TABLE IF NOT EXISTS meta.verdict_batch (
    batch_seq BIGINT PRIMARY KEY,
    batch_id VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- rows judged and rows that failed, by suite and read, in each batch of verdicts
CREATE TABLE IF NOT EXISTS meta.judged (
    verdict_batch_id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    gate VARCHAR NOT NULL,
    suite VARCHAR NOT NULL,
    suite_version VARCHAR NOT NULL,
    judged_rows BIGINT NOT NULL,
    failed_rows BIGINT NOT NULL,
    judged_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL
);

-- one row per broken rule of a landed row; a rule of severity 'warning' keeps no row out. A verdict of the mart gate
-- names a document by its header; landed_upto is the last batch of its source that was loaded when it was given
CREATE TABLE IF NOT EXISTS meta.verdict (
    verdict_batch_id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    gate VARCHAR NOT NULL,
    suite VARCHAR NOT NULL,
    suite_version VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    column_name VARCHAR,
    value VARCHAR,
    row_json VARCHAR NOT NULL,
    judged_at TIMESTAMPTZ NOT NULL,
    document VARCHAR,
    source_relation VARCHAR,
    document_key VARCHAR,
    landed_upto BIGINT,
    generation BIGINT NOT NULL
);

-- what a person decided: 'release' ends verdicts given before it, 'hold' keeps a document out until 'unhold'. A release
-- names a row or a document, and a rule or (NULL) all of them
CREATE TABLE IF NOT EXISTS meta.decision (
    verdict_batch_id VARCHAR NOT NULL,
    decision VARCHAR NOT NULL,
    source VARCHAR,
    source_relation VARCHAR,
    document VARCHAR,
    document_key VARCHAR,
    batch_id VARCHAR,
    row_no BIGINT,
    rule VARCHAR,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL
);

-- the rows that are out now, derived from verdicts and decisions; one row per identity and cause. rule is the rule
-- the row itself breaks, or 'document' (another row of its document does), 'hold' (a person said so), 'fix' (replaced);
-- told is a JSON object of what the row says it belongs to, by canonical column, for rules about what is not out
CREATE TABLE IF NOT EXISTS meta.quarantined (
    source VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    rule VARCHAR NOT NULL,
    entity VARCHAR,
    key VARCHAR,
    document VARCHAR,
    source_relation VARCHAR,
    document_key VARCHAR,
    told VARCHAR,
    generation BIGINT NOT NULL
);

-- documents that are out now, and why; entity and key of rows that stand alone when a person holds them
CREATE TABLE IF NOT EXISTS meta.blocked_document (
    document VARCHAR NOT NULL,
    source_relation VARCHAR NOT NULL,
    document_key VARCHAR NOT NULL,
    because VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- what a person let through: rows, and (document and rule given) documents until a new row of theirs lands
CREATE TABLE IF NOT EXISTS meta.released (
    batch_id VARCHAR,
    row_no BIGINT,
    rule VARCHAR,
    document VARCHAR,
    source_relation VARCHAR,
    document_key VARCHAR
);

-- verdicts that ended because their cause is gone: the missing parent is there, the number is free again, the row was
-- judged again by other rules; lifted_batch_id is the batch of the verdict
CREATE TABLE IF NOT EXISTS meta.lifted (
    verdict_batch_id VARCHAR NOT NULL,
    lifted_batch_id VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    rule VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- how far verdicts and loaded rows are worked into the four tables above
CREATE TABLE IF NOT EXISTS meta.settled (
    verdict_seq BIGINT NOT NULL,
    generation BIGINT NOT NULL
);

-- rows a person corrected, landed in _fixes_<source>: (batch_id, row_no) stands in the place of (root_batch_id,
-- row_no). Of several fixes of a place the one with the greatest batch_seq counts, all others are replaced
CREATE TABLE IF NOT EXISTS meta.fix (
    source VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    batch_seq BIGINT NOT NULL,
    root_batch_id VARCHAR NOT NULL,
    root_seq BIGINT NOT NULL,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    fixed_at TIMESTAMPTZ NOT NULL,
    generation BIGINT NOT NULL
);

-- keys whose accepted versions changed for another reason than new rows: built from all their versions again
CREATE TABLE IF NOT EXISTS meta.requalified (
    entity VARCHAR NOT NULL,
    source_relation VARCHAR NOT NULL,
    native_key VARCHAR NOT NULL,
    key UUID NOT NULL,
    generation BIGINT NOT NULL
);

-- accepted rows whose required parent has not arrived; kept by the base models. reference (a column), parent
-- (its table) and value name the first parent that is missing, document_key the document the row belongs to
CREATE TABLE IF NOT EXISTS meta.waiting (
    entity VARCHAR NOT NULL,
    source_relation VARCHAR NOT NULL,
    key UUID NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    waits_for VARCHAR NOT NULL,
    since_generation BIGINT NOT NULL,
    document_key VARCHAR,
    reference VARCHAR,
    parent VARCHAR,
    value VARCHAR,
    ingested_at TIMESTAMPTZ
);

-- keys a model must rebuild, recorded until the generation that touched them is published
CREATE TABLE IF NOT EXISTS meta.touched (
    model VARCHAR NOT NULL,
    key UUID NOT NULL,
    generation BIGINT NOT NULL
);

-- versions of ledger rows that say something else than the version before them, and in which columns
CREATE TABLE IF NOT EXISTS meta.altered (
    entity VARCHAR NOT NULL,
    batch_id VARCHAR NOT NULL,
    row_no BIGINT NOT NULL,
    columns VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- row keys deleted from published models: what the difference publication must delete
CREATE TABLE IF NOT EXISTS meta.removed_row (
    model VARCHAR NOT NULL,
    row_key VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- what the audit checked
CREATE TABLE IF NOT EXISTS meta.audit_result (
    generation BIGINT NOT NULL,
    check_name VARCHAR NOT NULL,
    passed BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    detail VARCHAR,
    checked_at TIMESTAMPTZ NOT NULL
);

-- build that wrote each model last
CREATE TABLE IF NOT EXISTS meta.model_built (
    model VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- tests that are invariants, and the tables of the contracts they compare
CREATE TABLE IF NOT EXISTS meta.invariant (
    test VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    says VARCHAR NOT NULL,
    contracts VARCHAR[] NOT NULL
);
CREATE TABLE IF NOT EXISTS meta.invariant_contract (
    test VARCHAR NOT NULL,
    contract VARCHAR NOT NULL,
    entity VARCHAR NOT NULL
);

-- how each invariant came out when it was judged last
CREATE TABLE IF NOT EXISTS meta.invariant_result (
    test VARCHAR NOT NULL,
    generation BIGINT NOT NULL,
    broken_rows BIGINT NOT NULL,
    judged_at TIMESTAMPTZ NOT NULL
);

-- seconds each step of a generation took
CREATE TABLE IF NOT EXISTS meta.step_time (
    generation BIGINT NOT NULL,
    step VARCHAR NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    seconds DOUBLE NOT NULL
);

-- source tables that are read, rewritten from sources/ at each load
CREATE TABLE IF NOT EXISTS meta.source_table (
    source VARCHAR NOT NULL,
    source_relation VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    freshness_minutes INTEGER NOT NULL
);

-- which source table drives which canonical table, rewritten likewise
CREATE TABLE IF NOT EXISTS meta.mapping (
    source VARCHAR NOT NULL,
    source_relation VARCHAR NOT NULL,
    entity VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    wait_seconds BIGINT NOT NULL
);

-- the dbt project the warehouse was last built with: another one means a full build
CREATE TABLE IF NOT EXISTS meta.project (
    fingerprint VARCHAR NOT NULL,
    generation BIGINT NOT NULL
);

-- where the landed rows of each batch and table are now; accepted are those neither out nor waiting
CREATE VIEW IF NOT EXISTS meta.books AS
WITH fate AS (
    SELECT source, table_name, batch_id, row_no, max(fate) AS fate
    FROM (
        SELECT source, table_name, batch_id, row_no, 'waiting' AS fate
        FROM meta.waiting JOIN meta.mapping USING (source_relation, entity)
        UNION ALL
        -- a row mapped to two tables may be out of one and wait in the other: it is out
        SELECT source, table_name, batch_id, row_no, 'x quarantined' FROM meta.quarantined
    ) GROUP BY ALL
), counted AS (
    SELECT source, table_name, batch_id, count(*) FILTER (fate <> 'waiting') AS quarantined_rows,
        count(*) FILTER (fate = 'waiting') AS waiting_rows
    FROM fate GROUP BY ALL
)
SELECT b.source, b.table_name, b.batch_id, b.generation, b.landed_rows,
    b.landed_rows - coalesce(c.quarantined_rows, 0) - coalesce(c.waiting_rows, 0) AS accepted_rows,
    coalesce(c.quarantined_rows, 0) AS quarantined_rows, coalesce(c.waiting_rows, 0) AS waiting_rows
FROM meta.batch_table AS b LEFT JOIN counted AS c USING (source, table_name, batch_id);
"""


# What is derived from landing, and a column by which its present layout is known: (table, column, type) → tables
_LAYOUTS = {
    ("quarantined", "told", "VARCHAR"): ("verdict_batch", "judged", "verdict", "quarantined", "waiting", "mapping"),
    ("waiting", "key", "UUID"): ("waiting", "requalified", "touched"),
}


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what is missing of the schema; what is derived from landing is derived anew when its layout changed."""
    connection.execute(DDL)
    found = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'meta'"
    ).fetchall()
    old = {name for layout, names in _LAYOUTS.items() if layout not in found for name in names}
    if old:
        connection.execute("".join(f"DROP TABLE meta.{name};" for name in sorted(old)) + DDL)


def key_of(source_relation: str, value: str) -> str:
    """SQL of the key of the row that a value names in its source: ``<table>_key`` in the models.

    The same as the macro ``key_of`` of the dbt project on DuckDB.
    """
    return f"CAST(md5({source_relation} || '|' || {value}) AS UUID)"


def published_generation(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest generation that was published, or held after its audit; 0 before the first. Builds start from it."""
    row = connection.execute(
        "SELECT coalesce(max(generation), 0) FROM meta.generation WHERE coalesce(published_at, held_at) IS NOT NULL"
    ).fetchone()
    return int(row[0]) if row else 0


def current_generation(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest generation begun; 0 before the first load."""
    row = connection.execute("SELECT coalesce(max(generation), 0) FROM meta.generation").fetchone()
    return int(row[0]) if row else 0


def full_build_pending(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a generation since the published one asked for a full build; one that failed stays asked for."""
    row = connection.execute(
        "SELECT coalesce(bool_or(is_full), false) FROM meta.generation WHERE generation > ?",
        [published_generation(connection)],
    ).fetchone()
    return bool(row and row[0])


def as_of(connection: duckdb.DuckDBPyConnection, generation: int) -> datetime | None:
    """Point in time of a generation, in UTC; None when there is no such generation."""
    row = connection.execute("SELECT as_of FROM meta.generation WHERE generation = ?", [generation]).fetchone()
    return row[0].astimezone(UTC) if row else None
