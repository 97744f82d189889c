"""A small platform whose folders are disks of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults.disks import small_disk
from tests.ops.world import small_world
from tests.warehouse import world as worlds

from backoffice.ops import cycle

CHECKOUT = Path(__file__).parents[2]
DISKS = ("landing", "collect", "warehouse", "marts", "publications", "status")


@pytest.fixture(scope="module")
def world(shared_project: Path, tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Iterator[worlds.World]:
    """A source of which one product is published."""
    folder = tmp_path_factory.mktemp("faults")
    url = pg_server.url(pg_server.create_database())
    made = small_world(shared_project, folder / "home", url, marts_file_seconds=0.0)
    with contextlib.ExitStack() as disks:
        for name in DISKS:
            disks.enter_context(small_disk(made.settings.home / name))
        made.land(("product", "c", {"product_id": "P0"}))
        cycle.refresh(made.settings, "test")
        yield made
