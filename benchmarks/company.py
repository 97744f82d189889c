"""How long changes of the whole company take to be in the marts, and what a cycle's time goes into.

    make bench-company

Starts a platform of the living company whose history ends some months ago: it makes up for the days since at a steady
rate, so that orders, deliveries, invoices, vouchers, payments, pay, statements, tickets and documents of nine systems
arrive as they do in its life, only faster. Every row that the two databases committed meanwhile counts: its commit time
is the source's own, and it is visible when a reader first sees the version that has its batch. At the end the company
is held still, and its ledger and the published one are compared line by line.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import time
from dataclasses import dataclass

from backoffice.errors import BackofficeError
from company_watch import Arrival, Cycles, VersionWatch, arrivals, compare, cycles, held_still, told
from freshness_watch import Comparison
from own_platform import CompanyPlatform, OwnPlatform, running
from results import Result, percentiles, record, show

SECTION = "Company: changes of nine systems into all marts"
_CHANGES_A_DAY = 1_000
"""Fewer than a usual day of the company has."""
_VOLUME = 8
"""Times the usual volume, so that days are not so short that files come at a rate they never do."""
_STARTING_SECONDS = 400
"""What is made up for until the watch begins."""


@dataclass(frozen=True)
class Run:
    """Everything a run found out; times are Unix seconds."""

    began: float
    ended: float
    arrivals: list[Arrival]
    cycles: Cycles
    comparison: Comparison
    told: dict[str, int]

    @property
    def rate(self) -> float:
        """Rows a second the two databases committed."""
        return sum(found.rows for found in self.arrivals) / (self.ended - self.began)


def run(platform: OwnPlatform, seconds: float, warm: float, settle: float) -> Run:
    """Watch changes arrive.

    Args:
        platform: a running one, whose company makes up for missed days.
        seconds: how long.
        warm: seconds before the watch begins.
        settle: seconds the last changes may take.
    """
    settings = platform.settings
    with VersionWatch(settings) as watch:
        time.sleep(warm)
        began = time.time()
        time.sleep(seconds)
        ended = time.time()
        with held_still(settings):
            deadline = time.monotonic() + settle
            while not (comparison := compare(settings)).equal and time.monotonic() < deadline:
                time.sleep(1)
            said = told(settings)
            time.sleep(1)  # so that the version that was compared is seen
        platform.down()
        return Run(
            began, ended, arrivals(settings, watch.seen, began, ended), cycles(settings, began, ended), comparison, said
        )


def summary(found: Run, rate: float) -> list[Result]:
    """The figures to keep."""
    rows = [
        result
        for step, seconds in found.cycles.steps.items()
        for result in percentiles(f"company.step_{step}", seconds)
    ]
    return [
        *percentiles("company.commit_to_landed", _each_row(found.arrivals, landed=True)),
        *percentiles("company.commit_to_mart", _each_row(found.arrivals)),
        *percentiles("company.cycle", found.cycles.seconds),
        *rows,
        Result("company.rate", rate, "changes/s"),
        Result("company.rate_of_databases", round(found.rate, 1), "rows/s"),
        Result("company.rows", sum(arrival.rows for arrival in found.arrivals), "rows"),
        Result("company.rows_never_seen", sum(a.rows for a in found.arrivals if a.seen == math.inf), "rows", "= 0"),
        Result("company.cycles", len(found.cycles.seconds), "cycles"),
        Result("company.cycles_withheld", found.cycles.withheld, "cycles", "= 0"),
        Result("company.ledger_lines", found.comparison.source_rows, "rows"),
        Result("company.ledger_lines_missing_in_mart", found.comparison.missing, "rows", "= 0"),
        Result("company.ledger_lines_surplus_in_mart", found.comparison.surplus, "rows", "= 0"),
        Result("company.quarantined", found.told["quarantined"], "rows", "= 0"),
        Result("company.waiting", found.told["waiting"], "rows"),
        Result("company.invariants_broken", found.told["broken"], "invariants", "= 0"),
    ]


def _each_row(found: list[Arrival], *, landed: bool = False) -> list[float]:
    return [
        (arrival.landed if landed else arrival.seen) - arrival.committed
        for arrival in found
        for _ in range(arrival.rows)
    ]


def _notes(found: Run) -> list[str]:
    tables = sorted({arrival.table for arrival in found.arrivals})
    by_table = ", ".join(
        f"{table} {sum(arrival.rows for arrival in found.arrivals if arrival.table == table):,}" for table in tables
    )
    return [
        f"{found.ended - found.began:g} s; rows committed by table: {by_table}.",
        "The rate is that of all nine systems; files, pushed events and the REST API are not counted among the rows.",
        f"{found.told['landed']:,} rows had landed in the end; {found.told['invariants']} invariants were judged.",
        "Steps: seconds as the warehouse keeps them; build is models, tests and the audit. Collectors, the company, "
        "Airflow and both servers share the two cores with it.",
    ]


def main() -> None:
    """Run, keep and print the figures; exit code 1 when a line was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200, help="rows changed a second")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--warm", type=float, default=60, help="seconds before the watch begins")
    parser.add_argument("--settle", type=float, default=180, help="seconds the last changes may take")
    parser.add_argument("--print-only", action="store_true", help="Do not keep the figures.")
    arguments = parser.parse_args()
    made_up_for = arguments.rate * (arguments.seconds + arguments.warm + _STARTING_SECONDS)
    missed = math.ceil(made_up_for / _CHANGES_A_DAY / _VOLUME)
    company = functools.partial(
        CompanyPlatform,
        demo_volume=_VOLUME,
        demo_missed_days=missed,
        demo_changes_per_second=arguments.rate,
        marts_file_seconds=300,
    )
    try:
        with running(company) as platform:
            found = run(platform, arguments.seconds, arguments.warm, arguments.settle)
    except BackofficeError as error:
        sys.exit(str(error))
    results, notes = summary(found, arguments.rate), _notes(found)
    if not arguments.print_only:
        record(SECTION, results, notes)
    show(results, notes)
    if not found.comparison.equal:
        sys.exit("lines were lost, doubled or wrong")


if __name__ == "__main__":
    main()
