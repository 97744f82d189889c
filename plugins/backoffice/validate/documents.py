"""Which rows are out now: derived from verdicts, a person's decisions and fixes, at the cost of what changed.

In: ``meta.verdict``, ``meta.decision``, ``meta.fix``, ``meta.lifted`` and the raw rows since the last time. Out:
``meta.quarantined``, ``meta.blocked_document``, ``meta.released``, and in ``meta.requalified`` the keys whose accepted
versions changed, which the base models build again.

A row is out under its own rule until the verdict is released, its cause is gone or the row is mended. A document is
out, with every version of every row that was ever its own, while the newest landed version of one of its rows breaks a
rule, while a verdict of the mart gate names it and no row of it landed since, or while a person holds it. A delete
always passes: it takes away, and holds nothing that could be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from backoffice.contracts import Contracts
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import MappedTable, mapped_tables
from backoffice.validate.rows import all_located, document_name, located, telling
from backoffice.warehouse import meta
from backoffice.warehouse.load import transaction

_DOCUMENT_CAUSES = "('document', 'hold')"
_SEQ = "cast(right({0}verdict_batch_id, 10) AS BIGINT)"
_TRIPLE = "document, source_relation, document_key"
# what a fix replaces: the row as it came, and earlier fixes of it
_MENDED = """(
    SELECT source, table_name, root_batch_id AS batch_id, row_no, generation FROM meta.fix
    UNION ALL
    SELECT f.source, f.table_name, f.batch_id, f.row_no, g.generation
    FROM meta.fix AS f JOIN meta.fix AS g USING (source, table_name, root_batch_id, row_no)
    WHERE g.batch_seq > f.batch_seq)"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What changed: documents blocked and freed, and rows that came to be out or in."""

    blocked: int
    freed: int
    changed_rows: int


def settle(
    connection: duckdb.DuckDBPyConnection,
    sources: dict[str, SourceConfig],
    contracts: Contracts,
    generation: int,
    *,
    rebuilding: bool = False,
) -> Settled:
    """Work what was judged, decided and loaded since the last time into the rows that are out.

    Args:
        connection: the warehouse; one transaction, so that a kill leaves the state before.
        sources: the configured sources.
        contracts: which documents there are.
        generation: the build that has to follow the change.
        rebuilding: whether this generation's rows were built already, so that they too must be built again.
    """
    with transaction(connection):
        return _Settling(connection, mapped_tables(sources, contracts), generation, rebuilding).run()


