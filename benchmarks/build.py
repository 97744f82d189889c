"""What building costs beside its SQL: everything built in full over ten million journal lines, and the same SQL bare.

    make bench-build

The same warehouse file, loaded and judged, twice: first built and tested as the platform does it, by dbt with all that
is around a model (contracts of columns, swaps, transactions, what the warehouse remembers); then DuckDB alone runs what
dbt compiled, with the temporary views it reads: each model as one ``CREATE ... AS``, each test as one query, in the
same order, memory and threads.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from backoffice.contracts import load_contracts
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.settings import Settings
from backoffice.warehouse import build as building
from backoffice.warehouse import dbt
from backoffice.warehouse.connection import open_warehouse
from books import CONTRACTS, LINES_A_VOUCHER, books
from lab import CHECKOUT, Lab, lab
from results import Result, record, show

SECTION = "Build: everything in full, beside its SQL alone"
SOURCE = "books"
CACHE = CHECKOUT / "var" / "bench"


@dataclass(frozen=True)
class Ran:
    """A seed, model or test in dbt's words, and the temporary views that its SQL reads."""

    node: Any
    views: list[str]


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn")
    arguments = parser.parse_args()
    with lab(source()) as bench:
        loaded = prepare(bench, arguments.lines)
        built, bare = [], []
        for _ in range(arguments.runs):
            seconds, ran = build(bench.settings, loaded)
            built.append(seconds)
            check(bench.settings.warehouse_path, arguments.lines)
            bare.append(run_bare(bench.settings, loaded, ran))
            check(bench.settings.warehouse_path, arguments.lines)
            print(f"built {built[-1]:.1f} s, bare {bare[-1]:.1f} s", flush=True)
    keep(arguments.lines, built, bare, ran)


def source() -> dict[str, Any]:
    """A source that has the ledger's tables as the contracts have them."""
    tables = [table for table in load_contracts(CHECKOUT / "contracts") if table.contract in CONTRACTS]
    return {
        "apiVersion": "backoffice/v1",
        "source": SOURCE,
        "source_relation": SOURCE,
        "description": "Books of two firms.",
        "connection": {"kind": "postgres", "url_env": "BENCH_SOURCE_URL"},
        "defaults": {"timezone": "UTC"},
        "reads": {
            table.name: {
                "table": f"public.{table.name}",
                "columns": {column.name: column.physical_type for column in table.columns},
                "primary_key": [column.name for column in table.primary_key],
            }
            for table in tables
        },
        "tables": {
            table.key: {"from": f"{table.name} t", "columns": {c.name: f"t.{c.name}" for c in table.columns}}
            for table in tables
        },
    }


def prepare(bench: Lab, lines: int) -> Path:
    """The warehouse with the books loaded and judged, kept beside the one that is built."""
    settings = bench.settings
    books(LocalBatchStore(settings.landing_dir), SOURCE, load_contracts(settings.contracts_dir), lines, CACHE)
    cycle.warm(settings)
    for step in (cycle.load, cycle.validate):
        started = time.monotonic()
        print(f"{step.__name__}: {step(settings, 'bench')} in {time.monotonic() - started:.1f} s", flush=True)
    kept = bench.folder / "loaded.duckdb"
    shutil.copyfile(settings.warehouse_path, kept)
    return kept


def build(settings: Settings, loaded: Path) -> tuple[float, list[Ran]]:
    """Seconds of the platform's build, and what it ran.

    Raises:
        SystemExit: a model or a test failed.
    """
    shutil.copyfile(loaded, settings.warehouse_path)
    with open_warehouse(settings) as connection:
        planned = building.plan(connection)
    views: dict[str, list[str]] = defaultdict(list)

    def listen(event: Any) -> None:
        if event.info.name == "SQLQuery" and "create or replace temp " in event.data.sql:
            views[event.data.node_info.node_name].append(event.data.sql)

    started = time.monotonic()
    results = dbt.run_dbt(settings, ["build", *planned.arguments()], planned.variables, listen)
    seconds = time.monotonic() - started
    results = [result for result in results if str(result.node.resource_type) != "exposure"]
    if failed := [result.node.name for result in results if str(result.status) not in ("success", "pass")]:
        sys.exit(f"{len(failed)} models or tests did not pass: {', '.join(failed[:5])}")
    return seconds, [Ran(result.node, views[result.node.name]) for result in results]


def run_bare(settings: Settings, loaded: Path, ran: list[Ran]) -> float:
    """Seconds of the same SQL in DuckDB alone."""
    shutil.copyfile(loaded, settings.warehouse_path)
    started = time.monotonic()
    with open_warehouse(settings) as connection:
        for schema in sorted({of.node.schema for of in ran}):
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        for of in ran:
            for statement in statements(settings, of):
                run(connection, statement)
    return time.monotonic() - started


def statements(settings: Settings, ran: Ran) -> list[str]:
    """What DuckDB is told for a seed, a model or a test."""
    node, kind = ran.node, str(ran.node.resource_type)
    if kind == "seed":
        return [f"CREATE TABLE {node.relation_name} AS FROM read_csv('{settings.dbt_dir / node.original_file_path}')"]
    if kind == "test":
        return [f"SELECT count(*) FROM ({node.compiled_code}) AS broken"]
    what = "VIEW" if node.config.materialized == "view" else "TABLE"
    return [*ran.views, f"CREATE {what} {node.relation_name} AS {node.compiled_code}"]


def run(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Run a statement to its end.

    Raises:
        SystemExit: DuckDB refuses it.
    """
    try:
        connection.execute(statement).fetchall()
    except duckdb.Error as error:
        sys.exit(f"{error}\n{statement[:2000]}")


def check(path: Path, lines: int) -> None:
    """Every line is in the ledger, and both sides are equal.

    Raises:
        SystemExit: they are not.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        query = "SELECT count(*), count(DISTINCT journal_id), sum(amount_base) FROM marts.fct_gl_entries"
        row = connection.execute(query).fetchone()
    if row is None or row[:2] != (lines, lines // LINES_A_VOUCHER) or row[2] != 0:
        sys.exit(f"the ledger holds {row}, not {lines:,} lines that balance")


def keep(lines: int, built: list[float], bare: list[float], ran: list[Ran]) -> None:
    """Keep and print the figures."""
    ratios = sorted(one / other for one, other in zip(built, bare, strict=True))
    middle = len(ratios) // 2
    found = [
        Result("build.full", round(sorted(built)[middle], 1), "s"),
        Result("build.bare", round(sorted(bare)[middle], 1), "s"),
        Result("build.ratio", round(ratios[middle], 2), "times", "<= 1.5"),
    ]
    kinds = [str(of.node.resource_type) for of in ran]
    notes = [
        f"{lines:,} journal lines of two firms over two years; {kinds.count('model')} models and {kinds.count('test')} "
        f"tests; medians of {len(built)} runs of each in turn, on copies of one loaded and judged warehouse.",
        "Bare: what dbt compiled, one statement a model or test, in one DuckDB connection with the warehouse's memory "
        "and threads; both are closed by the checkpoint of the file.",
    ]
    record(SECTION, found, notes)
    show(found, notes)


if __name__ == "__main__":
    main()
