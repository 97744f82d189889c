"""Load: landed batches after the watermark become raw rows of a new generation, in one transaction.

What is loaded follows from landing alone, never from the event that woke us: a lost or doubled wake-up changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import duckdb

from backoffice.landing import BatchStore, Manifest
from backoffice.sources import SourceConfig
from backoffice.warehouse import meta
from backoffice.warehouse.fixes import load_fix, pending_fixes
from backoffice.warehouse.raw import create_raw_tables, insert_batches

VERDICTS = "_verdicts"
"""Pseudo-source of verdicts and decisions; they are copied by the gates."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did. ``idle`` means nothing changed since the published generation: the other steps have no work."""

    generation: int
    batches: int
    rows: int
    is_full: bool
    idle: bool


def load(
    connection: duckdb.DuckDBPyConnection,
    store: BatchStore,
    sources: dict[str, SourceConfig],
    *,
    fingerprint: str,
    holder: str,
) -> LoadResult:
    """Begin a generation with everything landed and not yet loaded.

    Args:
        connection: the warehouse; the caller holds the lease.
        store: where batches landed.
        sources: the configured sources; batches of others stay where they are.
        fingerprint: of the dbt project; another than the last built one asks for a full build.
        holder: who builds, for the record.
    """
    meta.create(connection)
    prepare(connection, sources)
    fresh = {name: list(store.batches(name, _watermark(connection, name))) for name in sources}
    fixes = pending_fixes(connection, store, sources)
    batches = [manifest for manifests in (*fresh.values(), *fixes.values()) for manifest in manifests]
    current, published = meta.current_generation(connection), meta.published_generation(connection)
    is_full = published == 0 or _project_changed(connection, fingerprint)
    nothing_yet = current == 0 and not batches  # an empty version would be the first thing readers see
    unchanged = not batches and not is_full and current == published and not _due(connection, store, published)
    if nothing_yet or unchanged:
        return LoadResult(published, 0, 0, is_full=False, idle=True)
    generation = current + 1
    with transaction(connection):
        _begin(connection, generation, is_full, holder)
        for name, manifests in fresh.items():
            _load_source(connection, store, sources[name], manifests, generation)
            for fix in fixes[name]:
                load_fix(connection, store, sources[name], fix, generation)
            _record(connection, name, fixes[name], generation)
    return LoadResult(generation, len(batches), sum(m.rows for m in batches), is_full=is_full, idle=False)


class transaction:
    """BEGIN … COMMIT around a block, ROLLBACK when it raises."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("ROLLBACK" if kind else "COMMIT")


def prepare(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig]) -> None:
    """Create the raw tables of the sources, and say in ``meta`` what is read and what it is mapped to."""
    tables = {
        (name, config.source_relation, read, config.freshness_minutes)
        for name, config in sources.items()
        for read in config.reads
    }
    mapping = {
        (name, config.source_relation, key.split("/")[1], mapped.driver, config.wait_seconds(mapped.driver))
        for name, config in sources.items()
        for key, mapped in config.tables.items()
    }
    create_raw_tables(connection, sources.values())
    _rewrite(connection, "meta.source_table", tables)
    _rewrite(connection, "meta.mapping", mapping)


def _rewrite(connection: duckdb.DuckDBPyConnection, table: str, wanted: Set[tuple[object, ...]]) -> None:
    if set(connection.execute(f"SELECT * FROM {table}").fetchall()) == wanted:
        return
    with transaction(connection):
        connection.execute(f"DELETE FROM {table}")
        for row in wanted:
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row))


def _watermark(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    row = connection.execute("SELECT coalesce(max(batch_seq), 0) FROM meta.batch WHERE source = ?", [source]).fetchone()
    return int(row[0]) if row else 0


def _project_changed(connection: duckdb.DuckDBPyConnection, fingerprint: str) -> bool:
    row = connection.execute("SELECT fingerprint FROM meta.project ORDER BY generation DESC LIMIT 1").fetchone()
    return row is None or row[0] != fingerprint


def _due(connection: duckdb.DuckDBPyConnection, store: BatchStore, published: int) -> bool:
    """Whether something is to be built without new rows: a new day, a person's decision, or a wait that is over."""
    return _new_day(connection, published) or _undecided(connection, store) or _waited_too_long(connection)


