"""Which of a company's mistakes the gates find: recall and precision, by fault and by rule.

    make bench-faults

A company lives for some months with faults of many kinds mixed into its systems at a multiple of their usual rates, and
writes the truth into a log. Its systems are collected, judged at all three gates and built; then every fault is looked
for among the rows that are out, and every row that is out among the faults.

A fault is *found* when a rule names its row or its document, when a row waits for what it lost, or when the row of a
total or of a warning names what it is about; the notes say of which kinds. A row that is out with its document, or
waits for a parent that is itself out, is neither found nor false. Whatever else is named is false.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from backoffice.collect.run import collect
from backoffice.errors import AuditError
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.ops.postgres import ensure_source_roles, source_cluster
from backoffice.ops.postgres_home import shared_dir
from backoffice.push.endpoint import make_app
from backoffice.settings import Settings
from backoffice.simulate.company import api
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.history import helpdesk_path, prepare
from backoffice.simulate.company.sender import send
from backoffice.simulate.company.start import company_variables, plan_of
from backoffice.sources import SourceConfig, load_sources
from backoffice.warehouse.connection import open_warehouse
from faults_found import HARMLESS, UNSEEN, Score, out_for_another_reason, read_faults, read_findings, read_totals
from lab import free_port
from results import Result, record, show

SECTION = "Faults: what the gates find of a company's mistakes"


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--rate", type=float, default=10.0, help="times the usual rates")
    parser.add_argument("--least", type=int, default=4, help="of each kind, as far as there are rows for it")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    with company(arguments) as settings:
        sources = load_sources(settings.sources_dir)
        collect_all(settings, sources)
        cycle.load(settings, "bench")
        cycle.validate(settings, "bench")
        with contextlib.suppress(AuditError):  # what a total or a missing file breaks withholds the publication
            cycle.build(settings, "bench")
        faults = read_faults(settings, sources)
        findings = read_findings(settings, sources) + read_totals(settings)
        with open_warehouse(settings) as connection:
            rows = connection.execute("SELECT sum(landed_rows) FROM meta.books").fetchall()[0][0]
        score = Score(faults, findings)
        hidden = out_for_another_reason(settings, sources, score.missed)
    keep(arguments, int(rows), score, hidden)


@contextlib.contextmanager
def company(arguments: argparse.Namespace) -> Iterator[Settings]:
    """A company's systems with their past, faults in it, and settings that collect from them."""
    with tempfile.TemporaryDirectory(prefix="backoffice-bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server is another user
        ports = {key: free_port() for key in ("source_port", "platform_port", "push_port", "demo_api_port")}
        demo = {"demo_days": arguments.days, "demo_seed": arguments.seed}
        wanted = {"demo_faults": arguments.rate, "demo_faults_least": arguments.least}
        settings = Settings(home=folder / "home", demo=True, **ports, **demo, **wanted)
        os.environ.update(company_variables(settings))
        server = source_cluster(settings)
        try:
            server.start()
            ensure_source_roles(settings)
            prepare(settings, plan_of(settings))
            yield settings
        finally:
            server.stop()
            shutil.rmtree(shared_dir(server.data_dir), ignore_errors=True)


def collect_all(settings: Settings, sources: dict[str, SourceConfig]) -> None:
    """Land all there is; the helpdesk pushes into an endpoint of its own and answers by its API meanwhile."""
    helpdesk = Helpdesk(helpdesk_path(settings))
    app = make_app(settings, LocalBatchStore(settings.landing_dir))
    endpoint = uvicorn.Server(uvicorn.Config(app, port=settings.push_port, log_level="warning"))
    stop = threading.Event()
    parts = [
        threading.Thread(target=endpoint.run, daemon=True),
        threading.Thread(target=send, args=(settings, helpdesk, stop), daemon=True),
    ]
    with api.serving(settings, helpdesk):
        for part in parts:
            part.start()
        while helpdesk.waiting():
            time.sleep(0.2)
        for name in sources:
            landed: list[object] = []
            collect(settings, name, 0, landed.append)
            print(f"{name}: {len(landed)} batches", flush=True)
        stop.set()
        endpoint.should_exit = True
        for part in parts:
            part.join()


def keep(arguments: argparse.Namespace, rows: int, score: Score, hidden: list[bool]) -> None:
    """Keep and print the figures; the exit code is not 0 when something was named without a fault.

    Args:
        arguments: of the run.
        rows: that landed.
        score: faults against findings.
        hidden: of each fault that was missed, whether its row is out for another reason.
    """
    results = [
        Result("faults.rows", rows, "rows"),
        Result("faults.made", score.visible, "faults"),
        Result("faults.recall", round(score.recall, 4), "", ">= 0.98"),
        Result("faults.missed", len(score.missed), "faults"),
        Result("faults.missed_in_rows_that_are_out", sum(hidden), "faults"),
        Result("faults.false_rows", len(score.false), "rows", "= 0"),
        Result("faults.asked", score.asked, "rows"),
        *(Result(f"faults.{kind}.recall", round(score.found[kind] / made, 4), "") for kind, made in score.kinds()),
        *(Result(f"faults.rule.{rule}.precision", round(share, 4), "") for rule, share in score.precision()),
    ]
    notes = [
        f"{arguments.days} days of the company of seed {arguments.seed}, faults at {arguments.rate:g} times their "
        f"usual rates and each kind {arguments.least} times at least, mixed.",
        f"{UNSEEN} is a plausible wrong value that nothing can see; it keeps recall honest and is not counted in it. "
        f"{HARMLESS} is not counted either: what is told twice counts once, and that is looked for.",
        "missed in rows that are out: the row is in quarantine with its document, or waits for a parent that is out. "
        "Its own mistake is looked for when it comes back.",
        "asked: rows of warnings about no single fault: a source's totals, which lack what is in quarantine, or a "
        "vendor's new bank account. They take nothing out.",
        *(
            f"{kind}, {score.says[kind]}: {made} made, {score.found[kind]} found by {score.rules_of(kind)}."
            for kind, made in score.kinds()
        ),
    ]
    for fault, is_out in list(zip(score.missed, hidden, strict=True))[:40]:
        print(f"not found{', its row is out' if is_out else ''}: {fault.kind} {sorted(map(str, fault.names))[:3]}")
    for finding in score.false[:40]:
        print(f"false: {finding.rule} {sorted(map(str, finding.names))}")
    record(SECTION, results, notes)
    show(results, notes)
    if score.false:
        sys.exit(1)


if __name__ == "__main__":
    main()
