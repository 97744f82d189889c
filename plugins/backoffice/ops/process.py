"""One supervised process with everything it starts: its own session, so that nothing of it is ever left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from backoffice.ops.state import ComponentRecord, ProcessRecord

log = logging.getLogger(__name__)

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 30.0
_SETTLED_SECONDS = 60.0  # one that ran this long starts again at once when it ends
_KILL_SECONDS = 5.0
_LOGS_KEPT = 3


@dataclass(frozen=True)
class Component:
    """A command to keep running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_last: bool = False  # others need it while they finish


class SupervisedProcess:
    """A component's process: started, watched, started again with back-off, stopped with all its descendants."""

    def __init__(self, component: Component, log_path: Path, log_bytes: int) -> None:
        self.component = component
        self._log_path = log_path
        self._log_bytes = log_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._not_before = 0.0
        self._backoff = _FIRST_BACKOFF
        self._restarts = -1
        self._record: ProcessRecord | None = None

    def start(self) -> None:
        """Start the command in a session of its own, its output going to the end of its log."""
        rotate(self._log_path, self._log_bytes)
        with self._log_path.open("ab") as output:
            self._process = subprocess.Popen(
                self.component.command,
                env=dict(self.component.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.time()
        self._restarts += 1
        self._record = ProcessRecord.of(self._process.pid)
        log.info("%s started with pid %d", self.component.name, self._process.pid)

    def watch(self) -> bool:
        """Start the command again if it ended and its back-off is over. Returns whether anything changed."""
        rotate(self._log_path, self._log_bytes)
        if self._process is not None:
            if self._process.poll() is None:
                return False
            self._bury()
            return True
        if time.monotonic() < self._not_before:
            return False
        self.start()
        return True

    def record(self) -> ComponentRecord:
        """For the supervisor's account."""
        return ComponentRecord(
            process=self._record, since=self._started, restarts=self._restarts, log=str(self._log_path)
        )

    def ask_to_stop(self) -> None:
        """SIGTERM to the process group: Airflow's workers pass it on to the tasks they run."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def wait_stopped(self, seconds: float) -> None:
        """Wait for the end; what is left then is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %.0f s and is killed", self.component.name, seconds)
        kill_session(self._process.pid)
        self._process.wait()
        log.info("%s stopped", self.component.name)
        self._process = self._record = None

    def _bury(self) -> None:
        """After the command ended by itself: end what it left behind, and decide when to start it again."""
        assert self._process is not None
        if time.time() - self._started > _SETTLED_SECONDS:
            self._backoff = _FIRST_BACKOFF
        log.error(
            "%s ended with %s and is started again in %.0f s; its log is %s",
            self.component.name,
            self._process.returncode,
            self._backoff,
            self._log_path,
        )
        kill_session(self._process.pid)
        self._not_before = time.monotonic() + self._backoff
        self._backoff = min(self._backoff * 2, _LONGEST_BACKOFF)
        self._process = self._record = None


def session_members(leader: int) -> list[psutil.Process]:
    """Every process of a session. Its id is its leader's pid, which is not given away while a member lives.

    Airflow puts each task into a process group of its own and its parent may have died: only the session finds it.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_session(leader: int) -> None:
    """SIGKILL whatever is left of a session, again until nothing is."""
    deadline = time.monotonic() + _KILL_SECONDS
    while (members := session_members(leader)) and time.monotonic() < deadline:
        for process in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(members, timeout=0.2)


def rotate(path: Path, limit: int) -> None:
    """Set a log aside when it is longer than ``limit`` bytes, keeping a few older ones.

    It is copied and cut: its writer has it open for appending and goes on writing to the same file. A line written
    between the two is lost.
    """
    if not path.exists() or path.stat().st_size <= limit:
        return
    for number in range(_LOGS_KEPT - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)
