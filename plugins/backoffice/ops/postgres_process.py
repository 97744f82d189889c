"""Which processes are a data directory's server: a pid in a file is believed only after a look at the process."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from backoffice.addresses import LOOPBACK
from backoffice.errors import ServerError

_ORPHAN_SECONDS = 5.0
_POLL_SECONDS = 0.05


def postmaster(data_dir: Path) -> psutil.Process | None:
    """The running server of a data directory.

    A pid may be left over from before a crash or a reboot and belong to any process by now: it counts only when that
    process is ``postgres -D <this directory>``. The command line is compared because it can be read without the
    ptrace right, which root does not have inside a default container.
    """
    lines = _pid_file_lines(data_dir)
    if not lines or not lines[0].strip().isdigit():
        return None
    try:
        process = psutil.Process(int(lines[0]))
        command = process.cmdline()  # empty for a zombie
    except psutil.Error:
        return None
    is_server = bool(command) and Path(command[0]).name == "postgres" and str(data_dir) in command
    return process if is_server else None


def recorded_port(data_dir: Path) -> int:
    """The port in ``postmaster.pid``, or 0."""
    lines = _pid_file_lines(data_dir)
    return int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else 0


def _pid_file_lines(data_dir: Path) -> list[str]:
    try:
        return (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise ServerError(
            "the server's folder belongs to another user",
            where=str(data_dir),
            next_step="run as the user who started the platform first",
        ) from error


def clear_crashed(data_dir: Path, cluster_name: str) -> None:
    """After a killed postmaster: end its orphans and remove its pid file, so that the next start recovers.

    A backend in the middle of a long computation outlives its postmaster and keeps the shared memory, which makes the
    next server refuse to start. Orphans are known by the cluster's name in their title.
    """
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in _orphans(cluster_name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        wait_until(lambda: not _orphans(cluster_name), _ORPHAN_SECONDS)
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _orphans(cluster_name: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _title(process).startswith(f"postgres: {cluster_name}: ")]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())  # empty for a zombie
    except psutil.Error:
        return ""


def ended(process: psutil.Process) -> bool:
    """Whether a process is gone, or dead and not yet collected by its parent."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def refuse_taken_port(port: int, setting: str) -> None:
    """Raise when something listens on the port of 127.0.0.1.

    Raises:
        ServerError: names the port, who holds it as far as the system tells, and the setting to change.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise ServerError(
                f"port {port} cannot be used: {error.strerror}",
                where=f"{LOOPBACK}:{port}, held by {_holder(port)}",
                next_step=f"stop that process, or set {setting} to a free port",
            ) from error


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"pid {connection.pid} ({_title(psutil.Process(connection.pid))[:120]})"
    except psutil.Error as error:
        return f"a process that cannot be named ({error})"
    return "a process of another user"
