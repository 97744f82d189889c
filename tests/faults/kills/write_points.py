"""Write points.txt anew: `python -m tests.faults.kills.write_points`. The slow tests kill at each point it lists."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from tests.conftest import postgres_for_tests
from tests.faults.kills.scenarios import POINTS, record_all
from tests.faults.kills.world import make_project, make_world
from tests.faults.kills.zygote import Zygote
from tests.landing.test_compact import shrink

RUNS = 2
"""How often: a point that is not passed each time depends on timing."""


def main() -> None:
    """Record every scenario twice, in two worlds."""
    shrink(setattr)
    passed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, postgres_for_tests() as server:
        project = make_project(Path(folder))
        zygote = Zygote(project, Path(folder))
        try:
            for run in range(RUNS):
                with make_world(server, zygote, project, Path(folder) / f"world{run}") as world:
                    passed.update(record_all(world, Path(folder)))
        finally:
            zygote.close()
    lines = (point if times == RUNS else f"? {point}" for point, times in passed.items())
    POINTS.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
