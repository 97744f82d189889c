"""A platform of its own, started as `backoffice up` does, whose processes are found by kind and killed."""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import psycopg

from backoffice.ops.postgres import platform_cluster, source_cluster
from backoffice.ops.postgres_process import postmaster
from backoffice.ops.process import session_members
from backoffice.ops.state import read_state, running_supervisor
from backoffice.simulate import connect
from own_platform import ShopPlatform

log = logging.getLogger(__name__)

SOURCE = "shop"
WEIGHTS = {  # those that take long to come back are killed seldom: their absence would shield the others
    "collector": 6,
    "refresh task": 8,
    "task worker": 2,
    "source server": 2,
    "source backend": 2,
    "platform server": 1,
    "platform backend": 1,
    "demo-shop": 1,
    "scheduler": 0.5,
    "dag-processor": 1,
    "triggerer": 1,
    "api-server": 0.5,
    "supervisor": 0.3,
}
_WORKER = "airflow worker -- "
_SOURCE_SECONDS = 300.0


class SoakPlatform(ShopPlatform):
    """The shop's platform. Whoever killed its supervisor starts it again: nobody else would.

    Args:
        folder: of its own.
        file_seconds: cadence of the DuckDB file.
    """

    def __init__(self, folder: Path, file_seconds: float) -> None:
        super().__init__(folder, marts_file_seconds=file_seconds)
        self.killed: Counter[str] = Counter()
        self._starting: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start and wait for a publication.

        Raises:
            RuntimeError: it did not start.
        """
        self._starting = self.begin_start()
        if self._starting.wait():
            raise RuntimeError(f"the platform did not start; see {self.settings.logs_dir}")

    def keep_up(self) -> None:
        """Start the supervisor again if it was killed, as an operator would."""
        if self._starting is not None and self._starting.poll() is None:
            return
        if running_supervisor(self.settings) is None:
            self._starting = self.begin_start()

    def wait_for_source(self) -> None:
        """Return once the source answers.

        Raises:
            psycopg.OperationalError: it does not within five minutes.
        """
        deadline = time.monotonic() + _SOURCE_SECONDS
        while True:
            self.keep_up()
            try:
                connect(self.settings).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def down(self) -> None:
        """Stop everything and keep the data."""
        if self._starting is not None and self._starting.poll() is None:
            self._starting.terminate()
            self._starting.wait()
        super().down()

    def kill(self, rng: random.Random) -> str:
        """Kill a process at random; returns its kind, empty when there was none of the kind drawn."""
        kind = rng.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
        found = self._processes(kind)
        if not found:
            return ""
        process = rng.choice(found)
        # SIGQUIT is PostgreSQL's immediate stop
        number = rng.choice((signal.SIGKILL, signal.SIGQUIT)) if kind.endswith(" server") else signal.SIGKILL
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return ""
        self.killed[kind] += 1
        log.info("killed %s (pid %d, %s)", kind, process.pid, signal.Signals(number).name)
        return kind

    def _processes(self, kind: str) -> list[psutil.Process]:
        """Living processes of a kind, all of this platform."""
        if kind == "supervisor":
            state = running_supervisor(self.settings)
            return [psutil.Process(state.process.pid)] if state else []
        name, _, part = kind.partition(" ")
        if name in ("source", "platform"):
            cluster = (source_cluster if name == "source" else platform_cluster)(self.settings)
            server = postmaster(cluster.data_dir)
            return [] if server is None else [server] if part == "server" else server.children()
        if kind in ("collector", "refresh task", "task worker"):
            return self._tasks(kind)
        return [leader for leader in self._leaders(kind) if leader.is_running()]

    def _leaders(self, component: str) -> list[psutil.Process]:
        state = read_state(self.settings)
        record = state.components.get(component) if state else None
        alive = record is not None and record.process is not None and record.process.alive()
        return [psutil.Process(record.process.pid)] if alive and record and record.process else []

    def _tasks(self, kind: str) -> list[psutil.Process]:
        """Airflow's workers, and the two whose names stand in the collector's lock and in the lease."""
        members = [found for leader in self._leaders("scheduler") for found in session_members(leader.pid)]
        if kind == "task worker":
            return [process for process in members if _title(process).startswith(_WORKER)]
        collector = self.settings.collect_dir / f"{SOURCE}.lock"
        path = collector if kind == "collector" else self.settings.warehouse_path.parent / "lease.json"
        pid = _pid(path)
        return [process for process in members if process.pid == pid]


def _pid(path: Path) -> int:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["pid"])
    except (FileNotFoundError, ValueError, KeyError):  # free, or being written
        return 0


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
