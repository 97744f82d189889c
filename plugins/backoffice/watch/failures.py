"""Failing tasks, one small file each: written by the task's own callbacks, removed by its next success.

Imported by every task, so it brings nothing heavy.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from backoffice.durable import write_text
from backoffice.settings import Settings

_LONGEST_ERROR = 600


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task that has failed ``tries`` times in a row, ``final`` when Airflow does not try again by itself."""

    dag: str
    task: str
    run: str
    tries: int
    final: bool
    error: str
    since: float
    last_at: float


def record_failure(settings: Settings, dag: str, task: str, run: str, error: str, *, final: bool) -> TaskFailure:
    """Add one failed try of a task."""
    path = _path(settings, dag, task)
    before = _read(path)
    now = time.time()
    failure = TaskFailure(
        dag=dag,
        task=task,
        run=run,
        tries=before.tries + 1 if before else 1,
        final=final,
        error=error[:_LONGEST_ERROR],
        since=before.since if before else now,
        last_at=now,
    )
    write_text(path, json.dumps(asdict(failure)))
    return failure


def clear_failure(settings: Settings, dag: str, task: str) -> None:
    """The task succeeded; nothing happens when it had not failed."""
    _path(settings, dag, task).unlink(missing_ok=True)


def failures(settings: Settings) -> list[TaskFailure]:
    """Every task whose last try failed."""
    found = (_read(path) for path in sorted(_folder(settings).glob("*.json")))
    return [failure for failure in found if failure is not None]


def _read(path: Path) -> TaskFailure | None:
    try:
        return TaskFailure(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:  # it succeeded between the listing and now
        return None


def _folder(settings: Settings) -> Path:
    return settings.alerts_dir / "failures"


def _path(settings: Settings, dag: str, task: str) -> Path:
    return _folder(settings) / f"{dag}.{task}.json"
