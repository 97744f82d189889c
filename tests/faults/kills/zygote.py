"""A warm process that forks a child for each order: Airflow's executor starts its tasks the same way.

In: one JSON order a line (see :class:`Order`). Out: one line a finished child, with its exit code, negative for a
signal. The child runs its stages, the last one with points around every write, and may be told to kill itself at one.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tests.faults.kills import hooks
from tests.faults.kills.stages import STAGES
from tests.landing.test_compact import shrink

from backoffice.ops import cycle
from backoffice.publish import PublishedModel
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings

CHECKOUT = Path(__file__).parents[3]


class Order(BaseModel):
    """What a child does.

    ``point`` is how the name of the point to die at begins. Points passed are written to ``points``, output to ``log``.
    """

    settings: dict[str, Any]
    environment: dict[str, str] = {}
    before: list[str] = []
    stage: str
    name: str = ""
    point: str = ""
    points: str = ""
    log: str


class Zygote:
    """The warm process, seen from the test."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._models = folder / "models.pickle"
        self._log = folder / "zygote.log"
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.kills.zygote", settings.model_dump_json(), str(self._models)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                cwd=CHECKOUT,
                env=os.environ | {"PYTHONPATH": f"{CHECKOUT / 'plugins'}:{CHECKOUT}"},
            )

    def run(self, order: Order) -> int:
        """Exit code of a child, negative for the signal it died of."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(order.model_dump_json() + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the warm process ended: {self._log.read_text()[-2000:]}"
        return int(answer)

    @property
    def models(self) -> list[PublishedModel]:
        """What the project publishes; known after the first order."""
        found: list[PublishedModel] = pickle.loads(self._models.read_bytes())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


def main() -> None:
    """Warm up, then serve orders until the input ends."""
    settings = Settings(**json.loads(sys.argv[1]))
    shrink(setattr)  # a compacted range is ten batches, in all processes of a world
    cycle.warm(settings)
    Path(sys.argv[2]).write_bytes(pickle.dumps(published_models(settings)))
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = Order.model_validate_json(line)
        child = os.fork()
        if child == 0:
            _child(order)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)


def _child(order: Order) -> None:
    code = 1
    try:
        log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(order.environment)
        settings = Settings(**order.settings)
        for stage in order.before:
            STAGES[stage](settings)
        hooks.install(order.name or order.stage, settings.home, _sink(order))
        STAGES[order.stage](settings)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _sink(order: Order) -> hooks.Emit:
    points = os.open(order.points, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if order.points else None

    def emit(point: str) -> None:
        if points is not None:
            os.write(points, f"{point}\n".encode())
        if order.point and point.startswith(order.point):
            os.kill(os.getpid(), signal.SIGKILL)

    return emit


if __name__ == "__main__":
    main()