def _undecided(connection: duckdb.DuckDBPyConnection, store: BatchStore) -> bool:
    last = store.last(VERDICTS)
    row = connection.execute("SELECT coalesce(max(batch_seq), 0) FROM meta.verdict_batch").fetchone()
    return last is not None and row is not None and last.seq > int(row[0])


def _waited_too_long(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(connection.execute(f"{overdue(datetime.now(UTC))} LIMIT 1").fetchall())


def overdue(moment: datetime) -> str:
    """Query of the waiting rows (``meta.waiting``) that have waited longer than their source allows.

    A row whose parent itself waits is not overdue: it goes the way of its parent.
    """
    return f"""SELECT w.* FROM meta.waiting AS w
        JOIN meta.mapping AS m ON m.source_relation = w.source_relation AND m.entity = w.entity
        WHERE w.ingested_at + to_seconds(m.wait_seconds) < TIMESTAMPTZ '{moment.isoformat()}'
            AND NOT EXISTS (SELECT 1 FROM meta.waiting AS p WHERE p.entity = w.parent
                AND p.key = {meta.key_of("w.source_relation", "w.value")})"""


def _new_day(connection: duckdb.DuckDBPyConnection, published: int) -> bool:
    before = meta.as_of(connection, published)
    return before is not None and before.date() < datetime.now(UTC).date()


def _begin(connection: duckdb.DuckDBPyConnection, generation: int, is_full: bool, holder: str) -> None:
    now = datetime.now(UTC)
    before = meta.as_of(connection, generation - 1)
    # a clock that was set back must not take the marts back
    as_of = max(now, before + timedelta(microseconds=1)) if before else now
    connection.execute(
        "INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder) VALUES (?, ?, ?, ?, ?)",
        [generation, as_of, now, is_full, holder],
    )


def _load_source(
    connection: duckdb.DuckDBPyConnection,
    store: BatchStore,
    config: SourceConfig,
    manifests: list[Manifest],
    generation: int,
) -> None:
    for _, group in groupby(manifests, key=lambda m: m.seq if m.replaced or any(t.full for t in m.tables) else 0):
        _insert_group(connection, store, config, list(group), generation)
    _record(connection, config.source, manifests, generation)


def _insert_group(
    connection: duckdb.DuckDBPyConnection,
    store: BatchStore,
    config: SourceConfig,
    manifests: list[Manifest],
    generation: int,
) -> None:
    """Batches in a row go in together; one that is a full image, or replaces others, comes alone."""
    reads = {table.name: table.full for manifest in manifests for table in manifest.tables}
    for read, is_image in reads.items():
        if read in config.reads:
            rows = store.relation(manifests, read)
            image = manifests[0] if is_image else None
            replaces = manifests[0] if manifests[0].replaced else None
            insert_batches(connection, config, read, rows, image=image, generation=generation, replaces=replaces)


def _record(connection: duckdb.DuckDBPyConnection, source: str, manifests: Iterable[Manifest], generation: int) -> None:
    """Rows of fixes are counted under the source they correct, whose tables hold them."""
    now = datetime.now(UTC)
    for m in manifests:
        connection.execute(
            "INSERT INTO meta.batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [m.source, m.seq, m.batch_id, m.kind, m.event_at_min, m.event_at_max, m.landed_at, generation, now],
        )
        for table in m.tables:
            connection.execute(
                "INSERT INTO meta.batch_table VALUES (?, ?, ?, ?, ?)",
                [source, m.batch_id, table.name, table.rows, generation],
            )
