"""When the company's changes arrived, as landing, the warehouse and readers of the marts tell it."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import psycopg

from backoffice.addresses import marts_url
from backoffice.errors import ServerError
from backoffice.landing import LocalBatchStore
from backoffice.ops.state import read_state
from backoffice.publish.status import PARTS_OF_BUILD
from backoffice.settings import Settings
from backoffice.simulate.company.history import connect
from backoffice.simulate.company.tables import DATABASES
from freshness_watch import Comparison

_POLL_SECONDS = 0.05


class VersionWatch:
    """Notices which generation readers see, by the clock after the query: at most a poll later than it was visible."""

    def __init__(self, settings: Settings) -> None:
        self.seen: dict[int, float] = {}
        self._settings = settings
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> VersionWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(marts_url(self._settings), autocommit=True) as marts:
            while not self._stop.is_set():
                try:
                    row = marts.execute("SELECT generation FROM marts.current_version").fetchone()
                except psycopg.OperationalError:
                    # Once the platform is stopped; what a watch that ended earlier missed counts as never seen
                    return
                if row is not None:
                    self.seen.setdefault(row[0], time.time())
                self._stop.wait(_POLL_SECONDS)


@contextlib.contextmanager
def held_still(settings: Settings) -> Iterator[None]:
    """The company's process stands still meanwhile: nothing changes in its databases.

    Raises:
        ServerError: it does not run.
    """
    state = read_state(settings)
    found = state.components.get("company") if state else None
    if found is None or found.process is None or not found.process.alive():
        raise ServerError("the company does not run", next_step="see company.log in the platform's logs")
    os.kill(found.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(found.process.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Rows of a table that one transaction committed; Unix seconds, infinite when no reader saw them."""

    table: str
    rows: int
    committed: float
    landed: float
    seen: float


def arrivals(settings: Settings, seen: dict[int, float], began: float, ended: float) -> list[Arrival]:
    """What the databases committed in a while, and when it arrived; the platform is stopped.

    Args:
        settings: of the platform.
        seen: generation → when readers first saw it or a later one.
        began: Unix seconds.
        ended: Unix seconds.
    """
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        batches = {
            batch: (landed, generation)
            for batch, landed, generation in warehouse.execute(
                "SELECT batch_id, epoch(landed_at), generation FROM meta.batch"
            ).fetchall()
        }
    order = sorted(seen)
    found = []
    for table, batch, committed, rows in _committed(settings, began, ended):
        landed, generation = batches.get(batch, (math.inf, None))
        place = bisect_left(order, generation) if generation is not None else len(order)
        found.append(Arrival(table, rows, committed, landed, seen[order[place]] if place < len(order) else math.inf))
    return found


def _committed(settings: Settings, began: float, ended: float) -> list[tuple[str, str, float, int]]:
    """Table, batch, commit time and number of rows."""
    store = LocalBatchStore(settings.landing_dir)
    found: list[tuple[str, str, float, int]] = []
    for source in DATABASES:
        of_table = defaultdict(list)
        for manifest in store.batches(source, 0):
            if manifest.landed_at.timestamp() >= began:
                for table in manifest.tables:
                    if table.rows:
                        of_table[table.name].append(manifest)
        with duckdb.connect() as duck:
            for table_name, batches in of_table.items():
                rows = duck.execute(
                    f"""SELECT _batch_id, epoch(_event_at), count(*) FROM {store.relation(batches, table_name)}
                        WHERE epoch(_event_at) BETWEEN ? AND ? GROUP BY ALL""",
                    [began, ended],
                ).fetchall()
                found += [(table_name, batch, committed, count) for batch, committed, count in rows]
    return found


@dataclass(frozen=True)
class Cycles:
    """Cycles of a while: seconds of each, seconds by step, and how many were withheld."""

    seconds: list[float]
    steps: dict[str, list[float]]
    withheld: int


def cycles(settings: Settings, began: float, ended: float) -> Cycles:
    """What the warehouse keeps of its cycles that began in a while; the platform is stopped."""
    steps: dict[str, list[float]] = defaultdict(list)
    whole: Counter[int] = Counter()
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        values = [began, ended]
        for generation, step, seconds in warehouse.execute(
            """SELECT s.generation, s.step, sum(s.seconds)
               FROM meta.step_time AS s JOIN meta.generation AS g USING (generation)
               WHERE epoch(g.started_at) BETWEEN ? AND ? GROUP BY ALL ORDER BY min(s.started_at)""",
            values,
        ).fetchall():
            steps[step].append(seconds)
            whole[generation] += seconds if step not in PARTS_OF_BUILD else 0
        (withheld,) = _row(
            warehouse.execute(
                "SELECT count(*) FROM meta.generation WHERE epoch(started_at) BETWEEN ? AND ? AND NOT audit_passed",
                values,
            )
        )
    return Cycles(list(whole.values()), dict(steps), withheld)


def _row(found: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = found.fetchone()
    assert row is not None  # an aggregate always has one
    return row


def compare(settings: Settings) -> Comparison:
    """The ERP's ledger against the published one, line by line, now; the company must stand still."""
    with connect(settings, "erp") as erp:
        source = Counter(
            erp.execute(
                """SELECT voucher || '-' || line, posted_on, greatest(amount_home, 0), greatest(-amount_home, 0)
                   FROM erp.ledger_line"""
            ).fetchall()
        )
    with psycopg.connect(marts_url(settings)) as marts:
        mart = Counter(
            marts.execute(
                """SELECT entry_id, posting_date, debit_base, credit_base FROM marts.fct_gl_entries
                   WHERE source_relation = 'nordlys'"""
            ).fetchall()
        )
    return Comparison(source.total(), mart.total(), (source - mart).total(), (mart - source).total())


def told(settings: Settings) -> dict[str, int]:
    """What the platform says of itself: rows landed, quarantined and waiting; invariants judged and broken."""
    with psycopg.connect(marts_url(settings)) as marts:
        landed, quarantined, waiting = _row(
            marts.execute(
                """SELECT sum(landed_rows), sum(quarantined_rows), sum(waiting_rows)
                   FROM marts.mart_data_freshness"""
            )
        )
        judged, broken = _row(
            marts.execute("SELECT count(*), count(*) FILTER (WHERE state = 'broken') FROM ops.invariant_status")
        )
    counts = {"landed": landed, "quarantined": quarantined, "waiting": waiting, "invariants": judged, "broken": broken}
    return {name: int(value) for name, value in counts.items()}
