"""The step ``validate`` of a refresh."""

from __future__ import annotations

import importlib
from collections import Counter
from dataclasses import dataclass

import duckdb
import pyarrow.compute as pc

from backoffice.contracts import Contracts
from backoffice.landing import BatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.validate.documents import settle
from backoffice.validate.duckdb_adapter import great_expectations
from backoffice.validate.gate import Judgement, judge
from backoffice.validate.verdicts import apply_verdicts, land_verdicts, validated_upto


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one run found. ``judged`` counts a row once a suite, ``quarantined`` once; ``by_rule`` counts verdicts."""

    judged: int
    quarantined: int
    by_rule: dict[str, int]


def validate(
    connection: duckdb.DuckDBPyConnection,
    store: BatchStore,
    sources: dict[str, SourceConfig],
    contracts: Contracts,
    *,
    settings: Settings,
    generation: int,
) -> GateResult:
    """Judge what was loaded and not yet judged; land the verdicts, copy them into the warehouse, and settle which rows
    and documents are out.

    Run again after a kill at any point, it ends with the same verdicts, each once.

    Args:
        connection: the warehouse, outside a transaction; the caller holds the lease.
        store: where batches landed and verdicts land.
        sources: the configured sources.
        contracts: what rows must be.
        settings: where the suites are.
        generation: the build the verdicts are copied in.

    Raises:
        ValidationError: judging failed; nothing was landed and the rows stay unjudged.
    """
    apply_verdicts(connection, store, generation)
    judgement = judge(connection, sources, contracts, settings, validated_upto(store))
    land_verdicts(store, judgement)
    apply_verdicts(connection, store, generation)
    settle(connection, sources, contracts, generation)
    return gate_result(judgement)


def warm() -> None:
    """Import GX and what it needs for DuckDB, in the process that tasks are forked from. Nothing is connected to: a
    fork would inherit DuckDB's connection without its threads.
    """
    great_expectations()
    importlib.import_module("great_expectations.metrics")
    importlib.import_module("duckdb_engine")


def gate_result(judgement: Judgement) -> GateResult:
    """What a judgement found, in numbers."""
    verdicts = judgement.verdicts
    errors = verdicts.filter(pc.equal(verdicts["severity"], "error"))
    rows = errors.group_by(["batch_id", "row_no"]).aggregate([])
    return GateResult(
        judged=pc.sum(judgement.judged["judged_rows"]).as_py() or 0,
        quarantined=rows.num_rows,
        by_rule=dict(Counter(verdicts["rule"].to_pylist())),
    )
