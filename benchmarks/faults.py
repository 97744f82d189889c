"""Which of a company's mistakes the gates find: recall and precision, by fault and by rule.

    make bench-faults

A company lives for some months with faults of many kinds mixed into its systems at a multiple of their usual rates, and
writes the truth into a log. Its systems are collected, judged at all three gates and built; then every fault is looked
for among the rows that are out, and every row that is out among the faults.

A row is *found* when a rule names it (or, at the mart gate, its document), or when it waits for a parent that nobody
knows. A row that is out with its document, or waits for a parent that is itself out, is neither found nor false.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import uvicorn

from backoffice.collect.run import collect
from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle
from backoffice.ops.postgres import ensure_source_roles, source_cluster
from backoffice.ops.postgres_home import shared_dir
from backoffice.push.endpoint import make_app
from backoffice.settings import Settings
from backoffice.simulate.company import api
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.history import faults_folder, helpdesk_path, prepare
from backoffice.simulate.company.sender import send
from backoffice.simulate.company.start import company_variables, plan_of
from backoffice.sources import SourceConfig, load_sources
from backoffice.sources.mapping import raw_name
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.meta import key_of
from lab import free_port
from results import Result, record, show

SECTION = "Faults: what the gates find of a company's mistakes"
UNSEEN = "F40"
_READS = {
    "hours.entry": ("timesheets", "hours"),
    "crm.ticket": ("helpdesk", "ticket"),
    "crm.note": ("helpdesk", "note"),
    "crm.survey": ("surveys", "survey"),
    "bank.statement": ("bank", "statement"),
}
"""Where a table of a system is read, when not in the source and read of the same names."""
Place = tuple[str, str, tuple[str, ...]]  # source, read, key in it


@dataclass(frozen=True)
class Fault:
    """A mistake that was made: its kind, where it is, and what a document of its could be called."""

    kind: str
    place: Place
    numbers: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """A row that is out by itself: the rule, where it is, and (mart gate) the document the rule names."""

    rule: str
    place: Place
    document: str | None


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--rate", type=float, default=10.0, help="times the usual rates")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    with company(arguments.days, arguments.rate, arguments.seed) as settings:
        sources = load_sources(settings.sources_dir)
        collect_all(settings, sources)
        cycle.load(settings, "bench")
        cycle.validate(settings, "bench")
        cycle.build(settings, "bench")
        faults = read_faults(settings, sources)
        with open_warehouse(settings) as connection:
            findings = read_findings(connection, sources)
            rows = connection.execute("SELECT sum(landed_rows) FROM meta.books").fetchall()[0][0]
    keep(arguments.days, arguments.rate, int(rows), faults, findings)


@contextlib.contextmanager
def company(days: int, rate: float, seed: int) -> Iterator[Settings]:
    """A company's systems with their past, faults in it, and settings that collect from them."""
    with tempfile.TemporaryDirectory(prefix="backoffice-bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server is another user
        ports = {key: free_port() for key in ("source_port", "platform_port", "push_port", "demo_api_port")}
        demo = {"demo": True, "demo_days": days, "demo_seed": seed, "demo_faults": rate}
        settings = Settings(home=folder / "home", **ports, **demo)
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


def read_faults(settings: Settings, sources: dict[str, SourceConfig]) -> list[Fault]:
    """The truth, by the places the rows are read from."""
    lines = [line for path in faults_folder(settings).glob("*.jsonl") for line in path.read_text().splitlines()]
    found = []
    for told in map(json.loads, lines):
        source, read = _READS.get(told["table"]) or tuple(told["table"].split("."))
        names = sources[source].reads[read].primary_key
        key = told["key"]
        values = [key[name] for name in names] if set(names) <= set(key) else list(key.values())
        found.append(Fault(told["fault"], (source, read, tuple(values)), frozenset(key.values())))
    return found


def read_findings(connection: duckdb.DuckDBPyConnection, sources: dict[str, SourceConfig]) -> list[Finding]:
    """Rows that a rule named, and rows that wait for a parent which is not out."""
    out = connection.execute(
        f"""SELECT DISTINCT source, table_name, batch_id, row_no, rule, CASE WHEN gate = 'mart' THEN document_key END
        FROM meta.verdict WHERE severity = 'error'
        UNION ALL
        SELECT m.source, m.table_name, w.batch_id, w.row_no, w.entity || '.' || w.reference || '.unknown', NULL
        FROM meta.waiting AS w JOIN meta.mapping AS m USING (source_relation, entity)
        WHERE NOT EXISTS (SELECT 1 FROM meta.quarantined AS q
            WHERE q.entity = w.parent AND q.source_relation = w.source_relation AND q.key = w.value)
        AND NOT EXISTS (SELECT 1 FROM meta.waiting AS p WHERE p.entity = w.parent
            AND p.key = {key_of("w.source_relation", "w.value")})"""
    ).fetchall()
    return [
        Finding(rule, (source, read, _key(connection, sources[source], read, batch, row)), document)
        for source, read, batch, row, rule, document in out
    ]


def _key(
    connection: duckdb.DuckDBPyConnection, config: SourceConfig, read: str, batch: str, row: int
) -> tuple[str, ...]:
    names = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in config.reads[read].primary_key)
    query = f"SELECT {names} FROM raw.{raw_name(config.source, read)} WHERE _batch_id = ? AND _row_no = ?"
    return tuple(connection.execute(query, [batch, row]).fetchall()[0])


