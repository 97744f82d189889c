"""The foreground supervisor: PostgreSQL, then what must be prepared, then every component, until told to stop.

A signal stops everything in reverse, PostgreSQL last, and leaves no process. What it is doing stands in
``supervisor.json``; each component has a log of its own.
"""

from __future__ import annotations

import fcntl
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from backoffice.errors import BackofficeError, ServerError
from backoffice.ops.process import Component, SupervisedProcess, kill_session, rotate, session_members
from backoffice.ops.state import RUNNING, ProcessRecord, new_state, read_state, write_state
from backoffice.settings import Settings

log = logging.getLogger(__name__)

_WATCH_SECONDS = 0.5
_SERVER_WATCH_SECONDS = 5.0
_COMPONENT_WATCH_SECONDS = 2.0
# A collector ends at once; a refresh step may be in the middle of a build. Killing it loses nothing.
_STOP_SECONDS = 45.0


class Server(Protocol):
    """A database server that is started before and stopped after everything else."""

    name: str

    def start(self) -> None:
        """Ready on return; nothing happens when it runs."""

    def stop(self) -> None:
        """Ended on return."""

    def running(self) -> bool:
        """Whether it runs."""


@dataclass(frozen=True)
class Preparation:
    """Something to be done once the servers run and before the components start."""

    title: str
    run: Callable[[], None]


class Supervisor:
    """Starts, watches and stops the platform's processes.

    Args:
        settings: folders and log sizes.
        servers: database servers, in the order they start.
        preparations: done in order after the servers run.
        components: called after the preparations, because a component's environment may depend on them, and again
            every few seconds: one that is wanted since then is started. None is stopped before the end.
    """

    def __init__(
        self,
        settings: Settings,
        servers: Sequence[Server],
        preparations: Sequence[Preparation],
        components: Callable[[], Sequence[Component]],
    ) -> None:
        self._settings = settings
        self._servers = servers
        self._preparations = preparations
        self._components = components
        self._children: list[SupervisedProcess] = []
        self._stopping = threading.Event()
        self._state = new_state()
        self._servers_due = 0.0
        self._components_due = 0.0

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            ServerError: another supervisor runs.
            BackofficeError: something could not be started; everything is stopped again.
        """
        with only_one(self._settings):
            end_leftovers(self._settings)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: self._stopping.set())
            try:
                self._start()
                self._watch()
            except Exception as error:
                self._state.error = str(error)
                self._state.error_log = getattr(error, "where", "")
                raise
            finally:
                self._stop()

    def _start(self) -> None:
        for server in self._servers:
            self._enter(f"starting PostgreSQL ({server.name})")
            server.start()
        for preparation in self._preparations:
            if self._stopping.is_set():
                return
            self._enter(preparation.title)
            preparation.run()
        self._enter("starting the processes")
        self._start_wanted()
        self._enter(RUNNING)

    def _start_wanted(self) -> bool:
        """Start the components that do not run yet; whether there were any."""
        self._components_due = time.monotonic() + _COMPONENT_WATCH_SECONDS
        known = {child.component.name for child in self._children}
        wanted = [component for component in self._components() if component.name not in known]
        for component in wanted:
            child = SupervisedProcess(
                component, self._settings.logs_dir / f"{component.name}.log", self._settings.log_file_mb * 1_000_000
            )
            self._children.append(child)
            child.start()
        return bool(wanted)

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            rotate(supervisor_log(self._settings), self._settings.log_file_mb * 1_000_000)
            self._watch_servers()
            changes = [child.watch() for child in self._children]
            if any(changes) or (time.monotonic() >= self._components_due and self._start_wanted()):
                self._write()

    def _watch_servers(self) -> None:
        if time.monotonic() < self._servers_due:
            return
        self._servers_due = time.monotonic() + _SERVER_WATCH_SECONDS
        for server in self._servers:
            if not server.running():
                log.error("PostgreSQL (%s) ended and is started again", server.name)
                self._start_again(server)

    def _start_again(self, server: Server) -> None:
        try:
            server.start()
        except BackofficeError as error:
            log.error("tried again in %.0f s: %s", _SERVER_WATCH_SECONDS, error)

    def _stop(self) -> None:
        self._enter("stopping")
        for last in (False, True):
            wave = [child for child in self._children if child.component.stop_last is last]
            for child in reversed(wave):
                child.ask_to_stop()
            for child in reversed(wave):
                child.wait_stopped(_STOP_SECONDS)
        for server in reversed(self._servers):
            server.stop()
        self._enter("stopped")

    def _enter(self, stage: str) -> None:
        log.info(stage)
        self._state.stage = stage
        self._write()

    def _write(self) -> None:
        self._state.components = {child.component.name: child.record() for child in self._children}
        write_state(self._settings, self._state)


def supervisor_log(settings: Settings) -> Path:
    """The supervisor's own log when it runs in the background."""
    return settings.logs_dir / "supervisor.log"


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Keep a second supervisor of the same home away.

    Raises:
        ServerError: one runs.
    """
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    with (settings.home / "supervisor.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServerError(
                "the platform is already running", where=str(settings.home), next_step="`make down` stops it"
            ) from error
        yield


def leftovers(settings: Settings) -> dict[str, int]:
    """Components of a supervisor that was killed itself and that still run, with the pid that leads their session."""
    state = read_state(settings)
    if state is None or state.process.alive():
        return {}
    led = {name: found.process for name, found in state.components.items() if found.process}
    return {name: process.pid for name, process in led.items() if _still_ours(process) and session_members(process.pid)}


def end_leftovers(settings: Settings) -> None:
    """Kill them: two schedulers must not share a database."""
    for name, pid in leftovers(settings).items():
        log.warning("%s (pid %d) was left by a killed supervisor and is ended", name, pid)
        kill_session(pid)


def _still_ours(process: ProcessRecord) -> bool:
    """Whether a session with this id can only be that process's: it lives, or the pid has not been given away."""
    return process.alive() or not psutil.pid_exists(process.pid)
