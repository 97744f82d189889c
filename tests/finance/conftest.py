"""One project with every contract for all tests of the finance marts, and worlds over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.finance import world as books
from tests.finance.ledger import books as ledger_books
from tests.warehouse import world as worlds
from tests.warehouse.test_gates import BLOCKED
from tests.warehouse.world import World

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with every contract and the one-to-one source."""
    return worlds.small_project(CHECKOUT, tmp_path_factory.mktemp("finance"), contracts=None)


@pytest.fixture(scope="session")
def framed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Firms, accounts, customers and vendors, built once; what is landed in a ``copy_of`` it builds in seconds."""
    world = books.begin(project, tmp_path_factory.mktemp("framed") / "home")
    world.land(*books.frame())
    world.cycle()
    return world


@pytest.fixture(scope="session")
def ledger(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The books of ``tests/finance/ledger.py``, built."""
    world = books.copy_of(framed, tmp_path_factory.mktemp("ledger") / "home")
    world.land(*ledger_books())
    world.cycle()
    assert world.query(BLOCKED) == []
    return world
