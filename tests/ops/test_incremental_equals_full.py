"""Building what each batch touched gives the same marts as building everything, and as building from landing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.ops.changes import BEGINNING, land_random
from tests.ops.marts import warehouse_hashes
from tests.warehouse import world as worlds

from backoffice.ops import beside, cycle
from backoffice.ops.full_build import compare_full_build
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse


@pytest.fixture
def world(small_project: Path, tmp_path: Path) -> Any:
    return worlds.World(Settings(project_dir=small_project, home=tmp_path / "home"))


def _refresh(settings: Settings) -> None:
    """A cycle whose generation counts as published; nobody reads this world."""
    for step in ("load", "validate", "build"):
        getattr(cycle, step)(settings, "test")
    with open_warehouse(settings) as connection:
        connection.execute("UPDATE meta.generation SET published_at = now() WHERE published_at IS NULL")


@pytest.mark.parametrize(
    ("seed", "batches", "compared_every"),
    [
        (1, 30, 15),
        *(pytest.param(seed, 200, 20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]) for seed in (2, 3)),
    ],
)
def test_incremental_equals_full(world: Any, seed: int, batches: int, compared_every: int) -> None:
    settings, rng = world.settings, random.Random(seed)
    world.land(*BEGINNING)
    landed = 0
    while landed < batches:
        for _ in range(rng.randint(1, 5)):
            land_random(world, rng)
            landed += 1
            if landed % compared_every == 0:
                break
        _refresh(settings)
        if landed % compared_every == 0:
            compare_full_build(settings, "test")
    with open_warehouse(settings) as connection:
        point = beside.published_point(connection)
        planted = "SELECT (SELECT count(*) FROM meta.quarantined), (SELECT count(*) FROM marts.fct_sales_order_lines)"
        quarantined, lines = connection.execute(planted).fetchall()[0]
    assert quarantined and lines, "an empty world would be equal too"
    second = beside.second_home(settings, "again")
    assert point is not None
    beside.build_from_landing(second, point, "test")
    assert warehouse_hashes(second) == warehouse_hashes(settings)
