"""How Airflow does, as seen from outside."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from backoffice.airflow.api import AirflowApi
from backoffice.airflow.environment import airflow_home, airflow_url
from backoffice.settings import Settings

_TIMEOUT_SECONDS = 3.0


def component_health(settings: Settings) -> dict[str, str]:
    """Status by component, such as ``scheduler`` or ``metadatabase``; empty when Airflow cannot be reached."""
    try:
        answer = httpx.get(f"{airflow_url(settings)}/api/v2/monitor/health", timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        components: dict[str, dict[str, Any]] = answer.json()
    except (httpx.HTTPError, ValueError):
        return {}
    return {name: str(found["status"]) for name, found in components.items()}


def is_healthy(settings: Settings) -> bool:
    """Whether every component of Airflow reports itself healthy."""
    found = component_health(settings)
    return bool(found) and set(found.values()) == {"healthy"}


def failed_runs(settings: Settings, dag_id: str, since: datetime) -> list[str]:
    """Ids of the DAG's runs that started since and failed, newest first.

    Raises:
        ServerError: Airflow cannot be asked.
    """
    with AirflowApi.as_admin(settings) as api:
        found = api.get(
            # of all DAGs: one that Airflow has not read yet has none, and is no error
            "/api/v2/dags/~/dagRuns",
            state="failed",
            start_date_gte=since.isoformat(),
            order_by="-start_date",
            limit=100,
        )
    return [str(run["dag_run_id"]) for run in found["dag_runs"] if run["dag_id"] == dag_id]


def failed_task_log(settings: Settings, dag_id: str, run_id: str) -> Path | None:
    """The log of the task that failed the run, if it wrote one.

    Raises:
        ServerError: Airflow cannot be asked.
    """
    with AirflowApi.as_admin(settings) as api:
        found = api.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", state="failed")
    for task in found["task_instances"]:
        folder = (
            airflow_home(settings) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
        )
        path = folder / f"attempt={task['try_number']}.log"
        if path.exists():
            return path
    return None


def readable_log(lines: list[str]) -> list[str]:
    """Task log lines (JSON) as a person reads them: time, level, message, and an error's type and text."""
    return [_readable(line) for line in lines]


def _readable(line: str) -> str:
    try:
        entry: dict[str, Any] = json.loads(line)
        text = f"{entry['timestamp'][:19]} {entry['level']:<8} {entry['event']}"
    except (ValueError, KeyError, TypeError):
        return line
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail", [])]
    return "\n".join([text, *errors])
