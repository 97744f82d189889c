"""Kill processes of a whole platform at random while 200 rows a second change and readers watch; then compare all.

    .venv/bin/python benchmarks/soak.py --seconds 1200 --rate 200

Starts a platform of its own (home, ports, Airflow and servers as `backoffice up` does), kills one process every 5 to 20
seconds with SIGKILL, then stops the load and waits until everything has arrived. The exit code is not 0 when a row was
lost, doubled or wrong, when a reader saw half a version, or when the channels differ.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from backoffice.simulate import connect, paused
from results import Result, record, show
from soak_check import Findings, inspect_running, inspect_stopped, settle
from soak_load import SteadyLoad
from soak_platform import SoakPlatform
from soak_readers import READERS, Reader, Versions

SECTION = "Soak: random kills under load"
_BETWEEN_KILLS = (5.0, 20.0)
_FILE_SECONDS = 10.0
log = logging.getLogger("soak")


def soak(platform: SoakPlatform, arguments: argparse.Namespace) -> tuple[list[Result], Versions]:
    """Run on a started platform; it is stopped at the end."""
    settings, versions = platform.settings, Versions()
    readers: list[Reader] = [kind(settings, versions) for kind in READERS]
    load = SteadyLoad(settings, arguments.rate, arguments.seconds, arguments.writers, arguments.seed)
    load.start()
    for reader in readers:
        reader.start()
    started = time.monotonic()
    _kill(platform, random.Random(arguments.seed), arguments.seconds)
    load.stop()
    lasted = time.monotonic() - started
    findings = _compared(platform, arguments.settle)
    for reader in readers:
        reader.stop()
    platform.down()
    inspect_stopped(settings, findings)
    return _results(lasted, platform, load, versions, findings), versions


def _kill(platform: SoakPlatform, rng: random.Random, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        pause = min(rng.uniform(*_BETWEEN_KILLS), left)
        until = time.monotonic() + pause
        while time.monotonic() < until:
            platform.keep_up()
            time.sleep(0.5)
        while time.monotonic() < deadline and not platform.kill(rng):
            time.sleep(0.1)  # nothing of the kind drawn is alive


def _compared(platform: SoakPlatform, seconds: float) -> Findings:
    platform.wait_for_source()
    with connect(platform.settings) as holder, paused(holder):
        findings = settle(platform.settings, seconds)
        inspect_running(platform.settings, findings)
    return findings


def _results(
    lasted: float, platform: SoakPlatform, load: SteadyLoad, versions: Versions, found: Findings
) -> list[Result]:
    kills = [Result(f"soak.kills.{kind.replace(' ', '_')}", n, "kills") for kind, n in sorted(platform.killed.items())]
    zeros = {
        "lines_missing_in_mart": found.lines.missing,
        "lines_surplus_in_mart": found.lines.surplus,
        "rows_landing_differs_from_source": found.landing_differs,
        "rows_landed_twice": found.landing_duplicates,
        "rows_raw_differs_from_landing": found.raw_differs,
        "marts_that_differ_between_channels": found.marts_differ,
        "versions_shown_beyond_one": max(len(set(found.versions.values())) - 1, 0) if found.settled else 1,
        "violations_seen_by_readers": len(versions.violations),
        "files_left_over": found.leftovers,
    }
    return [
        Result("soak.seconds", round(lasted), "s"),
        Result("soak.kills", platform.killed.total(), "kills"),
        *kills,
        Result("soak.rows_changed", load.rows, "rows"),
        Result("soak.rate", round(load.rows / lasted, 1), "rows/s"),
        Result("soak.writers_connections_lost", load.lost_connections, "connections"),
        Result("soak.versions_seen", versions.seen, "versions"),
        Result("soak.reads", versions.reads, "reads"),
        Result("soak.settled", round(found.settle_seconds, 1), "s"),
        Result("soak.lines_compared", found.lines.source_rows, "rows"),
        *(Result(f"soak.{name}", count, "", "= 0") for name, count in zeros.items()),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--rate", type=float, default=200, help="rows changed a second")
    parser.add_argument("--writers", type=int, default=4, help="connections that write")
    parser.add_argument("--settle", type=float, default=600, help="seconds the last changes may take")
    parser.add_argument("--seed", type=int, default=1, help="of the kills and of the load")
    parser.add_argument("--folder", type=Path, help="empty and kept; by default one that is removed again")
    parser.add_argument("--no-record", action="store_true", help="do not keep the figures")
    return parser.parse_args()


def main() -> None:
    """Run, keep and print the figures."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    folder: Path = arguments.folder or Path(tempfile.mkdtemp(prefix="backoffice-soak-"))
    folder.chmod(0o755)  # as root the servers are another user
    platform = SoakPlatform(folder, _FILE_SECONDS)
    try:
        platform.up()
        results, versions = soak(platform, arguments)
    finally:
        platform.down()
    show(results)
    print("\n".join(versions.violations[:20]))
    if not arguments.no_record:
        notes = [f"Seed {arguments.seed}; a process every 5 to 20 s; the DuckDB file every {_FILE_SECONDS:g} s."]
        record(SECTION, results, notes)
    broken = [result.name for result in results if result.met is False]
    if broken:
        sys.exit(f"violated: {', '.join(broken)}; everything is kept in {folder}")
    if not arguments.folder:
        platform.remove()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