class _Settling:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, items: list[MappedTable], generation: int, rebuilding: bool
    ) -> None:
        self._connection = connection
        self._items = items
        self._generation = generation
        self._rebuilding = rebuilding
        self._verdict_seq, self._settled = self._position()

    def run(self) -> Settled:
        self._find_news()
        blocked = freed = changed = 0
        if self._any("candidate") or self._any("affected") or self._watches():
            self._settle_rows()
            self._find_affected()
            if self._any("affected"):
                blocked, freed = self._settle_documents()
            changed = self._requalify()
            self._tell()
        self._execute("DELETE FROM meta.settled")
        self._execute(
            f"""INSERT INTO meta.settled
            SELECT coalesce(max(batch_seq), 0), {self._generation} FROM meta.verdict_batch"""
        )
        return Settled(blocked, freed, changed)

    def _position(self) -> tuple[int, int]:
        row = self._execute("SELECT verdict_seq, generation FROM meta.settled").fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _find_news(self) -> None:
        """Rows whose own verdicts changed (``candidate``) and documents named by themselves (``affected``)."""
        self._temp(
            "new_verdict",
            f"SELECT * FROM meta.verdict WHERE severity = 'error' AND {_SEQ.format('')} > {self._verdict_seq}",
        )
        # a document of no named source is that of every source
        self._temp(
            "decision",
            """SELECT d.* REPLACE (coalesce(d.source_relation, m.source_relation) AS source_relation)
            FROM meta.decision AS d LEFT JOIN (SELECT DISTINCT entity, source_relation FROM meta.mapping) AS m
                ON m.entity = d.document AND d.source_relation IS NULL""",
        )
        self._temp("new_decision", f"SELECT * FROM decision WHERE {_SEQ.format('')} > {self._verdict_seq}")
        identity = "v.source, v.table_name, v.batch_id, v.row_no"
        self._temp(
            "candidate",
            f"""SELECT {identity} FROM new_verdict AS v WHERE v.landed_upto IS NULL
            UNION SELECT {identity} FROM meta.verdict AS v JOIN new_decision AS d ON {_released("v", "d")}
                WHERE v.severity = 'error' AND v.landed_upto IS NULL
            UNION SELECT {identity} FROM {_MENDED} AS v WHERE v.generation > {self._settled}
            UNION SELECT {identity} FROM meta.verdict AS v JOIN meta.lifted AS l USING (batch_id, row_no)
                WHERE {_SEQ.format("l.")} > {self._verdict_seq}""",
        )
        self._temp(
            "affected",
            f"""SELECT {_TRIPLE} FROM new_verdict WHERE landed_upto IS NOT NULL
            UNION SELECT {_TRIPLE} FROM new_decision WHERE document_key IS NOT NULL
            UNION SELECT v.document, v.source_relation, v.document_key FROM meta.verdict AS v
                JOIN new_decision AS d ON {_released("v", "d")} WHERE v.landed_upto IS NOT NULL""",
        )
        self._temp("changed", f"SELECT * FROM ({all_located(())}) AS nothing")

    def _watches(self) -> bool:
        """Whether new rows can matter to a document without a verdict of their own."""
        return self._any("meta.blocked_document") or self._any("meta.released")

    def _settle_rows(self) -> None:
        """The rows that are out by themselves, and those a person let through."""
        reads = set(self._execute("SELECT DISTINCT source, table_name FROM candidate").fetchall())
        items = [item for item in self._items if (item.config.source, item.mapping.driver) in reads]
        named = "NOT r._derived AND (r._batch_id, r._row_no) IN (SELECT (batch_id, row_no) FROM candidate)"
        self._temp("named", all_located(items, named))
        self._temp(
            "own",
            f"""SELECT c.*, CASE WHEN bool_or(m.batch_id IS NOT NULL) THEN 'fix' ELSE min(v.rule) END AS rule
            FROM candidate AS c
            LEFT JOIN {_MENDED} AS m USING (batch_id, row_no)
            LEFT JOIN (SELECT * FROM meta.verdict AS v WHERE {_active_row("v")}) AS v USING (batch_id, row_no)
            GROUP BY ALL HAVING rule IS NOT NULL""",
        )
        was_out = f"SELECT batch_id, row_no FROM meta.quarantined WHERE rule NOT IN {_DOCUMENT_CAUSES}"
        self._execute(
            f"""INSERT INTO changed SELECT n.* FROM named AS n
            LEFT JOIN (SELECT DISTINCT * FROM ({was_out})) AS b USING (batch_id, row_no)
            LEFT JOIN own AS o USING (batch_id, row_no)
            WHERE (b.batch_id IS NULL) <> (o.batch_id IS NULL)"""
        )
        self._execute(
            f"""DELETE FROM meta.quarantined WHERE rule NOT IN {_DOCUMENT_CAUSES}
                AND (batch_id, row_no) IN (SELECT (batch_id, row_no) FROM candidate)"""
        )
        self._execute(
            f"""INSERT INTO meta.quarantined BY NAME
            SELECT o.*, n.entity, n.key, n.document, n.source_relation, n.document_key,
                {self._generation}::BIGINT AS generation
            FROM own AS o LEFT JOIN named AS n USING (batch_id, row_no)"""
        )
        self._execute(
            """DELETE FROM meta.released WHERE (batch_id, row_no) IN (SELECT (batch_id, row_no) FROM candidate)"""
        )
        self._execute(
            f"""INSERT INTO meta.released BY NAME SELECT DISTINCT v.batch_id, v.row_no
            FROM meta.verdict AS v JOIN candidate USING (batch_id, row_no)
            WHERE v.severity = 'error' AND v.landed_upto IS NULL AND {_is_released("v")}"""
        )

    def _find_affected(self) -> None:
        """Documents of the rows that were judged, and documents watched that new rows landed for."""
        self._execute(f"INSERT INTO affected SELECT {_TRIPLE} FROM named WHERE document_key IS NOT NULL")
        if self._watches():
            self._temp("arrived", all_located(self._watched_items(), f"r._generation > {self._settled}"))
            watched = f"SELECT {_TRIPLE} FROM meta.blocked_document UNION SELECT {_TRIPLE} FROM meta.released"
            self._execute(
                f"""INSERT INTO affected
                SELECT {_TRIPLE} FROM arrived JOIN ({watched}) AS w USING ({_TRIPLE})
                UNION SELECT q.document, q.source_relation, q.document_key FROM meta.quarantined AS q
                    JOIN ({watched}) AS w USING ({_TRIPLE})
                    WHERE (q.source_relation, q.entity, q.key)
                        IN (SELECT (source_relation, entity, key) FROM arrived)"""
            )
        # a row that stands alone is out by itself; as a document it can only be held
        declared = _listed({document_name(item) for item in self._items if item.table.document})
        held = "SELECT (document, source_relation, document_key) FROM decision WHERE document_key IS NOT NULL"
        self._temp(
            "affected",
            f"""SELECT DISTINCT {_TRIPLE} FROM affected
            WHERE document IN ({declared}) OR ({_TRIPLE}) IN ({held})""",
        )

    def _watched_items(self) -> list[MappedTable]:
        found = self._execute(
            "SELECT document, source_relation FROM meta.blocked_document UNION "
            "SELECT document, source_relation FROM meta.released"
        ).fetchall()
        return [item for item in self._items if (document_name(item), item.config.source_relation) in set(found)]

    def _settle_documents(self) -> tuple[int, int]:
        """The documents that are out, and their rows; returns how many were blocked and freed."""
        self._find_versions()
        self._find_causes()
        before = f"(SELECT {_TRIPLE} FROM meta.blocked_document JOIN affected USING ({_TRIPLE}))"
        now = f"(SELECT {_TRIPLE} FROM cause)"
        blocked, freed = self._count(f"{now} EXCEPT {before}"), self._count(f"{before} EXCEPT {now}")
        self._temp(
            "wanted",
            f"""SELECT DISTINCT v.* EXCLUDE (document_key, own_rule), m.document_key, c.rule FROM version AS v
            JOIN member AS m ON m.entity = v.entity AND m.source_relation = v.source_relation
                AND m.key IS NOT DISTINCT FROM v.key
            JOIN (SELECT {_TRIPLE}, CASE WHEN bool_or(because = 'hold') THEN 'hold' ELSE 'document' END AS rule
                FROM cause GROUP BY ALL) AS c
                ON c.document = m.document AND c.source_relation = m.source_relation AND c.document_key = m.document_key
            WHERE NOT v.is_delete AND v.own_rule IS NULL AND (v.batch_seq, v.row_no) <= (m.last_seq, m.last_row)
                AND (v.key IS NOT NULL OR v.document_key = m.document_key)""",
        )
        self._temp(
            "out_before",
            f"""SELECT q.* FROM meta.quarantined AS q JOIN affected USING ({_TRIPLE})
            WHERE q.rule IN {_DOCUMENT_CAUSES}""",
        )
        self._replace_documents()
        return blocked, freed

    def _replace_documents(self) -> None:
        identity = "entity, batch_id, row_no"
        self._execute(
            f"""INSERT INTO changed SELECT v.* EXCLUDE (own_rule) FROM version AS v
            JOIN ((SELECT {identity} FROM wanted EXCEPT SELECT {identity} FROM out_before)
                UNION (SELECT {identity} FROM out_before EXCEPT SELECT {identity} FROM wanted)) AS c
                USING ({identity})"""
        )
        for table in ("meta.quarantined", "meta.blocked_document"):
            causes = f"AND rule IN {_DOCUMENT_CAUSES}" if table == "meta.quarantined" else ""
            self._execute(f"DELETE FROM {table} WHERE ({_TRIPLE}) IN (SELECT ({_TRIPLE}) FROM affected) {causes}")
        generation = f"{self._generation}::BIGINT AS generation"
        self._execute(
            f"""INSERT INTO meta.quarantined BY NAME
            SELECT source, table_name, batch_id, row_no, rule, entity, key, {_TRIPLE}, {generation} FROM wanted"""
        )
        self._execute(
            f"INSERT INTO meta.blocked_document BY NAME "
            f"SELECT {_TRIPLE}, min(because) AS because, {generation} FROM cause GROUP BY ALL"
        )

    def _find_versions(self) -> None:
        """``version``: every landed version of every key that was ever in an affected document; ``member``: up to which
        version a key is in it. A key that moved on to another document is out with its old versions only.
        """
        found = set(self._execute("SELECT DISTINCT document, source_relation FROM affected").fetchall())
        items = [item for item in self._items if (document_name(item), item.config.source_relation) in found]
        self._temp("version", f"SELECT *, NULL::VARCHAR AS own_rule FROM ({all_located(())}) AS nothing")
        self._temp("member", f"SELECT entity, key, {_TRIPLE}, batch_seq AS last_seq, row_no AS last_row FROM version")
        for item in items:
            self._execute(
                f"""INSERT INTO member SELECT entity, key, {_TRIPLE}, max((batch_seq, row_no))[1],
                    max((batch_seq, row_no))[2]
                FROM ({located(item)}) AS l JOIN affected USING ({_TRIPLE}) GROUP BY ALL"""
            )
            self._execute(
                f"""INSERT INTO version SELECT l.*, o.rule FROM ({located(item)}) AS l
                LEFT JOIN (SELECT batch_id, row_no, min(rule) AS rule FROM meta.quarantined
                    WHERE rule NOT IN {_DOCUMENT_CAUSES} GROUP BY ALL) AS o USING (batch_id, row_no)
                WHERE l.key IN (SELECT key FROM member WHERE entity = '{item.table.name}')
                    OR (l.key IS NULL AND ({_TRIPLE}) IN (SELECT ({_TRIPLE}) FROM affected))"""
            )

    def _find_causes(self) -> None:
        """``cause``: why each affected document is out; documents that are not are not in it."""
        declared = _listed({document_name(item) for item in self._items if item.table.document})
        place = "(v.batch_seq, v.row_no)"
        later = f"""SELECT 1 FROM version AS n WHERE n.entity = v.entity AND n.source_relation = v.source_relation
            AND n.key = v.key AND n.own_rule IS DISTINCT FROM 'fix' AND (n.batch_seq, n.row_no) > {place}"""
        mart = f"""SELECT v.* FROM meta.verdict AS v JOIN affected USING ({_TRIPLE})
            WHERE v.severity = 'error' AND v.landed_upto IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM version AS n JOIN member AS m ON m.entity = n.entity
                    AND m.source_relation = n.source_relation AND m.key IS NOT DISTINCT FROM n.key
                LEFT JOIN meta.fix AS f ON f.batch_id = n.batch_id AND f.row_no = n.row_no
                WHERE m.document = v.document AND m.source_relation = v.source_relation
                    AND m.document_key = v.document_key AND CASE WHEN f.batch_id IS NOT NULL
                        THEN f.fixed_at > v.judged_at ELSE n.batch_seq > v.landed_upto END)"""
        self._temp(
            "cause",
            f"""SELECT {_TRIPLE}, v.own_rule AS because FROM version AS v JOIN affected USING ({_TRIPLE})
            WHERE v.own_rule <> 'fix' AND v.document IN ({declared}) AND NOT EXISTS ({later})
            UNION SELECT {_TRIPLE}, v.rule FROM ({mart}) AS v WHERE NOT {_is_released("v")}
            UNION SELECT {_TRIPLE}, 'hold' FROM (
                SELECT {_TRIPLE}, max_by(decision, ({_SEQ.format("")}, decided_at)) AS last
                FROM decision JOIN affected USING ({_TRIPLE}) WHERE decision IN ('hold', 'unhold') GROUP BY ALL)
            WHERE last = 'hold'""",
        )
        self._execute(f"DELETE FROM meta.released WHERE ({_TRIPLE}) IN (SELECT ({_TRIPLE}) FROM affected)")
        self._execute(
            f"""INSERT INTO meta.released BY NAME
            SELECT DISTINCT {_TRIPLE}, v.rule FROM ({mart}) AS v WHERE {_is_released("v")}"""
        )

    def _tell(self) -> None:
        """What the rows that are out belong to, as far as a mapping can read it."""
        untold = "SELECT {} FROM meta.quarantined AS q WHERE q.told IS NULL AND q.entity IS NOT NULL"
        reads = set(self._execute(untold.format("DISTINCT source, table_name, entity")).fetchall())
        for item in self._items:
            if (item.config.source, item.mapping.driver, item.table.name) in reads:
                those = f"(r._batch_id, r._row_no) IN ({untold.format('(batch_id, row_no)')})"
                self._execute(
                    f"""UPDATE meta.quarantined AS q SET told = t.told FROM ({telling(item, those)}) AS t
                    WHERE q.entity = '{item.table.name}' AND q.source = '{item.config.source}'
                        AND q.batch_id = t.batch_id AND q.row_no = t.row_no"""
                )

    def _requalify(self) -> int:
        """Keys whose old rows changed sides are built from all their versions again."""
        old = "true" if self._rebuilding else f"c.generation < {self._generation}"
        self._execute(
            f"""INSERT INTO meta.requalified
            SELECT DISTINCT c.entity, c.source_relation, c.key, {meta.key_of("c.source_relation", "c.key")},
                {self._generation}::BIGINT
            FROM changed AS c WHERE c.key IS NOT NULL AND {old}"""
        )
        self._requalify_joined(old)
        return self._count("SELECT DISTINCT batch_id, row_no FROM changed")

    def _requalify_joined(self, old: str) -> None:
        """Columns computed by joins see the rows of other tables: all keys of such a table are built again."""
        reads = set(self._execute(f"SELECT DISTINCT source, table_name FROM changed AS c WHERE {old}").fetchall())
        for item in self._items:
            joined = {(item.config.source, name) for name in item.reads} if item.is_derived else set()
            if joined & reads:
                self._execute(
                    f"""INSERT INTO meta.requalified SELECT DISTINCT entity, source_relation, key,
                        {meta.key_of("source_relation", "key")}, {self._generation}::BIGINT
                    FROM ({located(item)}) AS l WHERE key IS NOT NULL"""
                )

    def _temp(self, name: str, select: str) -> None:
        self._execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def _any(self, table: str) -> bool:
        return self._execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None

    def _count(self, query: str) -> int:
        row = self._execute(f"SELECT count(*) FROM ({query}) AS counted").fetchone()
        return int(row[0]) if row else 0

    def _execute(self, statement: str, values: Sequence[object] | None = None) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(statement, values)


