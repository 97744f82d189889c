"""One warm process and one project for all faults; a world a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.faults.kills.world import World, make_project, make_world
from tests.faults.kills.zygote import Zygote
from tests.landing.test_compact import shrink

from backoffice.settings import Settings

MakeWorld = Callable[[], AbstractContextManager[World]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The project of all worlds: dbt parses it once."""
    return make_project(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def zygote(project: Settings) -> Iterator[Zygote]:
    """Forks the processes that are killed."""
    made = Zygote(project, project.home.parent)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch.setattr)


@pytest.fixture
def new_world(pg_server: Any, zygote: Zygote, project: Settings, tmp_path: Path) -> MakeWorld:
    """Makes worlds."""
    numbers = iter(range(1000))
    return lambda: make_world(pg_server, zygote, project, tmp_path / f"world{next(numbers)}")
