"""A built warehouse over the small source of ``world``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backoffice.contracts import load_contracts
from backoffice.settings import Settings
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]


def _load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


world = _load("world")


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

    def make(name: str = "one") -> Any:
        return world.World(Settings(project_dir=project, home=tmp_path / name))

    return make
