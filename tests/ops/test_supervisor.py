from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backoffice.errors import ServerError
from backoffice.ops.lifecycle import stop
from backoffice.ops.process import session_members
from backoffice.ops.state import RUNNING, SupervisorState, read_state, running_supervisor, state_path
from backoffice.ops.supervisor import leftovers, only_one
from backoffice.settings import Settings

SCRIPT = Path(__file__).with_name("supervised.py")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def state_of(settings: Settings) -> SupervisorState:
    state = read_state(settings)
    assert state is not None
    return state


def pid_of(settings: Settings, name: str) -> int:
    process = state_of(settings).components[name].process
    assert process is not None
    return process.pid


def journal(settings: Settings) -> list[str]:
    return (settings.home / "journal").read_text().splitlines()


def children_said(settings: Settings) -> int:
    return (settings.logs_dir / "worker.log").read_text().count("child")


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def make(mode: str) -> subprocess.Popen[bytes]:
        settings.home.mkdir(exist_ok=True)
        process = subprocess.Popen([sys.executable, str(SCRIPT), str(settings.home), mode])
        started.append(process)
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


@pytest.fixture
def supervisor(settings: Settings, start: Callable[[str], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    process = start("run")
    wait_until(lambda: state_path(settings).exists() and state_of(settings).stage == RUNNING)
    wait_until(lambda: {"api started", "shop started"} <= set(journal(settings)) and children_said(settings) == 1)
    return process


def test_it_stops_everything_in_reverse_and_leaves_no_process(settings, supervisor):
    sessions = [pid_of(settings, name) for name in ("api", "worker", "shop")]
    assert len(session_members(sessions[1])) == 2  # the worker and its deaf grandchild
    assert running_supervisor(settings) is not None

    assert stop(settings)

    assert supervisor.wait(60) == 0
    assert [session_members(session) for session in sessions] == [[], [], []]
    assert state_of(settings).stage == "stopped"
    assert running_supervisor(settings) is None
    lines = journal(settings)
    assert lines[:2] == ["source started", "platform started"]
    assert lines[-4:] == ["shop stopped", "api stopped", "platform stopped", "source stopped"]
    assert not stop(settings)


def test_a_killed_component_is_started_again_without_its_leftovers(settings, supervisor):
    before = pid_of(settings, "worker")
    api = pid_of(settings, "api")
    leftovers = session_members(before)

    os.kill(before, signal.SIGKILL)

    wait_until(lambda: state_of(settings).components["worker"].restarts == 1)
    wait_until(lambda: children_said(settings) == 2)
    assert pid_of(settings, "worker") != before
    assert session_members(before) == []
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in leftovers)
    assert pid_of(settings, "api") == api
    assert state_of(settings).components["api"].restarts == 0


def test_a_component_wanted_later_is_started_beside_the_others(settings, supervisor):
    before = {name: pid_of(settings, name) for name in ("api", "worker", "shop")}
    (settings.home / "wanted").touch()
    wait_until(lambda: "late started" in journal(settings))
    wait_until(lambda: "late" in state_of(settings).components)
    assert {name: pid_of(settings, name) for name in before} == before
    (settings.home / "wanted").unlink()  # nothing is stopped before the end
    assert stop(settings)
    assert journal(settings).count("late started") == 1 and "late stopped" in journal(settings)


def test_a_second_supervisor_is_kept_away(settings, supervisor):
    with pytest.raises(ServerError, match="already running"), only_one(settings):
        pass


def test_what_a_killed_supervisor_left_is_ended(settings, supervisor):
    sessions = [pid_of(settings, name) for name in ("api", "worker", "shop")]
    supervisor.kill()
    supervisor.wait()
    assert all(session_members(session) for session in sessions)
    assert running_supervisor(settings) is None
    assert leftovers(settings) == dict(zip(("api", "worker", "shop"), sessions, strict=True))

    stop(settings)

    assert [session_members(session) for session in sessions] == [[], [], []]
    assert leftovers(settings) == {}


def test_the_next_supervisor_ends_leftovers_before_it_starts(settings, supervisor, start):
    before = pid_of(settings, "worker")
    supervisor.kill()
    supervisor.wait()
    start("run")
    wait_until(lambda: running_supervisor(settings) and state_of(settings).stage == RUNNING)
    assert session_members(before) == []
    assert pid_of(settings, "worker") != before


def test_a_failed_preparation_stops_the_servers_and_says_why(settings, start):
    assert start("fail").wait(60) == 1
    state = state_of(settings)
    assert "the tables could not be made" in state.error
    assert state.error_log == "/logs/tables.log"
    assert state.components == {}
    assert journal(settings) == ["source started", "platform started", "platform stopped", "source stopped"]
