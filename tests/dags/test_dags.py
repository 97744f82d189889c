from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.airflow.test_environment import SOURCE

from backoffice.airflow.environment import child_environment
from backoffice.airflow.names import pools
from backoffice.airflow.sources import readable_sources
from backoffice.settings import Settings

pytestmark = pytest.mark.airflow

CHECKOUT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("snapshot.json")
FILES = [
    "backfill.py",
    "collect.py",
    "full_build.py",
    "maintenance.py",
    "publication.py",
    "quarantine_review.py",
    "refresh_marts.py",
    "repairs.py",
    "source_files.py",
]
REPAIRS = {"rebuild", "replay", "backfill", "full_build"}
STANDING = {"refresh_marts", "rollback_marts", "publish_marts", "maintenance", "quarantine_review", *REPAIRS}


def test_every_dag_file_was_found_and_loads(project_report):
    assert project_report["files"] == FILES == sorted(path.name for path in (CHECKOUT / "dags").glob("*.py"))
    assert project_report["import_errors"] == {}


def test_the_wiring_is_the_one_that_was_reviewed(project_report):
    """After a change that is meant: `python -m tests.dags.write_snapshot`, and the diff is what is reviewed."""
    assert project_report["dags"] == json.loads(SNAPSHOT.read_text())


def test_loading_the_dags_brings_no_heavy_library(project_report):
    assert project_report["modules"] == []


def test_every_source_has_its_dag_and_wakes_the_refresh(project_report):
    sources = readable_sources(Settings())
    assert sources
    assert {name for name in project_report["dags"] if name.startswith("collect_")} == {
        source.dag_id for source in sources.values()
    }
    woken_by = project_report["dags"]["refresh_marts"]["woken_by"]
    assert woken_by == sorted(f"backoffice://landed/{name}" for name in sources)


def test_every_task_names_a_pool_that_is_made_at_start(project_report):
    made = {pool.name for pool in pools(1)} | {"default_pool"}
    named = {task["pool"] for dag in project_report["dags"].values() for task in dag["tasks"].values()}
    assert named <= made


def test_every_dag_is_documented_and_every_task_can_end(project_report):
    for name, dag in project_report["dags"].items():
        assert dag["documented"], name
        assert all(task["execution_timeout"] or task["response_timeout"] for task in dag["tasks"].values()), name


def test_a_broken_source_file_is_reported_and_takes_no_other_dag_away(report_of):
    report = report_of({"east.yaml": SOURCE.format(name="east"), "west.yaml": "source: [west"})
    assert set(report["dags"]) == {"collect_east", *STANDING}
    assert list(report["import_errors"]) == ["source_files.py"]
    assert "west.yaml" in report["import_errors"]["source_files.py"]
    assert report["dags"]["refresh_marts"]["woken_by"] == ["backoffice://landed/east"]


def test_without_sources_the_refresh_still_runs_every_minute(report_of):
    report = report_of({})
    assert report["import_errors"] == {}
    assert set(report["dags"]) == STANDING
    assert report["dags"]["refresh_marts"]["schedule"] == "* * * * *"


def test_airflow_loads_the_plugin_and_nothing_of_the_package(settings):
    script = """
import sys
from airflow import plugins_manager
plugins_manager.ensure_plugins_loaded()
assert plugins_manager.get_import_errors() == {}, plugins_manager.get_import_errors()
print([p["name"] for p in plugins_manager.get_plugin_info() if p["name"] == "backoffice"])
print(sorted(m for m in ("dbt", "great_expectations", "streamlit", "duckdb", "backoffice.cli") if m in sys.modules))
"""
    environment = child_environment(
        settings.model_copy(update={"airflow_db_url": f"sqlite:///{settings.home}/unused.db"})
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-2:] == ["['backoffice']", "[]"]


def test_dag_files_are_short_and_hold_no_work():
    for path in (CHECKOUT / "dags").glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 60, path.name
        assert not any(word in text for word in ("SELECT ", "open(", "subprocess", "psycopg", "duckdb")), path.name
        assert ast.get_docstring(ast.parse(text)), path.name


def test_no_dag_file_is_named_like_a_dbt_plugin():
    """The dbt library imports every top-level module called dbt_*, and Airflow puts the dags folder on the path."""
    assert not list((CHECKOUT / "dags").glob("dbt_*"))


def test_the_watcher_is_told_of_every_task_that_fails(project_report):
    told = ["task_failed", "task_retried", "task_succeeded"]
    for name, dag in project_report["dags"].items():
        assert all(task["callbacks"] == told for task in dag["tasks"].values()), name
