"""Following what lands: every landing is published, whoever waits goes first, a failure ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.ops.world import small_world

from backoffice.addresses import PUBLISHER, marts_url
from backoffice.errors import BackofficeError
from backoffice.ops.follow import follow
from backoffice.settings import Settings
from backoffice.warehouse.lease import Lease

pytestmark = pytest.mark.postgres


@pytest.fixture
def world(small_project: Path, tmp_path: Path, pg_server: Any, pg_database: str) -> Any:
    return small_world(small_project, tmp_path / "home", pg_server.url(pg_database))


class Following:
    """``follow`` in a thread, and what it published."""

    def __init__(self, settings: Settings) -> None:
        self.stop = threading.Event()
        self.told: list[dict[str, Any]] = []
        self.error: BackofficeError | None = None
        self.versions = 0
        self._settings = settings
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.versions = follow(self._settings, "follower", 600, stop=self.stop, on_published=self.told.append)
        except BackofficeError as error:
            self.error = error

    def published(self, count: int) -> None:
        deadline = time.monotonic() + 240
        while len(self.told) < count and self._thread.is_alive():
            assert time.monotonic() < deadline, f"{len(self.told)} of {count} versions"
            time.sleep(0.02)

    def ended(self) -> None:
        self._thread.join(240)
        assert not self._thread.is_alive()


@pytest.fixture
def following(world: Any) -> Iterator[Following]:
    running = Following(world.settings)
    yield running
    running.stop.set()
    running.ended()


def _products(settings: Settings) -> list[str]:
    with psycopg.connect(marts_url(settings, PUBLISHER)) as connection:
        rows = connection.execute("SELECT product_id FROM marts.dim_product WHERE is_current ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def _open_elsewhere(settings: Settings) -> None:
    """The file is free for the lease's holder, also when that is another process."""
    code = f"import duckdb; duckdb.connect({str(settings.warehouse_path)!r}).execute('FROM meta.generation')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_landing_is_published_and_who_waits_for_the_lease_goes_first(world: Any, following: Following) -> None:
    for count in (1, 2):
        world.land(("product", "c", {"product_id": f"P{count}", "sku": f"S{count}"}))
        following.published(count)
        assert _products(world.settings) == [f"P{n}" for n in range(1, count + 1)]
    with Lease(world.settings).held("a command", wait=10):
        world.land(("product", "c", {"product_id": "P3", "sku": "S3"}))
        time.sleep(0.5)
        assert _products(world.settings) == ["P1", "P2"], "nobody builds beside the holder"
        _open_elsewhere(world.settings)
    following.published(3)
    assert _products(world.settings) == ["P1", "P2", "P3"]
    following.stop.set()
    following.ended()
    assert following.versions == 3 and following.error is None


@pytest.mark.own_project
def test_a_cycle_that_fails_ends_the_following(world: Any, following: Following) -> None:
    world.land(("product", "c", {"product_id": "P1", "sku": "S1"}))
    following.published(1)
    with Lease(world.settings).held("a person", wait=10):
        world.land(("product", "c", {"product_id": "P2", "sku": "S2"}))
        mart = world.settings.dbt_dir / "models/marts/operations/mart_data_freshness.sql"
        mart.write_text("select broken from nowhere", encoding="utf-8")
    following.ended()
    assert following.error is not None
    assert Lease(world.settings).current() is None
    assert _products(world.settings) == ["P1"]
