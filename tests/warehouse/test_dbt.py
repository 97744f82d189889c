"""dbt in process: parsed once, inherited by forked tasks, parsed again when the project changes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from backoffice.settings import Settings
from backoffice.warehouse import dbt

MODEL = "{{ config(materialized='view', schema='marts') }}\nselect * from {{ source('meta', 'batch') }}\n"


def _in_a_fork(check: object, seconds: float = 60.0) -> int:
    """Exit code of a forked child that calls ``check``; a child that hangs is killed and counts as failed."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)  # type: ignore[operator]
        except BaseException:
            os._exit(2)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def test_a_forked_task_parses_a_project_that_changed(small_project: Path, tmp_path: Path) -> None:
    """A task is forked from a process that has parsed; the change must neither hang it nor be missed."""
    settings = Settings(project_dir=small_project, home=tmp_path)
    before = dbt.fingerprint(settings)
    assert "model.backoffice.dim_date" in dbt.manifest(settings).nodes
    added = [settings.dbt_dir / "models" / "marts" / f"mart_added_{number}.sql" for number in range(20)]
    try:
        for path in added:
            path.write_text(MODEL, encoding="utf-8")
        assert dbt.fingerprint(settings) != before
        assert _in_a_fork(lambda: "model.backoffice.mart_added_19" in dbt.manifest(settings).nodes) == 0
    finally:
        for path in added:
            path.unlink()


def test_a_forked_task_inherits_the_parsed_project(small_project: Path, tmp_path: Path) -> None:
    settings = Settings(project_dir=small_project, home=tmp_path)
    parsed = dbt.manifest(settings)
    assert _in_a_fork(lambda: dbt.manifest(settings) is parsed) == 0
