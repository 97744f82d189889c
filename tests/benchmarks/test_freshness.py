"""The freshness benchmark over a stand-in that lands and publishes the shop's rows, sound or with a fault."""

from __future__ import annotations

import json
import math
import random
import shutil
import socket
import threading
import time
from datetime import datetime

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import freshness
import freshness_watch
from backoffice.addresses import PUBLISHER, marts_url
from backoffice.landing import LocalBatchStore
from backoffice.ops.postgres import ensure_platform, ensure_source_roles, platform_cluster, source_cluster
from backoffice.ops.postgres_home import shared_dir
from backoffice.settings import Settings
from backoffice.simulate import connect, prepare
from freshness_load import plan
from results import percentile

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS marts;
CREATE TABLE IF NOT EXISTS marts.publication (version text);
CREATE OR REPLACE VIEW marts.current_version AS SELECT max(version) AS version FROM marts.publication;
CREATE TABLE IF NOT EXISTS marts.fct_sales_order_lines
    (source_relation text, order_id text, order_line_id text, ordered_qty numeric(18,4), net_amount numeric(18,4));
GRANT USAGE ON SCHEMA marts TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA marts TO reader;
"""
DELAY = 0.3  # seconds between what the stand-in lands and when it publishes it


class StandIn(threading.Thread):
    """Lands new orders and publishes all lines, again and again; with a fault on demand."""

    def __init__(self, settings: Settings, fault: str = "") -> None:
        super().__init__()
        self.settings, self.fault = settings, fault
        self.done = threading.Event()
        self.landed_up_to = 0
        self.known: set[int] = set()
        self.versions = 0

    def __enter__(self):
        with connect(self.settings) as shop:
            self.landed_up_to = shop.execute("SELECT max(order_no) FROM shop.sales_order").fetchone()[0]
            self.publish(shop)
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()

    def run(self) -> None:
        with connect(self.settings) as shop:
            while not self.done.wait(0.1):
                shop.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                self.land(shop)
                time.sleep(DELAY)
                self.publish(shop)
                shop.execute("COMMIT")

    def land(self, shop) -> None:
        orders = shop.execute(
            "SELECT order_no, created_at FROM shop.sales_order WHERE order_no > %s ORDER BY 1", (self.landed_up_to,)
        ).fetchall()
        if not orders:
            return
        # numbers are drawn before the commit: a smaller one may come later
        self.landed_up_to = max(self.landed_up_to, orders[-1][0] - 20)
        self.land_orders([row for row in orders if row[0] not in self.known])
        self.known |= {number for number, _ in orders}

    def land_orders(self, orders: list[tuple[int, datetime]]) -> None:
        if not orders:
            return
        if self.fault == "landed twice":
            orders = [*orders, orders[0]]
        batch = LocalBatchStore(self.settings.landing_dir).begin("shop")
        numbers, instants = zip(*orders, strict=True)
        table = pa.table({"order_no": numbers, "_event_at": instants})
        table = table.append_column("_op", pa.array(["c"] * len(orders)))
        table = table.append_column("_batch_id", pa.array([batch.batch_id] * len(orders)))
        pq.write_table(table, batch.path("sales_order"))
        batch.commit(kind="stream", offset={})

    def publish(self, shop) -> None:
        lines = shop.execute(
            "SELECT 'shop', order_no::text, order_no || '-' || pos, quantity, net FROM shop.sales_order_line ORDER BY 3"
        ).fetchall()
        if self.fault == "line lost":
            lines.pop()
        if self.fault == "line doubled":
            lines.append(lines[-1])
        if self.fault == "old amount":
            lines[-1] = (*lines[-1][:4], lines[-1][4] + 1)
        self.versions += 1
        with psycopg.connect(marts_url(self.settings, PUBLISHER)) as marts:
            marts.execute(SCHEMA)
            marts.execute("DELETE FROM marts.fct_sales_order_lines")
            with marts.cursor() as cursor, cursor.copy("COPY marts.fct_sales_order_lines FROM STDIN") as copy:
                for line in lines:
                    copy.write_row(line)
            marts.execute("INSERT INTO marts.publication VALUES (%s)", (f"{time.time_ns():020d}",))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    made = Settings(
        home=tmp_path_factory.mktemp("bench") / "home",
        source_port=ports[0],
        platform_port=ports[1],
        source_url="",
        marts_url="",
    )
    servers = source_cluster(made), platform_cluster(made)
    try:
        for server in servers:
            server.start()
        ensure_source_roles(made)
        ensure_platform(made)
        prepare(made)
        yield made
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(shared_dir(made.home), ignore_errors=True)


def measure(settings, fault="", settle=20.0):
    settings.status_dir.mkdir(parents=True, exist_ok=True)
    (settings.status_dir / "status.json").write_text(json.dumps({"steps": {"load": 0.25, "publish": 0.5}}))
    with StandIn(settings, fault):
        return freshness.run(settings, rate=100, seconds=2, writers=3, settle=settle)


@pytest.mark.postgres
def test_a_sound_system_is_measured(settings):
    found = measure(settings)
    assert (found.lost, found.doubled, found.comparison.equal) == (0, 0, True)
    assert found.load.skipped == 0
    assert found.load.rows >= 200
    assert len(found.load.probes) > 10
    assert all(seconds >= DELAY for seconds in found.to_mart())
    assert all(0 <= landed <= mart for landed, mart in zip(found.to_landed(), found.to_mart(), strict=True))
    results = {result.name: result for result in freshness.summary(found, 100)}
    assert results["freshness.commit_to_mart.p95"].goal == "<= 5"
    assert results["freshness.step_load.p50"].value == 0.25
    assert results["freshness.probes_lost"].met and results["freshness.lines_missing_in_mart"].met
    assert math.isfinite(results["freshness.commit_to_landed.p99"].value)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("fault", "missing", "surplus", "doubled"),
    [
        ("line lost", 1, 0, False),
        ("line doubled", 0, 1, False),
        ("old amount", 1, 1, False),
        ("landed twice", 0, 0, True),
    ],
)
def test_faults_are_seen(settings, fault, missing, surplus, doubled):
    found = measure(settings, fault, settle=4)
    assert (found.comparison.missing, found.comparison.surplus) == (missing, surplus)
    assert (found.doubled > 0) == doubled


@pytest.mark.postgres
def test_nothing_published_meanwhile_means_everything_is_lost(settings):
    with StandIn(settings) as stand_in:
        stand_in.done.set()
        stand_in.join()
        found = freshness.run(settings, rate=50, seconds=1, writers=1, settle=1)
    assert found.lost == len(found.load.probes) > 0
    assert math.isinf(percentile(found.to_mart(), 0.5))
    assert not found.comparison.equal


@pytest.mark.postgres
def test_without_steps_in_the_status_airflow_is_asked_and_may_be_away(settings):
    (settings.status_dir / "status.json").unlink(missing_ok=True)
    with freshness_watch.MartWatch(settings) as watch:
        steps, told = freshness._steps(settings, watch, time.time())
    assert steps == {}
    assert "cannot be reached" in told


def test_the_plan_keeps_the_rate_and_changes_what_is_there():
    changes = plan(random.Random(4), rate=200, seconds=60)
    assert 200 * 60 <= sum(change.rows for change in changes) < 200 * 60 + 10
    assert [change.due for change in changes] == sorted(change.due for change in changes)
    for second in range(60):
        rows = sum(change.rows for change in changes if second <= change.due < second + 1)
        assert 190 <= rows <= 210
    due = {change.order: change.due for change in changes if change.kind == "order"}
    later = [change for change in changes if change.kind != "order"]
    assert {change.kind for change in later} == {"line", "state"}
    assert all(change.due >= due[change.order] + 1 for change in later)
