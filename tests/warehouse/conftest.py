"""A built warehouse over the small source of ``world``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.warehouse import world

from backoffice.contracts import load_contracts
from backoffice.settings import Settings
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with the one-to-one source, shared: dbt parses it once."""
    folder = tmp_path_factory.mktemp("warehouse")
    settings = world.workspace(CHECKOUT, folder)
    contracts = load_contracts(settings.contracts_dir)
    (settings.sources_dir / "mini.yaml").write_text(world.source_yaml(contracts), encoding="utf-8")
    write_files(settings)
    return settings.project_dir


@pytest.fixture
def make_world(project: Path, tmp_path: Path) -> Callable[..., Any]:
    """Build a World with a landing and a warehouse of its own."""

    def make(name: str = "one", **values: Any) -> Any:
        return world.World(Settings(project_dir=project, home=tmp_path / name), **values)

    return make
