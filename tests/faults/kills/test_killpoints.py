"""kill -9 before and after every write of every stage: nothing lost, nothing twice, nothing half visible."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.faults.kills import checks
from tests.faults.kills.checks import Readers
from tests.faults.kills.scenarios import POINTS, listed, record_all, scenarios

pytestmark = pytest.mark.postgres

SCENARIOS = scenarios()
# where rows, offsets and versions change hands
FAST = (
    "collect: after link landing/mini/",
    "load: after COMMIT of INSERT INTO meta.batch_table",
    "validate: after link landing/_verdicts/",
    "publish: before COMMIT in PostgreSQL (publish.postgres:",
    "publish: after COMMIT in PostgreSQL (publish.postgres:",
    "publish: after replace marts/marts.duckdb",
)


@pytest.mark.slow
def test_all_points_are_listed(new_world: Any, tmp_path: Path) -> None:
    """A new write, or one that is gone, differs from points.txt; write_points.py renews it."""
    marked = POINTS.read_text(encoding="utf-8").splitlines()
    with new_world() as world:
        passed = set(record_all(world, tmp_path))
        checks.recovered(world, Readers(world))
    assert sorted(passed - set(listed())) == [], "not in points.txt"
    assert sorted(line for line in marked if not line.startswith("? ") and line not in passed) == [], "gone"


def test_killed_at_the_decisive_points(new_world: Any) -> None:
    with new_world() as world:
        world.recover()
        readers = Readers(world)
        for point in FAST:
            SCENARIOS[point.partition(":")[0]].kill(world, readers, point)


def test_there_are_enough_points() -> None:
    assert len(set(listed())) == len(listed()) > 40
    assert all(any(point.startswith(name) for point in listed()) for name in FAST)
    assert {point.partition(":")[0] for point in listed()} == set(SCENARIOS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_point(new_world: Any, name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    points = [point for point in listed() if point.partition(":")[0] == name]
    failures: dict[str, str] = {}
    while points:
        with new_world() as world:
            if not scenario.copies:
                world.recover()
            readers = Readers(world)
            failures |= _killed(scenario, world, readers, points)
        shutil.rmtree(world.settings.home)
    assert not failures, "\n".join(f"{point}\n    {error}" for point, error in failures.items())


def _killed(scenario: Any, world: Any, readers: Readers, points: list[str]) -> dict[str, str]:
    """Kill at one point after the other, as long as the world stays sound; what was done leaves the list."""
    while points:
        point = points.pop(0)
        try:
            scenario.kill(world, readers, point)
        except AssertionError as error:
            return {point: str(error)}
    return {}
