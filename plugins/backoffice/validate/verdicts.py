"""Verdicts are kept as durably as the data: landed as batches of the pseudo-source ``_verdicts``, then copied.

The last landed batch says up to where each source was judged, so the warehouse can be lost, or a run killed between
landing and copying, without judging a row twice or forgetting one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from backoffice.landing import BatchStore, Manifest
from backoffice.validate.gate import Judgement
from backoffice.warehouse.load import transaction

SOURCE = "_verdicts"
VERDICT, JUDGED = "verdict", "judged"
_AT_ONCE = 500


def validated_upto(store: BatchStore) -> dict[str, int]:
    """The last batch judged of each source, known from landing alone."""
    last = store.last(SOURCE)
    return {source: int(seq) for source, seq in last.offset["judged"].items()} if last else {}


def land_verdicts(store: BatchStore, judgement: Judgement) -> Manifest | None:
    """Land what a run judged, also when every row was good; None when it judged nothing."""
    if judgement.judged.num_rows == 0:
        return None
    batch = store.begin(SOURCE)
    try:
        _write(judgement.judged, str(batch.path(JUDGED)), batch.batch_id)
        if judgement.verdicts.num_rows:
            _write(judgement.verdicts, str(batch.path(VERDICT)), batch.batch_id)
        upto = validated_upto(store) | judgement.upto
        return batch.commit(kind="verdict", offset={"judged": upto, "suites": judgement.suites})
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


def verdict_files(store: BatchStore, manifests: Sequence[Manifest], table: str) -> list[str]:
    """Where DuckDB reads a table of those batches that have it."""
    return [store.uri(item, table) for item in manifests if any(landed.name == table for landed in item.tables)]


def _apply(
    connection: duckdb.DuckDBPyConnection, store: BatchStore, manifests: Sequence[Manifest], generation: int
) -> None:
    for table, target in ((JUDGED, "meta.judged"), (VERDICT, "meta.verdict")):
        if files := verdict_files(store, manifests, table):
            connection.execute(
                f"INSERT INTO {target} BY NAME SELECT *, ?::BIGINT AS generation FROM read_parquet(?)",
                [generation, files],
            )
            if table == VERDICT:
                connection.execute(
                    """INSERT OR IGNORE INTO meta.quarantined BY NAME
                    SELECT DISTINCT batch_id, row_no, ?::BIGINT AS generation FROM read_parquet(?)
                    WHERE severity = 'error'""",
                    [generation, files],
                )
    connection.executemany(
        "INSERT INTO meta.verdict_batch VALUES (?, ?, ?)", [(item.seq, item.batch_id, generation) for item in manifests]
    )


def _write(table: pa.Table, path: str, batch_id: str) -> None:
    named = table.add_column(0, "verdict_batch_id", pa.array([batch_id] * table.num_rows, pa.string()))
    pq.write_table(named, path, compression="zstd")
