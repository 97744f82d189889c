from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.push.world import PushWorld


@pytest.fixture
def push_world(tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> PushWorld:
    """A project with one pushed source; its endpoint is not started."""
    for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
        monkeypatch.delenv(name)
    return PushWorld(tmp_path, free_port())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[PushWorld]:
    """One with its endpoint running, shared by a module's tests."""
    world = PushWorld(tmp_path_factory.mktemp("push"), free_port())
    with world.endpoint():
        yield world
