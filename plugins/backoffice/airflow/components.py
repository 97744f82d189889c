"""Airflow's processes, and what must be done before they start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from backoffice.airflow.bootstrap import is_prepared
from backoffice.airflow.environment import airflow_home, child_environment
from backoffice.errors import ServerError
from backoffice.ops.process import Component, rotate
from backoffice.settings import Settings

# Without --skip-serve-logs these two serve task logs on all interfaces; the API server reads the files itself.
_COMMANDS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def airflow_components(settings: Settings) -> Sequence[Component]:
    """Airflow's four processes."""
    environment = child_environment(settings)
    return [
        Component(
            name,
            (sys.executable, "-m", "airflow", *arguments),
            environment,
            # tasks that are finishing report their end through it
            stop_last=name == "api-server",
        )
        for name, arguments in _COMMANDS.items()
    ]


def prepare_airflow(settings: Settings) -> None:
    """Migrate Airflow's database and set users and pools, unless nothing changed since it was last done.

    Raises:
        ServerError: it failed; names the log.
    """
    home = airflow_home(settings)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if is_prepared(settings):
        return
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    log_path = settings.logs_dir / "airflow-prepare.log"
    rotate(log_path, settings.log_file_mb * 1_000_000)
    with log_path.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "backoffice.airflow.bootstrap"],
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ServerError(
            f"Airflow's database could not be made ready (code {done.returncode})",
            where=str(log_path),
            next_step="mend what the log names and start again",
        )
