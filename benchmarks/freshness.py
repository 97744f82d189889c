"""How long a committed change takes to be landed, and to be visible in the marts.

    .venv/bin/python benchmarks/freshness.py --rate 200 --seconds 300

Starts a platform of the small shop, whose own changes pause meanwhile. Every new order is a probe; its commit time is
the source's own (from its log), so that waiting for the database is not counted as freshness, but each change has its
due time and what is late is shown. At the end the shop and the published fact are compared line by line.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from dataclasses import dataclass

from backoffice.errors import BackofficeError, ServerError
from backoffice.settings import Settings
from backoffice.simulate import connect, paused
from freshness_load import Load, LoadResult, plan
from freshness_watch import Comparison, Landed, MartWatch, airflow_steps, compare, landed_orders, last_batch
from own_platform import shop_platform
from results import Result, percentiles, record, show

SECTION = "Freshness: commit to landing, commit to mart"
_LATE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """Everything a run found out."""

    load: LoadResult
    landed: dict[int, Landed]
    seen: dict[int, float]
    versions: list[float]
    steps: dict[str, list[float]]
    steps_from: str
    comparison: Comparison

    @property
    def lost(self) -> int:
        """Orders that were committed and never landed, or never seen in the marts."""
        return sum(number not in self.landed or number not in self.seen for number in self.load.probes)

    @property
    def doubled(self) -> int:
        """Orders that landed more than once."""
        return sum(found.copies > 1 for found in self.landed.values())

    def to_landed(self) -> list[float]:
        """Seconds from commit to landing; infinite for what never landed."""
        return [
            self.landed[number].landed - self.landed[number].committed if number in self.landed else math.inf
            for number in self.load.probes
        ]

    def to_mart(self) -> list[float]:
        """Seconds from commit until visible; infinite for what never was."""
        return [
            self.seen[number] - self.landed[number].committed
            if number in self.seen and number in self.landed
            else math.inf
            for number in self.load.probes
        ]

    def due_to_mart(self) -> list[float]:
        """Seconds from when an order was due until visible: a writer that waited is part of it."""
        return [self.seen.get(number, math.inf) - due for number, due in self.load.probes.items()]


def run(settings: Settings, *, rate: float, seconds: float, writers: int, settle: float) -> Run:
    """Write at a rate for a while and watch it arrive.

    Args:
        settings: of the running system.
        rate: rows changed a second.
        seconds: how long.
        writers: connections that write.
        settle: seconds the last changes may take.
    """
    changes = plan(random.Random(1), rate, seconds)
    with connect(settings) as holder, paused(holder), MartWatch(settings) as watch:
        after, started = last_batch(settings), time.time()
        load = Load(settings, changes, watch.expect).run(writers)
        comparison = _settled(settings, watch, time.monotonic() + settle)
    steps, steps_from = _steps(settings, watch, started)
    return Run(
        load=load,
        landed={number: found for number, found in landed_orders(settings, after).items() if number in load.probes},
        seen=watch.seen,
        versions=[at for at, _ in watch.versions if at >= started],
        steps=steps,
        steps_from=steps_from,
        comparison=comparison,
    )


def _settled(settings: Settings, watch: MartWatch, deadline: float) -> Comparison:
    """The comparison once everything has arrived, or when time is up."""
    while watch.missing() and time.monotonic() < deadline:
        time.sleep(0.2)
    while not (found := compare(settings)).equal and time.monotonic() < deadline:
        time.sleep(1)
    return found


def _steps(settings: Settings, watch: MartWatch, started: float) -> tuple[dict[str, list[float]], str]:
    """Seconds each step took, and where that is from."""
    if watch.steps:
        return watch.steps, "Steps: seconds as the status tells them."
    try:
        return airflow_steps(settings, started), "Steps: seconds of Airflow's tasks, their start included."
    except ServerError as error:  # it explains the figures and is not one of them: the run still counts
        return {}, f"Steps are not known: {error.what}"


def summary(found: Run, rate: float) -> list[Result]:
    """The figures to keep."""
    between = [later - earlier for earlier, later in zip(found.versions, found.versions[1:], strict=False)]
    results = [
        *percentiles("freshness.commit_to_landed", found.to_landed(), {0.95: "<= 1"}),
        *percentiles("freshness.commit_to_mart", found.to_mart(), {0.5: "<= 3", 0.95: "<= 5"}),
        *percentiles("freshness.due_to_mart", found.due_to_mart()),
        *percentiles("freshness.due_to_commit", found.load.lateness),
        *percentiles("freshness.between_versions", between),
    ]
    for step, seconds in found.steps.items():
        results += percentiles(f"freshness.step_{step}", seconds)
    return [
        *results,
        Result("freshness.rate", round(found.load.rate, 1), "rows/s", baseline=rate),
        Result("freshness.probes", len(found.load.probes), "orders"),
        Result("freshness.probes_lost", found.lost, "orders", "= 0"),
        Result("freshness.probes_doubled", found.doubled, "orders", "= 0"),
        Result("freshness.lines_missing_in_mart", found.comparison.missing, "rows", "= 0"),
        Result("freshness.lines_surplus_in_mart", found.comparison.surplus, "rows", "= 0"),
    ]


def _notes(found: Run, arguments: argparse.Namespace) -> list[str]:
    lines = found.comparison
    late = sum(seconds > _LATE_SECONDS for seconds in found.load.lateness)
    return [
        f"{arguments.rate:g} row changes/s for {arguments.seconds:g} s by {arguments.writers} connections: orders with "
        f"lines, corrected lines, changes of state; {found.load.rows:,} rows in {len(found.load.done):,} transactions.",
        f"{late:,} transactions were committed more than {_LATE_SECONDS:g} s after they were due; "
        f"{found.load.skipped:,} found nothing to change.",
        f"{len(found.versions):,} versions were published meanwhile.",
        f"At the end: {lines.source_rows:,} order lines in the shop, {lines.mart_rows:,} in the mart.",
        "Commit times are the source's own; a version is seen at most one poll (50 ms) and one query after its commit.",
        found.steps_from,
    ]


def main() -> None:
    """Run, keep and print the figures; exit code 1 when a row was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200, help="rows changed a second")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--writers", type=int, default=4, help="connections that write")
    parser.add_argument("--settle", type=float, default=60, help="seconds the last changes may take")
    arguments = parser.parse_args()
    try:
        with shop_platform() as settings:
            found = run(
                settings,
                rate=arguments.rate,
                seconds=arguments.seconds,
                writers=arguments.writers,
                settle=arguments.settle,
            )
    except BackofficeError as error:
        sys.exit(str(error))
    results, notes = summary(found, arguments.rate), _notes(found, arguments)
    record(SECTION, results, notes)
    show(results, notes)
    if found.lost or found.doubled or not found.comparison.equal:
        sys.exit("rows were lost, doubled or wrong")


if __name__ == "__main__":
    main()
