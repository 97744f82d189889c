"""Verdicts are kept as durably as the data: landed as batches of the pseudo-source ``_verdicts``, then copied.

The last landed batch says up to where each source was judged, so the warehouse can be lost, or a run killed between
landing and copying, without judging a row twice or forgetting one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from backoffice.landing import BatchStore, Manifest
from backoffice.validate.gate import Judgement
from backoffice.warehouse.load import VERDICTS, transaction

SOURCE = VERDICTS
VERDICT, JUDGED, DECISION, LIFTED = "verdict", "judged", "decision", "lifted"
DECISIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("decision", "source", "source_relation", "document", "document_key")),
        ("batch_id", pa.string()),
        ("row_no", pa.int64()),
        ("rule", pa.string()),
        ("actor", pa.string()),
        ("reason", pa.string()),
        ("decided_at", pa.timestamp("us", "UTC")),
    ]
)
"""Columns of the landed table ``decision``; ``meta.decision`` says what they mean."""
_AT_ONCE = 500


def validated_upto(store: BatchStore) -> dict[str, int]:
    """The last batch judged of each source, known from landing alone."""
    last = store.last(SOURCE)
    return {source: int(seq) for source, seq in last.offset["judged"].items()} if last else {}


def land_verdicts(store: BatchStore, judgement: Judgement) -> Manifest | None:
    """Land what a run judged, also when every row was good; None when it judged nothing."""
    if judgement.judged.num_rows == 0 and judgement.verdicts.num_rows == 0:
        return None
    tables = {JUDGED: judgement.judged, VERDICT: judgement.verdicts}
    return land_tables(store, tables, upto=judgement.upto, suites=judgement.suites)


def land_tables(
    store: BatchStore,
    tables: dict[str, pa.Table],
    *,
    upto: dict[str, int] | None = None,
    suites: dict[str, str] | None = None,
    notes: dict[str, Any] | None = None,
) -> Manifest:
    """Land a batch of ``_verdicts``. A build and people's commands may meet here: one waits for the other.

    Args:
        store: where it lands.
        tables: ``verdict``, ``judged``, ``decision`` and ``lifted``; those without rows are left out.
        upto: the last batch judged of the sources that were judged; of the others it stays as it was.
        suites: versions of the suites that judged.
        notes: for the manifest.

    Raises:
        LandingError: another process kept writing for a minute.
    """
    with store.exclusive(SOURCE):
        batch = store.begin(SOURCE)
        try:
            for name, table in tables.items():
                if table.num_rows:
                    _write(table, str(batch.path(name)), batch.batch_id)
            offset = {"judged": validated_upto(store) | (upto or {}), "suites": suites or {}}
            return batch.commit(kind="verdict", offset=offset, notes=notes)
        except BaseException:
            batch.abort()
            raise


def apply_verdicts(connection: duckdb.DuckDBPyConnection, store: BatchStore, generation: int) -> int:
    """Copy landed verdicts the warehouse does not hold yet; returns the number of batches copied.

    Idempotent. A large backlog, after the warehouse was rebuilt, is copied in several transactions.
    """
    row = connection.execute("SELECT coalesce(max(batch_seq), 0) FROM meta.verdict_batch").fetchone()
    pending = store.batches(SOURCE, after=int(row[0]) if row else 0)
    applied = 0
    while group := list(islice(pending, _AT_ONCE)):
        with transaction(connection):
            _apply(connection, store, group, generation)
        applied += len(group)
    return applied


def _apply(
    connection: duckdb.DuckDBPyConnection, store: BatchStore, manifests: Sequence[Manifest], generation: int
) -> None:
    for table in (JUDGED, VERDICT, DECISION, LIFTED):
        if rows := store.relation(manifests, table):
            connection.execute(
                f"INSERT INTO meta.{table} BY NAME SELECT *, ?::BIGINT AS generation FROM {rows}", [generation]
            )
    connection.executemany(
        "INSERT INTO meta.verdict_batch VALUES (?, ?, ?)", [(item.seq, item.batch_id, generation) for item in manifests]
    )


def _write(table: pa.Table, path: str, batch_id: str) -> None:
    named = table.add_column(0, "verdict_batch_id", pa.array([batch_id] * table.num_rows, pa.string()))
    pq.write_table(named, path, compression="zstd")
