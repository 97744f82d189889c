"""The largest rate of changes that is in the marts within ten seconds.

    make bench-rate

Doubles the rate until the 95th percentile of commit to mart passes ten seconds, then halves the step twice. Each rate
runs for a minute on a platform of the small shop, after the one before has settled.
"""

from __future__ import annotations

import argparse
import sys

from backoffice.errors import BackofficeError
from backoffice.settings import Settings
from freshness import run
from own_platform import shop_platform
from results import Result, percentile, record

SECTION = "Rate: the most changes a second that are in the marts within ten seconds"
LIMIT_SECONDS = 10.0


def held(settings: Settings, rate: float, seconds: float) -> float | None:
    """The 95th percentile of commit to mart; None when the rate was not reached or the limit was passed.

    Raises:
        SystemExit: a row was lost or doubled.
    """
    found = run(settings, rate=rate, seconds=seconds, writers=8, settle=120)
    if found.lost or found.doubled or not found.comparison.equal:
        sys.exit(f"at {rate:g} rows/s rows were lost, doubled or wrong")
    late = percentile(found.to_mart(), 0.95)
    print(f"{rate:>8,.0f} rows/s wanted, {found.load.rate:>8,.0f} written: p95 {late:.1f} s", flush=True)
    return late if late <= LIMIT_SECONDS and found.load.rate >= 0.95 * rate else None


def search(settings: Settings, start: float, seconds: float) -> tuple[float, float]:
    """The largest rate held, and its 95th percentile."""
    best, late, rate = 0.0, 0.0, start
    while (now := held(settings, rate, seconds)) is not None:
        best, late, rate = rate, now, rate * 2
    step = (rate - best) / 2
    for _ in range(2):
        if (now := held(settings, best + step, seconds)) is not None:
            best, late = best + step, now
        step /= 2
    return best, late


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", type=float, default=400, help="rows changed a second to begin with")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    try:
        with shop_platform() as settings:
            best, late = search(settings, arguments.start, arguments.seconds)
    except BackofficeError as error:
        sys.exit(str(error))
    results = [
        Result("rate.held", best, "rows/s"),
        Result("rate.commit_to_mart.p95", round(late, 3), "s", "<= 10"),
    ]
    record(SECTION, results, [f"{arguments.seconds:g} s a rate, 8 connections, no row lost or doubled at any of them."])
    print(f"held: {best:,.0f} rows/s, p95 {late:.1f} s")


if __name__ == "__main__":
    main()
