"""The DAGs of the project, and of a project with other sources, as Airflow loads them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.airflow.environment import child_environment
from backoffice.settings import Settings

REPORT = Path(__file__).with_name("report.py")


def load(settings: Settings) -> dict[str, Any]:
    """What ``report.py`` says about a project's DAGs."""
    database = f"sqlite:///{settings.home}/airflow.db"
    settings.home.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(REPORT)],
        env=child_environment(settings.model_copy(update={"airflow_db_url": database})),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def project_report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The checkout's own DAGs, with default settings."""
    return load(Settings(home=tmp_path_factory.mktemp("dags") / "home"))


@pytest.fixture
def report_of(settings: Settings, tmp_path: Path) -> Callable[[dict[str, str]], dict[str, Any]]:
    """Loads the checkout's DAG files over other source files, by name."""

    def make(sources: dict[str, str]) -> dict[str, Any]:
        project = tmp_path / "project"
        shutil.copytree(settings.dags_dir, project / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(
            settings.plugins_dir, project / "plugins", ignore=shutil.ignore_patterns("backoffice", "*.egg-info")
        )
        (project / "sources").mkdir()
        for name, text in sources.items():
            (project / "sources" / name).write_text(text)
        return load(settings.model_copy(update={"project_dir": project}))

    return make
