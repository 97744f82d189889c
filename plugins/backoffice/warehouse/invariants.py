"""The invariants: tests of the dbt project that say which contracts they compare, and how they came out.

A test declares itself in ``config.meta.invariant``: ``{id: I07, contracts: [finance.invoice, finance.journal]}``. It
says what holds in the comment its SQL begins with. An invariant is applicable in the source instances that map
something of every contract it compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.contracts import Contracts
from backoffice.errors import WarehouseError

_STATE = """
WITH applicable AS (
    SELECT test, string_agg(source_relation, ', ' ORDER BY source_relation) AS relations FROM (
        SELECT c.test, m.source_relation
        FROM meta.invariant_contract AS c JOIN meta.mapping AS m USING (entity)
        GROUP BY c.test, m.source_relation
        HAVING count(DISTINCT c.contract) = (SELECT len(i.contracts) FROM meta.invariant AS i WHERE i.test = c.test)
    ) GROUP BY test
), mapped AS (
    SELECT DISTINCT c.test, m.source_relation, c.contract
    FROM meta.invariant_contract AS c JOIN meta.mapping AS m USING (entity)
), lacking AS (
    SELECT test, string_agg(source_relation || ' has no ' || contracts, '; ' ORDER BY source_relation) AS sources
    FROM (
        SELECT i.test, r.source_relation, string_agg(i.contract, ', ' ORDER BY i.contract) AS contracts
        FROM (SELECT DISTINCT test, contract FROM meta.invariant_contract) AS i
        JOIN (SELECT DISTINCT test, source_relation FROM mapped) AS r USING (test)
        ANTI JOIN mapped USING (test, source_relation, contract)
        GROUP BY i.test, r.source_relation
    ) GROUP BY test
)

SELECT i.test, i.id AS invariant, i.says, array_to_string(i.contracts, ', ') AS contracts,
    coalesce(a.relations, '') AS source_relations,
    CASE WHEN a.relations IS NULL THEN 'not applicable' WHEN r.test IS NULL THEN 'not judged'
        WHEN r.broken_rows = 0 THEN 'holds' ELSE 'broken' END AS state,
    CASE WHEN a.relations IS NULL THEN coalesce(l.sources, 'no source has any of them') ELSE '' END AS reason,
    coalesce(r.broken_rows, 0) AS broken_rows, r.generation, r.judged_at
FROM meta.invariant AS i LEFT JOIN applicable AS a USING (test) LEFT JOIN lacking AS l USING (test)
LEFT JOIN meta.invariant_result AS r USING (test)
ORDER BY i.id, i.test
"""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A declared invariant; ``says`` is what holds, in a sentence."""

    test: str
    id: str
    says: str
    contracts: tuple[str, ...]


def declared(nodes: Iterable[Any], contracts: Contracts) -> Iterator[Invariant]:
    """The invariants among dbt's nodes.

    Raises:
        WarehouseError: one compares a contract that does not exist, or says nothing.
    """
    known = {table.contract for table in contracts}
    for node in nodes:
        told = node.config.meta.get("invariant") if str(node.resource_type) == "test" else None
        if told is None:
            continue
        found = Invariant(node.name, told["id"], _leading_comment(node.raw_code), tuple(told["contracts"]))
        unknown = sorted(set(found.contracts) - known)
        if unknown or not found.says:
            raise WarehouseError(
                f"invariant {found.id} "
                + (f"compares {unknown[0]}, which is no contract" if unknown else "says nothing"),
                where=node.original_file_path,
                rule="an invariant names the contracts it compares and begins with a comment that says what holds",
                next_step="correct config.meta.invariant, or write the comment",
            )
        yield found


def record_declared(
    connection: duckdb.DuckDBPyConnection, invariants: Iterable[Invariant], contracts: Contracts
) -> None:
    """Keep what is declared in the place of what was."""
    entities: dict[str, list[str]] = {}
    for table in contracts:
        entities.setdefault(table.contract, []).append(table.name)
    connection.execute("DELETE FROM meta.invariant; DELETE FROM meta.invariant_contract")
    for invariant in invariants:
        connection.execute(
            "INSERT INTO meta.invariant VALUES (?, ?, ?, ?)",
            [invariant.test, invariant.id, invariant.says, list(invariant.contracts)],
        )
        for contract in invariant.contracts:
            for entity in entities[contract]:
                connection.execute(
                    "INSERT INTO meta.invariant_contract VALUES (?, ?, ?)", [invariant.test, contract, entity]
                )


def record_results(connection: duckdb.DuckDBPyConnection, generation: int, tests: dict[str, Any]) -> None:
    """Keep how the invariants among a build's tests came out; those that did not run stay as they were."""
    rows = [
        [name, generation, int(result.failures or 0), datetime.now(UTC)]
        for name, result in tests.items()
        if "invariant" in result.node.config.meta and str(result.status) in ("pass", "fail", "warn")
    ]
    if not rows:
        return
    places = ", ".join("(?, ?, ?, ?)" for _ in rows)
    connection.execute(
        f"DELETE FROM meta.invariant_result WHERE test IN ({', '.join('?' * len(rows))})", [row[0] for row in rows]
    )
    connection.execute(f"INSERT INTO meta.invariant_result VALUES {places}", [value for row in rows for value in row])


def results(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every declared invariant as it came out last, by its number, with the columns of ``ops.invariant_status``."""
    cursor = connection.execute(_STATE)
    names = [name for name, *_ in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _leading_comment(code: str) -> str:
    """The lines of comment that stand first, without the config before them, as one text."""
    lines: list[str] = []
    for line in (line.strip() for line in code.splitlines()):
        if line.startswith("--") and not line.startswith("-- depends_on"):
            lines.append(line.removeprefix("--").strip())
        elif lines:
            break
    return " ".join(lines)
