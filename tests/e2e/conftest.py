"""Northwind in a live PostgreSQL and AdventureWorks in a watched folder, collected, built and published once."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.data import shared_data
from tests.e2e import deployment

from backoffice.collect.files import FileCollector
from backoffice.collect.postgres import PostgresCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import load_sources

FILES = (
    "Customer",
    "Department",
    "Employee",
    "EmployeeDepartmentHistory",
    "EmployeePayHistory",
    "Product",
    "ProductSubcategory",
    "PurchaseOrderDetail",
    "PurchaseOrderHeader",
    "SalesTerritory",
    "Store",
    "Vendor",
)


@dataclass
class Platform:
    """A running platform: the source's database, the collectors and the marts."""

    settings: Settings
    source_url: str
    drop: Path

    def source(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements at the source in one transaction; rows of the last one."""
        with psycopg.connect(self.source_url) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def marts(self, query: str) -> list[tuple[Any, ...]]:
        """Rows as the read-only login sees them."""
        return deployment.read_marts(self.settings, query)

    def refresh(self) -> dict[str, dict[str, Any]]:
        """One cycle."""
        return deployment.refresh(self.settings)

    def until(self, query: str, wanted: list[tuple[Any, ...]], seconds: float = 60.0) -> None:
        """Refresh until the marts answer so."""
        deadline = time.monotonic() + seconds
        while (found := self.marts(query)) != wanted:
            assert time.monotonic() < deadline, f"{query}\nfound  {found}\nwanted {wanted}"
            time.sleep(0.2)
            self.refresh()


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, pg_server: Any, free_port: Callable[[], int]
) -> Iterator[Platform]:
    """Both sources collected and published; the Northwind collector keeps streaming."""
    folder = tmp_path_factory.mktemp("platform")
    northwind, marts = pg_server.create_database(), pg_server.create_database()
    with psycopg.connect(pg_server.url(northwind)) as connection:
        connection.execute(shared_data("northwind/northwind.sql").read_text(encoding="utf-8"))
    drop = folder / "drop"
    drop.mkdir()
    for name in FILES:
        shutil.copy(shared_data(f"adventureworks/{name}.csv"), drop)
    project = deployment.make_project(
        folder, {"northwind": {"database": northwind}, "adventureworks": {"folder": str(drop)}}
    )
    settings = Settings(
        project_dir=project,
        home=folder / "home",
        source_url=pg_server.url(northwind),
        marts_url=pg_server.url(marts),
        file_stable_seconds=0.2,
    )
    deployment.ensure_reader(pg_server.url(marts), settings)
    with _collecting(settings, pg_server.url(northwind)):
        yield Platform(settings, pg_server.url(northwind), drop)
    pg_server.drop_database(northwind)


class _collecting:
    """Both collectors, until the block ends; the first copy and the files have landed when it begins."""

    def __init__(self, settings: Settings, url: str) -> None:
        sources, self._store = load_sources(settings.sources_dir), LocalBatchStore(settings.landing_dir)
        self._stream = PostgresCollector(sources["northwind"], url, self._store, settings)
        self._files = FileCollector(sources["adventureworks"], self._store, settings)
        self._thread = threading.Thread(target=self._stream.run, args=(None, lambda _: None))

    def __enter__(self) -> None:
        self._thread.start()
        self._files.run(0, lambda _: None)
        deadline = time.monotonic() + 60
        while self._store.last("northwind") is None:
            assert time.monotonic() < deadline and self._thread.is_alive(), "the first copy has not landed"
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._stream.stop.set()
        self._thread.join(30)
