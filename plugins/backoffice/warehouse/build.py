"""Build: dbt transforms what this generation's batches touched, everything when the project changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.errors import WarehouseError
from backoffice.settings import Settings
from backoffice.warehouse import dbt, meta

BEGINNING = "1900-01-01 00:00:00+00"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What a generation's build runs: dbt selection and variables."""

    generation: int
    is_full: bool
    select: tuple[str, ...]
    variables: dict[str, Any]

    def arguments(self) -> list[str]:
        """Selection arguments for dbt; views change with the project only."""
        if self.is_full:
            return []
        return ["--select", *self.select, "--exclude", "config.materialized:view"]


def plan(connection: duckdb.DuckDBPyConnection) -> BuildPlan:
    """The plan of the current generation: sources with rows not yet published, and what hangs on the day."""
    generation, published = meta.current_generation(connection), meta.published_generation(connection)
    as_of, before = meta.as_of(connection, generation), meta.as_of(connection, published)
    is_full = meta.full_build_pending(connection)
    touched = connection.execute(
        "SELECT DISTINCT source, table_name FROM meta.batch_table WHERE generation > ? ORDER BY ALL", [published]
    ).fetchall()
    select = [f"source:raw_{source}.{table}+" for source, table in touched] + ["tag:always+"]
    if before is None or as_of is None or before.date() < as_of.date():
        select.append("tag:daily+")
    return BuildPlan(
        generation,
        is_full,
        tuple(select),
        {
            "generation": generation,
            "published_generation": 0 if is_full else published,
            "as_of": _text(as_of),
            "published_as_of": BEGINNING if is_full or before is None else _text(before),
        },
    )


def build(settings: Settings, planned: BuildPlan) -> dict[str, float]:
    """Run the models; returns seconds by model.

    Raises:
        WarehouseError: a model failed; names it with DuckDB's message.
    """
    flags = ["--full-refresh"] if planned.is_full else []
    results = dbt.run_dbt(settings, ["run", *flags, *planned.arguments()], planned.variables)
    failed = [result for result in results if str(result.status) == "error"]
    if failed:
        first = failed[0]
        raise WarehouseError(
            f"model {first.node.name} failed: {first.message}" + (f" (and {len(failed) - 1} more)" * (len(failed) > 1)),
            where=first.node.original_file_path,
            next_step="the version before stays published; mend the model and the next cycle builds it",
        )
    return {result.node.name: result.execution_time for result in results}


def record_built(connection: duckdb.DuckDBPyConnection, planned: BuildPlan, fingerprint: str) -> None:
    """Remember that the generation was built, and with which project."""
    now = datetime.now(UTC)
    connection.execute("UPDATE meta.generation SET built_at = ? WHERE generation = ?", [now, planned.generation])
    if planned.is_full:
        connection.execute("INSERT INTO meta.project VALUES (?, ?)", [fingerprint, planned.generation])


def _text(moment: datetime | None) -> str:
    return BEGINNING if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S.%f+00")
