"""A platform of one small source: landing, warehouse and marts in PostgreSQL, without Airflow."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.ops.changes import BEGINNING, land_random
from tests.ops.world import small_world

from backoffice.ops import cycle


@pytest.fixture(scope="session")
def filled(shared_project: Path, tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Any:
    """A world after a few refreshes, some of which quarantined rows; each test goes on where the one before ended."""
    home = tmp_path_factory.mktemp("filled")
    world = small_world(shared_project, home / "home", pg_server.url(pg_server.create_database()))
    rng = random.Random(3)
    world.land(*BEGINNING)
    cycle.refresh(world.settings, "test")
    for _ in range(2):
        for _ in range(6):
            land_random(world, rng)
        cycle.refresh(world.settings, "test")
    assert world.query("SELECT count(*) > 0 FROM meta.quarantined") == [(True,)]
    return world
