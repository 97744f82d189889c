from __future__ import annotations

import os
import time
from pathlib import Path

from backoffice.airflow.environment import airflow_home
from backoffice.airflow.maintenance import prune_logs

HOUR = 3600


def log(settings, name: str, age_hours: float) -> Path:
    path = airflow_home(settings) / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    when = time.time() - age_hours * HOUR
    os.utime(path, (when, when))
    return path


def test_old_logs_go_with_their_folders_and_young_ones_stay(settings):
    old = log(settings, "dag_id=refresh/run_id=1/task_id=load/attempt=1.log", settings.airflow_keep_hours + 1)
    young = log(settings, "dag_id=refresh/run_id=2/task_id=load/attempt=1.log", settings.airflow_keep_hours - 1)
    again = log(settings, "dag_id=refresh/run_id=3/task_id=load/attempt=2.log", 0)
    first = log(settings, "dag_id=refresh/run_id=3/task_id=load/attempt=1.log", settings.airflow_keep_hours + 1)
    assert prune_logs(settings) == 2
    assert not old.parent.parent.exists()
    assert not first.exists()
    assert young.exists()
    assert again.exists()


def test_an_empty_folder_of_a_starting_task_stays(settings):
    folder = airflow_home(settings) / "logs" / "dag_id=refresh" / "run_id=9"
    folder.mkdir(parents=True)
    prune_logs(settings)
    assert folder.exists()


def test_nothing_to_prune_before_the_first_start(settings):
    assert prune_logs(settings) == 0
