"""A built warehouse over the small source of ``world``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.warehouse import world

from backoffice.settings import Settings


@pytest.fixture
def make_world(small_project: Path, tmp_path: Path) -> Callable[..., Any]:
    """Build a World with a landing and a warehouse of its own."""

    def make(name: str = "one", **values: Any) -> Any:
        return world.World(Settings(project_dir=small_project, home=tmp_path / name), **values)

    return make
