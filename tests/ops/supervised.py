"""A supervisor over small real processes, run by the tests as a process of its own: ``supervised.py <home> <mode>``."""

from __future__ import annotations

import sys
from pathlib import Path

from backoffice.errors import BackofficeError, ServerError
from backoffice.ops.process import Component
from backoffice.ops.supervisor import Preparation, Supervisor
from backoffice.settings import Settings

# A worker as Airflow has them: a grandchild in a process group of its own, deaf to SIGTERM.
PARENT = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, time
os.setpgid(0, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
'''])
print("child", child.pid, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(600)
"""
LOGGED = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + " stopped\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(sys.argv[1], "a").write(sys.argv[2] + " started\\n")
time.sleep(600)
"""


class Recorder:
    """A server that only says what was done to it."""

    def __init__(self, name: str, journal: Path) -> None:
        self.name = name
        self._journal = journal
        self._runs = False

    def start(self) -> None:
        self._runs = True
        self._write("started")

    def stop(self) -> None:
        self._runs = False
        self._write("stopped")

    def running(self) -> bool:
        return self._runs

    def _write(self, what: str) -> None:
        with self._journal.open("a") as file:
            file.write(f"{self.name} {what}\n")


def components(journal: Path) -> list[Component]:
    python = sys.executable
    late = [Component("late", (python, "-c", LOGGED, str(journal), "late"), {})]
    return [
        *(late if journal.with_name("wanted").exists() else []),
        Component("api", (python, "-c", LOGGED, str(journal), "api"), {}, stop_last=True),
        Component("worker", (python, "-c", PARENT), {}),
        Component("shop", (python, "-c", LOGGED, str(journal), "shop"), {}),
    ]


def fail() -> None:
    raise ServerError("the tables could not be made", where="/logs/tables.log")


def main() -> None:
    home, mode = Path(sys.argv[1]), sys.argv[2]
    journal = home / "journal"
    servers = [Recorder("source", journal), Recorder("platform", journal)]
    preparations = [Preparation("making tables", fail if mode == "fail" else lambda: None)]
    supervisor = Supervisor(Settings(home=home), servers, preparations, lambda: components(journal))
    try:
        supervisor.run()
    except BackofficeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
