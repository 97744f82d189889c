"""Starting and stopping the supervisor in the background, and removing everything it made."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from backoffice.errors import ServerError, SettingsError
from backoffice.ops.postgres import platform_cluster, remove_data, source_cluster
from backoffice.ops.process import rotate
from backoffice.ops.state import read_state, running_supervisor
from backoffice.ops.supervisor import end_leftovers, only_one, supervisor_log
from backoffice.settings import Settings

_POLL_SECONDS = 0.2
# Longer than a refresh step is given to end, and PostgreSQL after it
_STOP_SECONDS = 180.0


def spawn(settings: Settings, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the supervisor as a process of its own that outlives the terminal; its output goes to its log."""
    path = supervisor_log(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    rotate(path, settings.log_file_mb * 1_000_000)
    with path.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=settings.project_dir,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stop(settings: Settings) -> bool:
    """Stop the platform and wait until no process of it is left, also when its supervisor was killed.

    Returns:
        whether anything was running.

    Raises:
        ServerError: it did not end.
    """
    state = running_supervisor(settings)
    if state is None:
        return _stop_leftovers(settings)
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while state.process.alive():
        if time.monotonic() > deadline:
            raise ServerError(
                f"the supervisor (pid {state.process.pid}) does not end",
                where=str(supervisor_log(settings)),
                next_step="look at what it waits for; `kill -9` it and run `make down` again as a last resort",
            )
        time.sleep(_POLL_SECONDS)
    return True


def _stop_leftovers(settings: Settings) -> bool:
    if read_state(settings) is None:
        return False
    with only_one(settings):
        end_leftovers(settings)
        running = [server for server in (platform_cluster(settings), source_cluster(settings)) if server.running()]
        for server in running:
            server.stop()
    return bool(running)


def reset(settings: Settings) -> None:
    """Stop the platform and delete its home folder: landed batches, warehouse, marts, servers, secrets, logs.

    Raises:
        SettingsError: the folder does not look like one of the platform's.
    """
    home = settings.home.resolve()
    if not home.exists():
        return
    _refuse_foreign(settings, home)
    stop(settings)
    remove_data(settings)
    shutil.rmtree(home)


def _refuse_foreign(settings: Settings, home: Path) -> None:
    project = settings.project_dir.resolve()
    holds_others = home in (project, *project.parents, Path.home().resolve())
    is_ours = settings.secrets_path.exists() or settings.logs_dir.exists() or not any(home.iterdir())
    if holds_others or not is_ours:
        raise SettingsError(
            "this folder does not look like the platform's home, so it is not deleted",
            where=f"{home} (BACKOFFICE_HOME)",
            rule="a home folder holds secrets.json or logs/, and not the project",
            next_step="check BACKOFFICE_HOME, or delete the folder yourself",
        )
