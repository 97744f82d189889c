"""A small platform whose folders are disks of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.deployment import ensure_reader
from tests.faults.disks import small_disk
from tests.warehouse import world as worlds

from backoffice.contracts import load_contracts
from backoffice.ops import cycle
from backoffice.validate import write_suites
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]
DISKS = ("landing", "collect", "warehouse", "marts", "publications", "status")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Iterator[worlds.World]:
    """A source of which one product is published."""
    folder = tmp_path_factory.mktemp("faults")
    settings = worlds.workspace(
        CHECKOUT, folder, marts_url=pg_server.url(pg_server.create_database()), marts_file_seconds=0.0
    )
    contracts = load_contracts(settings.contracts_dir)
    (settings.sources_dir / "mini.yaml").write_text(worlds.source_yaml(contracts), encoding="utf-8")
    write_files(settings)
    write_suites(contracts, settings.expectations_dir)
    ensure_reader(settings.marts_url, settings)
    with contextlib.ExitStack() as disks:
        for name in DISKS:
            disks.enter_context(small_disk(settings.home / name))
        made = worlds.World(settings)
        made.land(("product", "c", {"product_id": "P0"}))
        cycle.refresh(settings, "test")
        yield made