def _released(verdict: str, decision: str) -> str:
    """Condition: the decision releases the verdict, which was given before it. A row is named by its identity;
    otherwise, what a decision leaves out, it means all of.
    """
    names = ("source", "source_relation", "document", "document_key", "rule")
    same = " AND ".join(f"({decision}.{name} IS NULL OR {decision}.{name} = {verdict}.{name})" for name in names)
    row = f"({decision}.batch_id, {decision}.row_no) = ({verdict}.batch_id, {verdict}.row_no)"
    rule = f"({decision}.rule IS NULL OR {decision}.rule = {verdict}.rule)"
    return f"""{decision}.decision = 'release' AND {_SEQ.format(decision + ".")} > {_SEQ.format(verdict + ".")}
        AND CASE WHEN {decision}.batch_id IS NOT NULL THEN {row} AND {rule} ELSE {same} END"""


def _is_released(verdict: str) -> str:
    return f"EXISTS (SELECT 1 FROM decision AS d WHERE {_released(verdict, 'd')})"


def _active_row(verdict: str) -> str:
    """Condition: the verdict keeps its own row out."""
    lifted = " AND ".join(f"l.{name} = {verdict}.{name}" for name in ("batch_id", "row_no", "rule"))
    return f"""{verdict}.severity = 'error' AND {verdict}.landed_upto IS NULL AND NOT {_is_released(verdict)}
        AND NOT EXISTS (SELECT 1 FROM meta.lifted AS l
            WHERE l.lifted_batch_id = {verdict}.verdict_batch_id AND {lifted})"""


def _listed(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "NULL"
