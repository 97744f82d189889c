"""A platform of one small source: landing, warehouse and marts in PostgreSQL, without Airflow."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.deployment import ensure_reader
from tests.ops.changes import BEGINNING, land_random
from tests.warehouse import world as worlds

from backoffice.contracts import load_contracts
from backoffice.ops import cycle
from backoffice.validate import write_suites
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]


def make_platform(folder: Path, marts_url: str) -> Any:
    """A world whose settings name a database of marts of its own."""
    settings = worlds.workspace(CHECKOUT, folder, marts_url=marts_url)
    contracts = load_contracts(settings.contracts_dir)
    (settings.sources_dir / "mini.yaml").write_text(worlds.source_yaml(contracts), encoding="utf-8")
    write_files(settings)
    write_suites(contracts, settings.expectations_dir)
    ensure_reader(settings.marts_url, settings)
    return worlds.World(settings)


@pytest.fixture
def platform(tmp_path: Path, pg_server: Any, pg_database: str) -> Any:
    """The same for one test."""
    return make_platform(tmp_path, pg_server.url(pg_database))


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Any:
    """A world after a few refreshes, some of which quarantined rows; each test goes on where the one before ended."""
    world = make_platform(tmp_path_factory.mktemp("filled"), pg_server.url(pg_server.create_database()))
    rng = random.Random(3)
    world.land(*BEGINNING)
    cycle.refresh(world.settings, "test")
    for _ in range(2):
        for _ in range(6):
            land_random(world, rng)
        cycle.refresh(world.settings, "test")
    assert world.query("SELECT count(*) > 0 FROM meta.quarantined") == [(True,)]
    return world