def keep(days: int, rate: float, rows: int, faults: list[Fault], findings: list[Finding]) -> None:
    """Keep and print the figures; the exit code is not 0 when a row was out without a fault."""
    named = {finding.place for finding in findings if finding.document is None}
    documents = {finding.document for finding in findings if finding.document is not None}
    seen = [fault for fault in faults if fault.place in named or fault.numbers & documents]
    made, found = Counter(f.kind for f in faults), Counter(f.kind for f in seen)
    places, numbers = {f.place for f in faults}, {number for f in faults for number in f.numbers}
    false = [
        finding
        for finding in findings
        if (finding.document not in numbers if finding.document is not None else finding.place not in places)
    ]
    visible = sum(count for kind, count in made.items() if kind != UNSEEN)
    recall = sum(count for kind, count in found.items() if kind != UNSEEN) / max(visible, 1)
    rules, wrong = Counter(f.rule for f in findings), Counter(f.rule for f in false)
    results = [
        Result("faults.rows", rows, "rows"),
        Result("faults.made", visible, "faults"),
        Result("faults.recall", round(recall, 4), "", ">= 0.98"),
        Result("faults.false_rows", len(false), "rows", "= 0"),
        *(Result(f"faults.{kind}.recall", round(found[kind] / made[kind], 4), "") for kind in sorted(made)),
        *(
            Result(f"faults.rule.{rule}.precision", round(1 - wrong[rule] / rules[rule], 4), "")
            for rule in sorted(rules)
        ),
    ]
    notes = [
        f"{days} days of the company, faults at {rate:g} times their usual rates, mixed: "
        + ", ".join(f"{kind} {count}" for kind, count in sorted(made.items())) + ".",
        f"{UNSEEN} is a plausible wrong value that nothing can see; it keeps recall honest and is not counted in it.",
        "Rows named by rule: " + ", ".join(f"{rule} {count}" for rule, count in sorted(rules.items())) + ".",
    ]  # fmt: skip
    for fault in [fault for fault in faults if fault.kind != UNSEEN and fault not in seen][:10]:
        print(f"not found: {fault.kind} {fault.place}")
    for finding in false[:10]:
        print(f"false: {finding.rule} {finding.place} {finding.document or ''}")
    record(SECTION, results, notes)
    show(results, notes)
    if false:
        sys.exit(1)


if __name__ == "__main__":
    main()
