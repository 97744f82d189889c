"""Build: one dbt run transforms and tests what this generation touched, everything when the project changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.errors import WarehouseError
from backoffice.settings import Settings
from backoffice.warehouse import dbt, meta

BEGINNING = "1900-01-01 00:00:00+00"
ALWAYS = "tag:always+"
_BROKEN_CONTRACT = "enforced contract that failed"
_CONTRACT_RULE = "a model gives the columns its .yml declares, with their types, and no others"
_MACROS = ("> in macro ", "> called by ")
_NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What a generation's build runs: dbt selection (empty: everything) and variables."""

    generation: int
    is_full: bool
    select: tuple[str, ...]
    variables: dict[str, Any]

    def arguments(self) -> list[str]:
        """Arguments for ``dbt build``; views change with the project only, and unit tests judge the code, not data.

        Tests are chosen as what follows a model. Without ``empty``, leaving views out would leave every test out that
        looks at one.
        """
        full = ["--full-refresh"] if self.is_full else []
        if not self.select:
            return [*_NO_UNIT_TESTS, *full]
        chosen = ["--select", *self.select, "--exclude", "config.materialized:view", "--indirect-selection", "empty"]
        return [*_NO_UNIT_TESTS, *full, *chosen]

    def again(self, entities: Iterable[str], nodes: Iterable[str]) -> BuildPlan:
        """The plan that builds what hangs on these canonical tables, and these nodes."""
        return replace(
            self, select=(*(f"{name}+" for name in sorted({*(f"base_{name}" for name in entities), *nodes})), ALWAYS)
        )


@dataclass(frozen=True, slots=True)
class Built:
    """Node results of dbt, by node name: the newest of each when dbt ran more than once."""

    models: dict[str, Any]
    tests: dict[str, Any]

    @property
    def skipped(self) -> set[str]:
        """Models and tests that were not run, because a test of what they are built from failed."""
        return {name for name, result in {**self.models, **self.tests}.items() if str(result.status) == "skipped"}

    def seconds(self, kind: str) -> float:
        """Time spent in ``models`` or ``tests``."""
        return sum(float(result.execution_time) for result in getattr(self, kind).values())

    def then(self, other: Built) -> Built:
        """Both runs, the other one later."""
        return Built({**self.models, **other.models}, {**self.tests, **other.tests})


def plan(connection: duckdb.DuckDBPyConnection) -> BuildPlan:
    """The plan of the current generation: sources with rows not yet published, tables whose rows came to be in or out,
    and what hangs on the day.
    """
    generation, published = meta.current_generation(connection), meta.published_generation(connection)
    as_of, before = meta.as_of(connection, generation), meta.as_of(connection, published)
    is_full = meta.full_build_pending(connection)
    touched = connection.execute(
        "SELECT DISTINCT source, table_name FROM meta.batch_table WHERE generation > ? ORDER BY ALL", [published]
    ).fetchall()
    select = [f"source:raw_{source}.{table}+" for source, table in touched]
    select += [f"base_{entity}+" for entity in requalified(connection)] + [ALWAYS]
    if before is None or as_of is None or before.date() < as_of.date():
        select.append("tag:daily+")
    return BuildPlan(
        generation,
        is_full,
        () if is_full else tuple(select),
        {
            "generation": generation,
            "published_generation": 0 if is_full else published,
            "as_of": _text(as_of),
            "published_as_of": BEGINNING if is_full or before is None else _text(before),
        },
    )


def requalified(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Canonical tables with keys that must be built from all their versions again."""
    found = connection.execute(
        "SELECT DISTINCT entity FROM meta.requalified WHERE generation > ? ORDER BY 1",
        [meta.published_generation(connection)],
    ).fetchall()
    return [str(entity) for (entity,) in found]


def build(settings: Settings, planned: BuildPlan) -> Built:
    """Run models and tests, each test right after what it judges; a failing test keeps what follows from being built.

    Raises:
        WarehouseError: a model failed, or a test could not be run; names it with DuckDB's message.
    """
    results = dbt.run_dbt(settings, ["build", *planned.arguments()], planned.variables)
    _raise_errors([result for result in results if str(result.status) == "error"])
    tests = {result.node.name: result for result in results if str(result.node.resource_type) == "test"}
    models = {result.node.name: result for result in results if result.node.name not in tests}
    return Built(models, tests)


def record_built(connection: duckdb.DuckDBPyConnection, planned: BuildPlan, fingerprint: str) -> None:
    """Remember that the generation was built, and with which project."""
    now = datetime.now(UTC)
    connection.execute("UPDATE meta.generation SET built_at = ? WHERE generation = ?", [now, planned.generation])
    if planned.is_full:
        connection.execute("INSERT INTO meta.project VALUES (?, ?)", [fingerprint, planned.generation])


def record_models(connection: duckdb.DuckDBPyConnection, generation: int, models: dict[str, Any]) -> None:
    """Remember which models this generation wrote; what a kill interrupted is written again, and remembered then."""
    written = [name for name, result in models.items() if str(result.status) == "success"]
    connection.execute("DELETE FROM meta.model_built WHERE list_contains(?, model)", [written])
    connection.execute("INSERT INTO meta.model_built SELECT unnest(?), ?", [written, generation])


def _raise_errors(failed: Sequence[Any]) -> None:
    if failed:
        first = failed[0]
        raise WarehouseError(
            f"{first.node.resource_type} {first.node.name} failed: {_said(first)}"
            + (f" (and {len(failed) - 1} more)" * (len(failed) > 1)),
            where=first.node.original_file_path,
            rule=_CONTRACT_RULE if _BROKEN_CONTRACT in str(first.message) else "",
            next_step="the version before stays published; mend the model and the next cycle builds it",
        )


def _said(result: Any) -> str:
    """What dbt says without the macros it went through."""
    lines = str(result.message).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(_MACROS) and line.strip())


def _text(moment: datetime | None) -> str:
    return BEGINNING if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S.%f+00")
