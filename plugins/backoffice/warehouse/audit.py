"""Audit: contract tests on what was written, and the books: every landed row is accepted, quarantined or waiting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.errors import AuditError


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an audit. ``blocking`` checks withhold publication when they fail."""

    name: str
    passed: bool
    failures: int
    detail: str = ""
    blocking: bool = True


def test_checks(connection: duckdb.DuckDBPyConnection, tests: dict[str, Any]) -> list[Check]:
    """The results of dbt's tests; one that failed shows rows that break it. A test that did not run has not passed."""
    return [_from_test(connection, result) for result in tests.values()]


def check_books(connection: duckdb.DuckDBPyConnection, generation: int) -> list[Check]:
    """Rows of each batch of this generation: what its manifest counts is what raw holds, once each."""
    tables = connection.execute(
        "SELECT DISTINCT source, table_name FROM meta.batch_table WHERE generation = ? ORDER BY ALL", [generation]
    ).fetchall()
    return [_book(connection, generation, source, table) for source, table in tables]


def record(connection: duckdb.DuckDBPyConnection, generation: int, checks: list[Check]) -> None:
    """Write the results and stamp the generation.

    Raises:
        AuditError: a blocking check failed; names the first and says how to see the rows.
    """
    now = datetime.now(UTC)
    for check in checks:
        connection.execute(
            "INSERT INTO meta.audit_result VALUES (?, ?, ?, ?, ?, ?)",
            [generation, check.name, check.passed, check.failures, check.detail, now],
        )
    broken = [check for check in checks if check.blocking and not check.passed]
    connection.execute(
        "UPDATE meta.generation SET audited_at = ?, audit_passed = ? WHERE generation = ?",
        [now, not broken, generation],
    )
    if broken:
        first = broken[0]
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise AuditError(
            f"{first.name}: {first.failures} rows break it{more}; {first.detail}".rstrip("; "),
            where=f"generation {generation}",
            rule="nobody reads what was not audited",
            next_step="readers keep the version before; correct the rows at the source or the model, "
            "and the next cycle publishes",
        )


def _from_test(connection: duckdb.DuckDBPyConnection, result: Any) -> Check:
    status = str(result.status)
    detail = "" if status == "pass" else str(result.message or status)
    if status == "fail":
        rows = breaking_rows(connection, result.node.compiled_code, limit=3)
        detail = f"{detail}: {'; '.join(rows)}"
    failures = int(result.failures or 0)
    return Check(
        name=result.node.name,
        passed=status in ("pass", "warn"),
        failures=failures,
        detail=detail,
        blocking=status != "warn",
    )


def breaking_rows(connection: duckdb.DuckDBPyConnection, query: str, *, limit: int) -> list[str]:
    """Rows of a test's query as JSON."""
    found = connection.execute(f"SELECT cast(to_json(b) AS VARCHAR) FROM ({query}) AS b LIMIT {limit}").fetchall()
    return [str(text) for (text,) in found]


def _book(connection: duckdb.DuckDBPyConnection, generation: int, source: str, table: str) -> Check:
    """Landed by the manifests against raw rows, each identity once; and those that are neither out nor waiting against
    what the books call accepted.
    """
    row = connection.execute(
        f"""WITH held AS (
            SELECT _batch_id AS batch_id, _row_no AS row_no FROM raw.{source}__{table}
            WHERE _generation = $g AND NOT _derived
        ), free AS (
            SELECT * FROM held ANTI JOIN meta.quarantined USING (batch_id, row_no)
            ANTI JOIN meta.waiting USING (batch_id, row_no)
        )
        SELECT sum(landed_rows), (SELECT count(*) FROM held), (SELECT count(*) FROM (SELECT DISTINCT * FROM held)),
            sum(accepted_rows), (SELECT count(*) FROM free)
        FROM meta.books WHERE generation = $g AND source = $s AND table_name = $t""",
        {"g": generation, "s": source, "t": table},
    ).fetchone()
    landed, held, distinct, accepted, free = (int(value or 0) for value in row or (0, 0, 0, 0, 0))
    passed = landed == held == distinct and accepted == free
    detail = f"manifests count {landed} rows, raw holds {held} of which {distinct} distinct, {free} free"
    detail = "" if passed else f"{detail}; the books say {accepted} were accepted"
    failures = abs(landed - held) + held - distinct + abs(accepted - free)
    return Check(f"books.{source}.{table}", passed, failures, detail)
