"""Loads every DAG of the project as Airflow does and prints what it is made of as JSON.

Run in a process of its own: Airflow reads its environment when it is imported and changes the logging of its process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Print the report; everything Airflow itself prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(report(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])), out, indent=1, sort_keys=True)
    out.write("\n")
    out.close()


def report(folder: Path) -> dict[str, Any]:
    """Files found, import errors and DAGs."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(folder), bundle_path=folder, load_op_links=False)
    return {
        "files": sorted(Path(stat.file).name for stat in bag.dagbag_stats),
        "import_errors": bag.import_errors,
        "modules": sorted(heavy for heavy in HEAVY if heavy in sys.modules),
        "dags": {dag_id: describe(dag) for dag_id, dag in bag.dags.items()},
    }


HEAVY = ("dbt", "great_expectations", "streamlit", "duckdb", "pandas")


def describe(dag: Any) -> dict[str, Any]:
    """What decides when a DAG runs and what it does."""
    condition = dag.timetable.asset_condition
    inner = getattr(dag.timetable, "timetable", dag.timetable)
    return {
        "file": Path(dag.fileloc).name,
        "timetable": type(dag.timetable).__name__,
        "schedule": getattr(inner, "expression", None) or type(inner).__name__,
        "woken_by": sorted(asset.uri for asset in getattr(condition, "objects", ())),
        "condition": None if condition is None else type(condition).__name__,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout": text(dag.dagrun_timeout),
        "tags": sorted(dag.tags),
        "on_failure": names(dag.on_failure_callback),
        "documented": bool(dag.doc_md),
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def names(callbacks: Any) -> list[str]:
    """Names of one callback, several or none."""
    found = callbacks if isinstance(callbacks, list) else [callbacks] * (callbacks is not None)
    return [callback.__name__ for callback in found]


def describe_task(task: Any) -> dict[str, Any]:
    """What decides how a task runs."""
    return {
        "after": sorted(task.upstream_task_ids),
        "pool": task.pool,
        "outlets": sorted(outlet.uri for outlet in task.outlets),
        "retries": task.retries,
        "retry_delay": text(task.retry_delay),
        "retry_exponential_backoff": task.retry_exponential_backoff,
        "max_retry_delay": text(task.max_retry_delay),
        "execution_timeout": text(task.execution_timeout),
        # a question to a person waits outside the worker and has a limit of its own
        "response_timeout": text(getattr(task, "response_timeout", None)),
        "callbacks": sorted(
            name for when in ("failure", "retry", "success") for name in names(getattr(task, f"on_{when}_callback"))
        ),
    }


def text(value: Any) -> str | None:
    """A duration as a person reads it."""
    return None if value is None else str(value)


if __name__ == "__main__":
    main()
