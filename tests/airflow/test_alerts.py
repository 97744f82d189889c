"""What a task's callbacks leave for the watcher."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from backoffice.airflow import alerts
from backoffice.errors import AuditError
from backoffice.settings import Settings
from backoffice.watch.failures import failures


@pytest.fixture
def context(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(alerts, "get_settings", lambda: settings)
    task = SimpleNamespace(dag_id="collect_shop", task_id="collect", run_id="run1")
    return {"ti": task, "exception": ValueError("the source\nis away")}


def test_failed_tries_are_counted_until_the_task_works_again(settings, context):
    for _ in range(2):
        alerts.CALLBACKS["on_retry_callback"](context)
    (failure,) = failures(settings)
    assert (failure.dag, failure.task, failure.run, failure.tries, failure.final) == (
        "collect_shop",
        "collect",
        "run1",
        2,
        False,
    )
    assert failure.error == "the source is away"
    alerts.CALLBACKS["on_failure_callback"](context | {"exception": None})
    (last,) = failures(settings)
    assert (last.tries, last.final, last.error, last.since) == (3, True, "", failure.since)
    alerts.CALLBACKS["on_success_callback"](context)
    assert failures(settings) == []
    alerts.CALLBACKS["on_success_callback"](context)


def test_a_withheld_publication_is_not_also_a_failed_task(settings, context):
    alerts.task_failed(context | {"exception": AuditError("invariant I07 broke")})
    assert failures(settings) == []


def test_a_task_pays_for_no_heavy_import():
    script = "import sys, backoffice.airflow.alerts; print({'duckdb', 'psycopg', 'airflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
