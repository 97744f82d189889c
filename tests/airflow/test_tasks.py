from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace

import pytest

from backoffice.airflow import tasks
from backoffice.airflow.tasks import REFRESH_STEPS, holder_of, release_lease
from backoffice.ops import cycle
from backoffice.warehouse.lease import Lease


@pytest.fixture
def used(settings, monkeypatch):
    monkeypatch.setattr(tasks, "get_settings", lambda: settings)
    return settings


def context(run_id: str) -> dict[str, SimpleNamespace]:
    return {"dag_run": SimpleNamespace(dag_id="refresh_marts", run_id=run_id)}


def test_the_steps_are_the_cycle_s():
    assert REFRESH_STEPS == cycle.STEPS


def test_a_failed_run_gives_up_its_lease(used):
    with Lease(used).held(holder_of("refresh_marts", "one"), release=False):
        pass
    assert Lease(used).current() is not None
    release_lease(context("one"))
    assert Lease(used).current() is None


def test_a_failed_run_leaves_the_lease_of_another_alone(used):
    with Lease(used).held("command:1", release=False):
        pass
    release_lease(context("one"))
    assert Lease(used).current().holder == "command:1"


def test_sigterm_tells_the_collector_to_stop_and_is_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with tasks._set_by_sigterm() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
    assert signal.getsignal(signal.SIGTERM) is before
    assert threading.current_thread() is threading.main_thread()
