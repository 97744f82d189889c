"""The watcher as a process: a dead source, a withheld publication, restarts, a second watcher."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from tests.watch.conftest import World
from tests.watch.test_deliver import wait_until
from tests.watch.test_detect import beat
from tests.watch.test_metrics import Scrape, fetch

from backoffice.airflow.environment import inherited_environment
from backoffice.push.keys import push_keys
from backoffice.secrets import load_secrets
from backoffice.watch.failures import record_failure
from backoffice.watch.state import AlertState

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(world: World, webhook) -> Iterator[Start]:
    """Starts the watcher over ``world``; its channel is ``webhook``."""
    updates = {"watch_seconds": 0.05, "alert_resolve_seconds": 0.2, "alert_grace_seconds": 0.0}
    world.settings = world.settings.model_copy(update=updates | {"alert_urls": webhook.url})
    started: list[subprocess.Popen[bytes]] = []

    def make() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "backoffice.watch"]
        with (world.settings.home / "watch.log").open("ab") as output:
            process = subprocess.Popen(command, env=inherited_environment(world.settings), stderr=output)
        started.append(process)
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def passes(world: World) -> float:
    """When the running watcher looked last; 0 while it does not answer."""
    try:
        return Scrape(fetch(world.settings.watch_port))("watch_last_pass_timestamp_seconds")
    except (OSError, KeyError):
        return 0.0


def several_looks(world: World, count: int = 5) -> None:
    """Wait until the watcher has looked that often again."""
    for _ in range(count):
        before = max(passes(world), time.time())
        wait_until(lambda since=before: passes(world) > since)


def log_of(world: World) -> str:
    return (world.settings.home / "watch.log").read_text()


def test_a_source_that_dies_is_told_once_and_its_return_once(world, webhook, start):
    world.land(time.time() - 3600)
    beat(world, time.time())
    world.tell(time.time(), published_seq=1)
    process = start()
    several_looks(world)
    assert webhook.received == []

    beat(world, time.time() - 16 * 60)  # as if its collector had stopped then
    wait_until(lambda: webhook.received)
    several_looks(world)
    process.send_signal(signal.SIGKILL)  # a restart, however hard, tells nothing again
    process.wait()
    process = start()
    several_looks(world)
    assert [(told["event"], told["key"]) for told in webhook.received] == [("opened", "source_late:shop")]

    beat(world, time.time())
    wait_until(lambda: len(webhook.received) == 2)
    several_looks(world)
    assert [told["event"] for told in webhook.received] == ["opened", "resolved"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert "ALERT critical: source shop is older" in log_of(world) and "RESOLVED" in log_of(world)


def test_a_publication_withheld_over_many_cycles_is_told_once(world, webhook, start):
    world.land(time.time())
    start()
    for number in range(20):
        world.tell(time.time(), state="withheld", steps={"load": 0.1 + number})
        several_looks(world, 1)
    wait_until(lambda: webhook.received)
    assert [told["key"] for told in webhook.received] == ["publication_withheld:marts"]
    world.tell(time.time(), published_seq=1)
    wait_until(lambda: len(webhook.received) == 2)
    assert webhook.received[1]["event"] == "resolved"


def test_what_a_refusing_channel_missed_is_told_by_the_next_process(world, webhook, start):
    webhook.status = 500
    world.tell(time.time(), state="withheld")
    process = start()
    wait_until(lambda: webhook.attempts)
    process.kill()
    process.wait()
    webhook.status = 204
    start()
    wait_until(lambda: webhook.received)
    several_looks(world)
    assert [told["event"] for told in webhook.received] == ["opened"]


def test_no_secret_leaves_the_machine(world, webhook, start):
    secrets = load_secrets(world.settings)
    error = f"cannot reach postgresql://reader:hunter2@host/db, password={secrets.platform_password}, "
    signing_key = push_keys(world.settings, "helpdesk")[0]
    error += secrets.airflow_fernet_key + signing_key
    record_failure(world.settings, "collect_shop", "collect", "run", error, final=True)
    start()
    wait_until(lambda: webhook.received)
    (told,) = webhook.received
    assert "cannot reach postgresql://reader:***@host/db" in told["how_bad"]
    with AlertState(world.settings) as state:
        texts = [str(webhook.received), str(state.alerts()), log_of(world), fetch(world.settings.watch_port)]
    for secret in ("hunter2", secrets.platform_password, secrets.airflow_fernet_key, signing_key, "s3cret"):
        assert not any(secret in text for text in texts)


def test_a_second_watcher_is_kept_away(world, webhook, start):
    start()
    several_looks(world, 1)
    assert start().wait(60) == 1
    assert "another watcher runs" in log_of(world)


def test_a_full_or_broken_state_stops_nothing_for_good(world, webhook, start):
    start()
    several_looks(world, 1)
    with AlertState(world.settings) as state:
        state._db.execute("BEGIN EXCLUSIVE")  # nobody else can write
        world.tell(time.time(), state="withheld")
        wait_until(lambda: "this look failed" in log_of(world) or "could not be looked up" in log_of(world))
        state._db.execute("ROLLBACK")
    wait_until(lambda: webhook.received)


def test_it_brings_neither_airflow_nor_dbt_nor_gx():
    script = "import sys, backoffice.watch.__main__; print({'airflow', 'dbt', 'great_expectations'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
