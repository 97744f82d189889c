"""One project with every contract for all tests of the finance marts, and worlds over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.finance import world as books
from tests.warehouse.world import World

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with every contract and the one-to-one source."""
    return books.project(CHECKOUT, tmp_path_factory.mktemp("finance"))


@pytest.fixture(scope="session")
def framed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Firms, accounts, customers and vendors, built once; what is landed in a ``copy_of`` it builds in seconds."""
    world = books.begin(project, tmp_path_factory.mktemp("framed") / "home")
    world.land(*books.frame())
    world.cycle()
    return world
