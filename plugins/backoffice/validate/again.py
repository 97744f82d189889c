"""Judging landed rows again, after a contract or a hand-written expectation has changed.

A changed suite judges new rows only; this is for those who want the old ones judged too.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pyarrow as pa

from backoffice.contracts import Contracts
from backoffice.landing import BatchStore, fixes_of
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.validate.documents import settle
from backoffice.validate.gate import GATE, judge
from backoffice.validate.step import GateResult, gate_result
from backoffice.validate.verdicts import JUDGED, LIFTED, VERDICT, apply_verdicts, land_tables, validated_upto

_SAME = "o.batch_id = n.batch_id AND o.row_no = n.row_no AND o.rule = n.rule"


def rejudge(
    connection: duckdb.DuckDBPyConnection,
    store: BatchStore,
    sources: dict[str, SourceConfig],
    contracts: Contracts,
    *,
    settings: Settings,
    generation: int,
    source: str,
    after: int = 0,
) -> GateResult:
    """Judge a source's loaded rows again: new verdicts are landed, those whose rule holds now end.

    Args:
        connection: the warehouse, outside a transaction; the caller holds the lease.
        store: where verdicts land.
        sources: the configured sources.
        contracts: what rows must be.
        settings: where the suites are.
        generation: a build that was begun and not published: it builds what the verdicts touch.
        source: whose rows.
        after: number of the last batch that is left alone; fixes by people are always judged.

    Raises:
        ValidationError: judging failed; nothing was landed.
    """
    apply_verdicts(connection, store, generation)
    since = validated_upto(store) | {source: after, fixes_of(source): 0}
    judgement = judge(connection, {source: sources[source]}, contracts, settings, since)
    connection.register("judged_again", judgement.verdicts)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE standing AS
        SELECT v.* FROM meta.verdict AS v JOIN meta.batch AS b USING (batch_id)
        WHERE v.gate = '{GATE}' AND v.source = $source AND (b.source <> $source OR b.batch_seq > $after)
            AND NOT EXISTS (SELECT 1 FROM meta.lifted AS l WHERE l.lifted_batch_id = v.verdict_batch_id
                AND l.batch_id = v.batch_id AND l.row_no = v.row_no AND l.rule = v.rule)""",
        {"source": source, "after": after},
    )
    fresh = _select(connection, f"SELECT n.* FROM judged_again AS n ANTI JOIN standing AS o ON {_SAME}")
    ended = _select(
        connection,
        f"""SELECT n.verdict_batch_id AS lifted_batch_id, n.batch_id, n.row_no, n.rule
        FROM standing AS n ANTI JOIN judged_again AS o ON {_SAME}""",
    )
    connection.unregister("judged_again")
    tables = {JUDGED: judgement.judged, VERDICT: fresh, LIFTED: ended}
    land_tables(store, tables, upto=judgement.upto, suites=judgement.suites)
    apply_verdicts(connection, store, generation)
    settle(connection, sources, contracts, generation)
    return gate_result(replace(judgement, verdicts=fresh))


def _select(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.execute(query).to_arrow_table()
