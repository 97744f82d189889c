"""What a refresh costs when the history grows: a thousand changed rows on a million and on ten million order lines.

    make bench-refresh

One run, one after the other: the same thousand corrected rows, spread over the whole history, brought from landing to
the published marts. A refresh that costs what changed takes as long on both.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from collections import defaultdict
from typing import Any

import psycopg
from psycopg import sql

from backoffice.addresses import READER
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.secrets import load_secrets
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse
from history import change, history
from lab import CHECKOUT, Lab, lab, shop_source
from results import Result, record, show

SECTION = "Refresh: a thousand changed rows on a growing history"
SOURCE = "history"
READS = {name: f"public.{name}" for name in ("client", "item", "sales_order", "sales_order_line")}
TABLES = [
    "inventory.product/product",
    "crm.customer/customer",
    "sales.order/sales_order",
    "sales.order/sales_order_line",
]
CACHE = CHECKOUT / "var" / "bench"


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--changed", type=int, default=1000)
    parser.add_argument("--refreshes", type=int, default=7)
    arguments = parser.parse_args()
    found = {}
    for lines in arguments.lines:
        with lab(shop_source(SOURCE, READS, TABLES)) as bench:
            found[lines] = measure(bench, lines, arguments.changed, arguments.refreshes)
    keep(found, arguments.changed)


def measure(bench: Lab, lines: int, changed: int, refreshes: int) -> dict[str, list[float]]:
    """Seconds of the full build and of each refresh after it, and of the steps of those."""
    settings = _with_marts(bench)
    store = LocalBatchStore(settings.landing_dir)
    history(store, SOURCE, lines, CACHE)
    cycle.warm(settings)
    seconds: dict[str, list[float]] = defaultdict(list)
    with contextlib.ExitStack() as keep:  # the warehouse stays open between refreshes, as while a task follows
        seconds["full"].append(_timed(settings, keep))
        print(f"{lines:,} lines: built in full in {seconds['full'][0]:.1f} s", flush=True)
        for revision in range(1, refreshes + 1):
            manifest = change(store, SOURCE, lines, changed, revision)
            if manifest.rows != changed:
                sys.exit(f"{manifest.rows} rows were changed, not {changed}")
            seconds["refresh"].append(_timed(settings, keep))
            for step, took in _steps(settings).items():
                seconds[step].append(took)
            _check(bench, lines)
    return seconds


def _with_marts(bench: Lab) -> Settings:
    """The lab's server holds the marts too, with the login readers have."""
    with bench.connect() as connection:
        connection.execute("CREATE DATABASE marts")
    url = bench.url.rsplit("/", 1)[0] + "/marts"
    settings = bench.settings.model_copy(update={"marts_url": url})
    password = load_secrets(settings).marts_reader_password
    with psycopg.connect(url, autocommit=True) as connection:
        login = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(READER), sql.Literal(password))
        connection.execute(login)
    return settings


def _timed(settings: Settings, keep: contextlib.ExitStack) -> float:
    started = time.monotonic()
    result = cycle.refresh(settings, "bench", keep=keep)
    if result["load"]["idle"]:
        sys.exit("nothing was loaded")
    return time.monotonic() - started


def _steps(settings: Settings) -> dict[str, float]:
    with open_warehouse(settings) as connection:
        rows: list[tuple[str, float]] = connection.execute(
            "SELECT step, seconds FROM meta.step_time WHERE generation = (SELECT max(generation) FROM meta.step_time)"
        ).fetchall()
    return dict(rows)


def _check(bench: Lab, lines: int) -> None:
    """Readers see every line of the history once."""
    with psycopg.connect(bench.url.rsplit("/", 1)[0] + "/marts") as connection:
        query = "SELECT count(*), count(DISTINCT order_line_key) FROM marts.fct_sales_order_lines"
        row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    if row != (lines, lines):
        sys.exit(f"the mart holds {row}, the history {lines:,} lines")


def keep(found: dict[int, dict[str, list[float]]], changed: int) -> None:
    """Keep and print the figures."""
    results = []
    for lines, seconds in found.items():
        name = f"{lines // 1_000_000}m" if lines >= 1_000_000 else str(lines)
        results += [
            Result(f"refresh.{step}.{name}", round(statistics.median(values), 3), "s")
            for step, values in sorted(seconds.items())
        ]
    if len(found) > 1:
        small, *_, large = (statistics.median(found[lines]["refresh"]) for lines in sorted(found))
        results.append(Result("refresh.ratio", round(large / small, 2), "times", "<= 1.5"))
    runs = min(len(seconds["refresh"]) for seconds in found.values())
    notes = [
        f"{changed:,} rows of whole orders, corrected over the whole history; medians of {runs} refreshes after the "
        "full build, in one process, landing to publication in PostgreSQL; the mart's lines counted after each.",
        "Sales contracts only, generated straight into landing; the DuckDB file keeps its own cadence.",
    ]
    record(SECTION, results, notes)
    show(results, notes)


if __name__ == "__main__":
    main()
