"""When changes arrived: in landing by the batches' manifests, in the marts by asking each new version for them."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from backoffice.addresses import marts_url
from backoffice.airflow.api import AirflowApi
from backoffice.airflow.names import REFRESH_DAG
from backoffice.errors import PublishError
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.simulate import connect

SOURCE = "shop"
POLL_SECONDS = 0.05
_LOOK_AGAIN_SECONDS = 1.0
_PAGE = 100  # Airflow's maximum


class MartWatch:
    """Notices new versions of the marts, and which of the expected orders each shows first.

    Version and orders are read in one snapshot, and the clock after it: an order is never seen earlier than it was
    visible, and at most a poll and a query later.
    """

    def __init__(self, settings: Settings) -> None:
        self.seen: dict[int, float] = {}
        self.versions: list[tuple[float, str]] = []
        self.steps: dict[str, list[float]] = defaultdict(list)
        self._settings = settings
        self._expected: set[int] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._looked_at = 0.0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> MartWatch:
        self._thread.start()
        self._ready.wait()
        self.missing()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def expect(self, order_no: int) -> None:
        """Look for an order from now on."""
        with self._lock:
            self._expected.add(order_no)

    def missing(self) -> set[int]:
        """Expected orders that were not seen yet.

        Raises:
            Exception: what ended the watch.
        """
        if self._error is not None:
            raise self._error
        with self._lock:
            return set(self._expected)

    def _run(self) -> None:
        try:
            with psycopg.connect(marts_url(self._settings), autocommit=True) as marts:
                marts.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                marts.read_only = True
                while not self._stop.is_set():
                    self._poll(marts)
                    self._ready.set()
                    self._stop.wait(POLL_SECONDS)
        except BaseException as error:  # handed to whoever asks: a thread has nobody to raise it to
            self._error = error
        finally:
            self._ready.set()

    def _poll(self, marts: psycopg.Connection[tuple[Any, ...]]) -> None:
        wanted = self.missing()
        with marts.transaction():
            row = marts.execute("SELECT version FROM marts.current_version").fetchone()
            if row is None:
                raise PublishError("nothing was published yet", next_step="run `make up` and wait for it")
            if not self._is_due(row[0]):
                return
            found = marts.execute(
                """SELECT DISTINCT order_id FROM marts.fct_sales_order_lines
                   WHERE source_relation = %s AND order_id = ANY (%s)""",
                (SOURCE, [str(number) for number in wanted]),
            ).fetchall()
        self._note(row[0], {int(number) for (number,) in found}, time.time())

    def _is_due(self, version: str) -> bool:
        """Whether to look for orders: in a new version, and again in an old one for orders we heard of late."""
        known = bool(self.versions) and self.versions[-1][1] == version
        return not known or time.monotonic() - self._looked_at >= _LOOK_AGAIN_SECONDS

    def _note(self, version: str, found: set[int], at: float) -> None:
        self._looked_at = time.monotonic()
        self.seen.update(dict.fromkeys(found, at))
        with self._lock:
            self._expected -= found
        if self.versions and self.versions[-1][1] == version:
            return
        self.versions.append((at, version))
        for step, seconds in _status_steps(self._settings).items():
            self.steps[step].append(seconds)


def _status_steps(settings: Settings) -> dict[str, float]:
    """Seconds of the last cycle's steps, where the status tells them."""
    path = settings.status_dir / "status.json"
    if not path.exists():
        return {}
    steps = json.loads(path.read_text(encoding="utf-8")).get("steps") or {}
    return {str(step): float(seconds) for step, seconds in steps.items()}


def airflow_steps(settings: Settings, since: float) -> dict[str, list[float]]:
    """Seconds of the refresh's finished tasks since an instant (Unix seconds), by step, from Airflow."""
    steps: dict[str, list[float]] = defaultdict(list)
    start = datetime.fromtimestamp(since, UTC).isoformat()
    with AirflowApi.as_admin(settings) as api:
        offset = 0
        while True:
            page = api.get(
                f"/api/v2/dags/{REFRESH_DAG}/dagRuns/~/taskInstances",
                start_date_gte=start,
                state="success",
                order_by="start_date",
                limit=_PAGE,
                offset=offset,
            )["task_instances"]
            for task in page:
                steps[task["task_id"]].append(float(task["duration"]))
            offset += len(page)
            if len(page) < _PAGE:
                return steps


@dataclass(frozen=True, slots=True)
class Landed:
    """An order in landing. Unix seconds."""

    committed: float
    landed: float
    copies: int


def last_batch(settings: Settings) -> int:
    """Number of the shop's newest batch; 0 when nothing was landed."""
    found = LocalBatchStore(settings.landing_dir).last(SOURCE)
    return found.seq if found else 0


def landed_orders(settings: Settings, after: int) -> dict[int, Landed]:
    """Orders inserted since a batch: when they were committed at the source, and when their batch was landed."""
    store = LocalBatchStore(settings.landing_dir)
    batches = [
        found
        for found in store.batches(SOURCE, after)
        if any(table.name == "sales_order" and table.rows for table in found.tables)
    ]
    if not batches:
        return {}
    manifests = pa.table(
        {"batch_id": [found.batch_id for found in batches], "landed_at": [found.landed_at for found in batches]}
    )
    with duckdb.connect() as duck:
        duck.register("manifests", manifests)
        rows = duck.execute(
            f"""SELECT r.order_no, epoch(min(r._event_at)), epoch(min(m.landed_at)), count(*)
               FROM {store.relation(batches, "sales_order")} AS r
               JOIN manifests AS m ON m.batch_id = r._batch_id
               WHERE r._op = 'c' GROUP BY r.order_no"""
        ).fetchall()
    return {number: Landed(committed, landed, copies) for number, committed, landed, copies in rows}


@dataclass(frozen=True)
class Comparison:
    """Rows of a source against the published fact, row by row."""

    source_rows: int
    mart_rows: int
    missing: int
    surplus: int

    @property
    def equal(self) -> bool:
        """Whether every row is there once, as the source has it, and nothing else."""
        return not self.missing and not self.surplus


def compare(settings: Settings) -> Comparison:
    """Compare now; the shop must stand still."""
    with connect(settings) as shop:
        source = Counter(
            shop.execute("SELECT order_no || '-' || pos, quantity, net FROM shop.sales_order_line").fetchall()
        )
    with psycopg.connect(marts_url(settings)) as marts:
        mart = Counter(
            marts.execute(
                """SELECT order_line_id, ordered_qty, net_amount FROM marts.fct_sales_order_lines
                   WHERE source_relation = %s""",
                (SOURCE,),
            ).fetchall()
        )
    return Comparison(source.total(), mart.total(), (source - mart).total(), (mart - source).total())
