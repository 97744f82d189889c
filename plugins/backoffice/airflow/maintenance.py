"""Keeping Airflow small: a cycle every few seconds is tens of thousands of runs and task logs a day."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backoffice.airflow.environment import airflow_home, child_environment
from backoffice.errors import ServerError
from backoffice.settings import Settings


def clean_database(settings: Settings) -> None:
    """Delete metadata of runs older than ``airflow_keep_hours``, in a process of its own: tasks may not open it.

    Raises:
        ServerError: ``airflow db clean`` failed; its output is in the task's log.
    """
    before = datetime.now(tz=UTC) - timedelta(hours=settings.airflow_keep_hours)
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    command += ["--clean-before-timestamp", before.isoformat()]
    done = subprocess.run(
        command, env=child_environment(settings), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise ServerError(
            f"`airflow db clean` ended with {done.returncode}: {(done.stderr or done.stdout)[-1000:]}",
            next_step="run `airflow db clean` by hand with --verbose",
        )


def prune_logs(settings: Settings) -> int:
    """Delete task and parse logs not written to for ``airflow_keep_hours``, and the folders this leaves empty.

    Returns:
        how many files were removed.
    """
    oldest = time.time() - settings.airflow_keep_hours * 3600
    top = airflow_home(settings) / "logs"
    removed = 0
    touched: set[Path] = set()
    for name, _, files in os.walk(top, topdown=False):
        folder = Path(name)
        old = [folder / file for file in files if (folder / file).lstat().st_mtime < oldest]
        for path in old:
            path.unlink()
        removed += len(old)
        # Only what was emptied here: an empty folder may belong to a task that is just starting.
        if (old or folder in touched) and folder != top and not any(folder.iterdir()):
            folder.rmdir()
            touched.add(folder.parent)
    return removed
