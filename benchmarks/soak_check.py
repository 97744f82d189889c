"""What must be true once the kills have stopped: source, landing, warehouse and every channel hold the same rows."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import duckdb
import psycopg

from backoffice.addresses import marts_url
from backoffice.landing import LocalBatchStore
from backoffice.publish import current_file
from backoffice.publish.compare import file_hashes, mart_hashes, postgres_hashes
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings
from backoffice.simulate import connect
from backoffice.sources import load_sources
from freshness_watch import Comparison, compare
from soak_platform import SOURCE

_ENDINGS = (".tmp", ".building", ".building.wal", ".link")
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass
class Findings:
    """Counts that must be 0, and the comparison of the order lines."""

    lines: Comparison
    settled: bool
    settle_seconds: float
    versions: dict[str, str]
    landing_differs: int = 0
    landing_duplicates: int = 0
    raw_differs: int = 0
    marts_differ: int = 0
    leftovers: int = 0


def settle(settings: Settings, seconds: float) -> Findings:
    """Wait until what was written is seen in every channel, or time is up. The shop must stand still."""
    started = time.monotonic()
    found = Comparison(0, 0, -1, -1)
    versions: dict[str, str] = {}
    while time.monotonic() - started < seconds:
        try:
            found, versions = compare(settings), _versions(settings)
        except _AWAY:
            versions = {}
        if found.equal and len(set(versions.values())) == 1:
            return Findings(found, True, time.monotonic() - started, versions)
        time.sleep(1)
    return Findings(found, False, time.monotonic() - started, versions)


def inspect_running(settings: Settings, findings: Findings) -> None:
    """Compare while the servers run: landing with the source, PostgreSQL with the file."""
    findings.landing_duplicates, findings.landing_differs = _landing(settings)
    models = published_models(settings)
    file = current_file(settings)
    if file is not None:
        shown = postgres_hashes(marts_url(settings), models), file_hashes(settings.marts_dir / file.file, models)
        findings.marts_differ = sum(shown[0][name] != shown[1][name] for name in shown[0])


def inspect_stopped(settings: Settings, findings: Findings) -> None:
    """Compare what only its writer may open: the warehouse with landing and with the file; and look for leftovers."""
    store = LocalBatchStore(settings.landing_dir)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        upto = _watermark(warehouse)  # the demo went on until everything was stopped
        for read in load_sources(settings.sources_dir)[SOURCE].reads:
            loaded = warehouse.execute(
                f"SELECT _batch_id, _row_no FROM raw.{SOURCE}__{read} WHERE NOT _derived"
            ).fetchall()
            landed = _rows(store, read, "SELECT _batch_id, _row_no FROM {}", upto)
            findings.raw_differs += _differences(loaded, landed)
        models = published_models(settings)
        built = mart_hashes(warehouse, models)
    file = current_file(settings)
    if file is not None:
        shown = file_hashes(settings.marts_dir / file.file, models)
        findings.marts_differ += sum(built[name] != shown[name] for name in built)
    findings.leftovers = len(leftovers(settings))


def leftovers(settings: Settings) -> list[str]:
    """Temporary files that a kill left and nothing has removed; those of Airflow, PostgreSQL and dbt are their own."""
    folders = (
        settings.landing_dir,
        settings.collect_dir,
        settings.warehouse_path.parent,
        settings.marts_dir,
        settings.publications_dir,
        settings.status_dir,
    )
    return [
        str(path.relative_to(settings.home))
        for folder in folders
        for path in folder.rglob("*")
        if path.name.endswith(_ENDINGS)
    ]


def _versions(settings: Settings) -> dict[str, str]:
    with psycopg.connect(marts_url(settings), connect_timeout=5) as marts:
        row = marts.execute("SELECT version FROM marts.current_version").fetchone()
    told = json.loads((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    with duckdb.connect(str((settings.marts_dir / "marts.duckdb").resolve()), read_only=True) as file:
        in_file = file.execute("SELECT version FROM marts.current_version").fetchone()
    file_manifest = current_file(settings)
    return {
        "PostgreSQL": str(row[0]) if row else "",
        "file": str(in_file[0]) if in_file else "",
        "manifest.json": file_manifest.version if file_manifest else "",
        "status.json": str(told["version"]),
        "status.json, file": str(told["file_version"]),
    }


def _landing(settings: Settings) -> tuple[int, int]:
    """Rows landed twice, and rows in which landing and source differ, over all tables of the source."""
    store, duplicates, differ = LocalBatchStore(settings.landing_dir), 0, 0
    with connect(settings) as shop:
        for name, read in load_sources(settings.sources_dir)[SOURCE].reads.items():
            columns, keys = ", ".join(read.columns), ", ".join(read.primary_key)
            counts = "SELECT 2 * count(*) - count(DISTINCT (_batch_id, _row_no)) - count(DISTINCT _event_id) FROM {}"
            duplicates += int(_rows(store, name, counts)[0][0])
            newest = f"""SELECT {columns} FROM {{}}
                QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _batch_id DESC, _row_no DESC) = 1
                    AND _op NOT IN ('d', 't')"""
            theirs = shop.execute(f"SELECT {columns} FROM {read.table}").fetchall()  # type: ignore[arg-type]
            differ += _differences(_rows(store, name, newest), theirs)
    return duplicates, differ


def _watermark(warehouse: duckdb.DuckDBPyConnection) -> int:
    row = warehouse.execute("SELECT max(batch_seq) FROM meta.batch WHERE source = ?", [SOURCE]).fetchone()
    return int(row[0]) if row else 0


def _rows(store: LocalBatchStore, table: str, query: str, upto: int = sys.maxsize) -> list[tuple[Any, ...]]:
    """A query over the landed rows of a table, which stands for ``{}``, in batches up to a number."""
    batches = takewhile(lambda batch: batch.seq <= upto, store.batches(SOURCE))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query.format(store.relation(batches, table))).fetchall()


def _differences(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]]) -> int:
    ours, theirs = (Counter(tuple(map(_plain, row)) for row in rows) for rows in (left, right))
    return ((ours - theirs) + (theirs - ours)).total()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
