"""The shop's process: it keeps going through outages and kills, stops when asked, and never leaves a wrong total."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from backoffice.errors import SettingsError
from backoffice.ops.postgres import source_cluster
from backoffice.settings import Settings
from backoffice.simulate import connect, paused, prepare, run
from backoffice.simulate.live import EVENTS, Shop

pytestmark = pytest.mark.postgres

DEADLINE = 60.0
ITS_BACKENDS = "FROM pg_stat_activity WHERE application_name = 'demo-shop' AND pid <> pg_backend_pid()"
BROKEN_TOTALS = """
SELECT count(*) FROM shop.sales_order AS o
WHERE o.net <> (SELECT coalesce(sum(l.net), 0) FROM shop.sales_order_line AS l WHERE l.order_no = o.order_no)"""


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def number(connection, statement="SELECT max(order_no) FROM shop.sales_order"):
    return connection.execute(statement).fetchone()[0]


@pytest.fixture
def watcher(source_settings):
    prepare(source_settings)
    with connect(source_settings) as connection:
        yield connection


@pytest.fixture
def running(source_settings, watcher):
    """The loop in a thread; gives the function that stops it."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(source_settings, stop))
    thread.start()
    yield thread
    stop.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


@pytest.fixture
def start_process(source_settings):
    """Starts the shop's own process; none is left behind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BACKOFFICE_")}
    environment |= {
        f"BACKOFFICE_{name.upper()}": str(value) for name, value in source_settings.model_dump(mode="json").items()
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "backoffice.simulate"]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_every_event_happens_and_totals_stay_exact(shop):
    world = Shop(shop, random.Random(6))
    done = {event.name: sum(event.happen(world) > 0 for _ in range(60)) for event in EVENTS}
    assert all(done.values()), done
    assert number(shop, BROKEN_TOTALS) == 0


def test_orders_keep_coming_and_move_on(running, watcher):
    before = number(watcher)
    progressed = "SELECT count(*) FROM shop.sales_order WHERE state = 70"
    finished = number(watcher, progressed)
    wait_for(lambda: number(watcher) >= before + 5 and number(watcher, progressed) > finished)


def test_a_lost_connection_is_made_again(running, watcher):
    before = number(watcher)
    wait_for(lambda: number(watcher) > before)
    assert number(watcher, f"SELECT bool_and(pg_terminate_backend(pid)) {ITS_BACKENDS}")
    after = number(watcher)
    wait_for(lambda: number(watcher) >= after + 3)


def test_a_restarted_server_is_found_again(running, source_settings, watcher):
    cluster = source_cluster(source_settings)
    cluster.stop()
    cluster.start()
    with connect(source_settings) as connection:
        before = number(connection)
        wait_for(lambda: number(connection) >= before + 3)


def test_a_cancelled_statement_does_not_end_it(running, source_settings, watcher):
    before = number(watcher)
    wait_for(lambda: number(watcher) > before)
    wait_for(lambda: number(watcher, f"SELECT bool_or(pg_cancel_backend(pid)) {ITS_BACKENDS} AND state = 'active'"))
    after = number(watcher)
    wait_for(lambda: number(watcher) >= after + 3)


def test_nothing_changes_while_it_is_paused(running, watcher, source_settings):
    with connect(source_settings) as holder, paused(holder):
        stopped_at = number(watcher, "SELECT pg_current_xact_id()::text::bigint")
        time.sleep(1.0)  # twenty orders and their steps at this rate
        assert number(watcher, f"SELECT count(*) FROM shop.sales_order WHERE xmin::text::bigint > {stopped_at}") == 0
    before = number(watcher)
    wait_for(lambda: number(watcher) > before)


def test_sigterm_ends_it_cleanly(start_process, watcher):
    before = number(watcher)
    process = start_process()
    wait_for(lambda: number(watcher) > before)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def test_after_a_kill_the_next_process_goes_on(start_process, watcher):
    before = number(watcher)
    process = start_process()
    wait_for(lambda: number(watcher) > before + 5)
    process.kill()
    process.wait()
    killed_at = number(watcher)
    assert number(watcher, BROKEN_TOTALS) == 0
    start_process()
    wait_for(lambda: number(watcher) > killed_at)


def test_it_refuses_real_systems(tmp_path):
    settings = Settings(home=tmp_path, source_url="postgresql://erp:secret@erp.example:5432/erp")
    with pytest.raises(SettingsError):
        run(settings, threading.Event())


def test_a_rate_of_nought_is_a_closed_shop(source_settings, watcher):
    stop = threading.Event()
    closed = source_settings.model_copy(update={"demo_orders_per_second": 0.0})
    thread = threading.Thread(target=run, args=(closed, stop))
    thread.start()
    stop.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert watcher.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
