"""``backoffice up``: start the supervisor in the background and watch until the marts can be read."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

from rich.markup import escape

from backoffice.airflow.environment import inherited_environment
from backoffice.airflow.health import component_health, failed_runs, failed_task_log
from backoffice.airflow.names import REFRESH_DAG
from backoffice.cli.console import err
from backoffice.cli.published import published_version, unread_sources
from backoffice.cli.supervise import is_pushed_to, servers
from backoffice.errors import ServerError
from backoffice.ops.lifecycle import spawn
from backoffice.ops.postgres_process import refuse_taken_port
from backoffice.ops.state import RUNNING, SupervisorState, read_state, running_supervisor
from backoffice.ops.supervisor import end_leftovers, supervisor_log
from backoffice.settings import Settings

_POLL_SECONDS = 0.5
# One failed refresh may be a source that was not ready; a process that ended thrice will not come up by itself.
_FAILED_RUNS = 2
_RESTARTS = 3
_PUBLICATION = "waiting for the first audited publication"
# A first publication holds what had landed by then: so long a first start waits for the sources that had not.
_FIRST_ROWS_SECONDS = 180.0


def start_platform(settings: Settings) -> None:
    """Start the platform unless it runs, and return when an audited version is published.

    Raises:
        ServerError: a port is taken, a step failed, or it took longer than ``start_timeout_seconds``. What runs keeps
            running, so that it can be looked at.
    """
    process = None
    if running_supervisor(settings) is None:
        end_leftovers(settings)
        check_ports(settings)
        command = (sys.executable, "-m", "backoffice.cli.supervise")
        process = spawn(settings, command, inherited_environment(settings))
    is_first = not published_version(settings)
    with _Progress() as progress:
        _wait(settings, process, progress)
        if is_first:
            _wait_for_sources(settings, progress)


def check_ports(settings: Settings) -> None:
    """Make sure that the ports are free, before anything is started.

    Raises:
        ServerError: names the port, who holds it and the setting to change.
    """
    for server in servers(settings):
        if not server.running():
            refuse_taken_port(server.port, server.setting)
    refuse_taken_port(settings.airflow_port, "BACKOFFICE_AIRFLOW_PORT")
    refuse_taken_port(settings.watch_port, "BACKOFFICE_WATCH_PORT")
    if is_pushed_to(settings):
        refuse_taken_port(settings.push_port, "BACKOFFICE_PUSH_PORT")


class _Progress:
    """Shows each stage once, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.stage = ""
        self._spinner = err.status("starting")

    def show(self, stage: str) -> None:
        if stage == self.stage:
            return
        self.stage = stage
        err.print(f"[dim]{time.monotonic() - self._started:6.1f} s[/dim]  {escape(stage)}")
        self._spinner.update(escape(stage))

    def __enter__(self) -> _Progress:
        self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._spinner.stop()


def _wait(settings: Settings, process: subprocess.Popen[bytes] | None, progress: _Progress) -> None:
    since = datetime.now(tz=UTC)
    deadline = time.monotonic() + settings.start_timeout_seconds
    while True:
        state = _own_state(settings, process)
        if state is not None:
            _refuse_broken(state)
            if _is_ready(settings, state, progress):
                return
            if progress.stage == _PUBLICATION:
                _refuse_failing(settings, since)
        if time.monotonic() > deadline:
            raise ServerError(
                f"there is no audited publication after {settings.start_timeout_seconds:.0f} s",
                where=str(supervisor_log(settings)),
                next_step="`backoffice status` says how far it came; refresh_marts in Airflow says why",
            )
        time.sleep(_POLL_SECONDS)


def _wait_for_sources(settings: Settings, progress: _Progress) -> None:
    """Wait until readers see rows of every source that has some; one that is down is waited for only so long."""
    deadline = time.monotonic() + _FIRST_ROWS_SECONDS
    while missing := unread_sources(settings):
        if time.monotonic() > deadline:
            err.print(
                f"no rows of {escape(', '.join(missing))} yet: `backoffice status` says more; they come by themselves"
            )
            return
        progress.show(f"waiting for the first rows of {', '.join(missing)}")
        time.sleep(_POLL_SECONDS)


def _own_state(settings: Settings, process: subprocess.Popen[bytes] | None) -> SupervisorState | None:
    """The supervisor's account; None while ours has not written one yet.

    Raises:
        ServerError: it ended.
    """
    ended = process.poll() is not None if process else running_supervisor(settings) is None
    state = read_state(settings)
    if state is not None and process is not None and state.process.pid != process.pid:
        state = None
    if ended:
        raise ServerError(
            (state.error if state else "") or "the supervisor ended",
            where=(state.error_log if state else "") or str(supervisor_log(settings)),
            next_step="mend what the log names and run `make up` again",
        )
    return state


def _refuse_broken(state: SupervisorState) -> None:
    for name, component in state.components.items():
        if component.restarts >= _RESTARTS:
            raise ServerError(
                f"{name} ended {component.restarts} times",
                where=component.log,
                next_step="mend what the log names; it is started again by itself, or run `make down`",
            )


def _is_ready(settings: Settings, state: SupervisorState, progress: _Progress) -> bool:
    if state.stage != RUNNING:
        progress.show(state.stage)
        return False
    health = component_health(settings)
    missing = sorted(name for name, found in health.items() if found != "healthy")
    if missing or not health:
        progress.show(f"waiting for Airflow ({', '.join(missing) or 'api-server'})")
        return False
    if published_version(settings):
        return True
    progress.show(_PUBLICATION)
    return False


def _refuse_failing(settings: Settings, since: datetime) -> None:
    """Runs from before this command do not count: their cause may have been mended."""
    failed = failed_runs(settings, REFRESH_DAG, since)
    if len(failed) >= _FAILED_RUNS:
        log_path = failed_task_log(settings, REFRESH_DAG, failed[0])
        raise ServerError(
            f"{REFRESH_DAG} failed {len(failed)} times; the platform goes on trying",
            where=str(log_path or supervisor_log(settings)),
            next_step="mend what the log names; then `make up` again, or look at the run in Airflow",
        )
