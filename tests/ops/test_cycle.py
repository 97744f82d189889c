"""The refresh as a whole: what is withheld, what is rolled forward, and that every channel says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ops.world import PRODUCT, in_marts, small_world, told

from backoffice.errors import AuditError, LeaseHeldError
from backoffice.ops import cycle
from backoffice.publish import publish, version_id
from backoffice.publish.from_dbt import published_models
from backoffice.warehouse import meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease


@pytest.fixture
def world(small_project: Path, tmp_path: Path, pg_server: Any, pg_database: str) -> Any:
    return small_world(small_project, tmp_path / "home", pg_server.url(pg_database))


def test_a_break_withholds_publication_and_every_channel_says_why(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    cycle.refresh(settings, "test")
    version = told(settings)["version"]
    world.land(("product", "c", {"product_id": "P2"}))
    wrong = "select 'nobody' as source_relation"  # a break that names no document
    with world.changed_test("mart_sales_ties_to_fact", wrong), pytest.raises(AuditError, match="mart_sales_ties"):
        cycle.refresh(settings, "test")
    status = told(settings)
    assert (status["state"], status["version"]) == ("withheld", version) and '"nobody"' in status["reason"]
    assert in_marts(settings, "SELECT state, version, reason <> '' FROM ops.status") == [("withheld", version, True)]
    assert in_marts(settings, "SELECT product_id FROM marts.dim_product") == [("P1",)]
    assert Lease(settings).current() is None, "a failed refresh gives the warehouse up"

    cycle.refresh(settings, "test")
    assert told(settings)["state"] == "published" and told(settings)["version"] > version
    current = "SELECT product_id, sku FROM marts.dim_product WHERE is_current ORDER BY 1"
    assert in_marts(settings, current) == [("P1", "P1"), ("P2", "P2")]


def test_a_publication_killed_before_it_was_marked_is_rolled_forward(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    for step in ("load", "validate", "build"):
        getattr(cycle, step)(settings, "killed")
    with open_warehouse(settings) as connection:
        generation = meta.current_generation(connection)
        as_of = meta.as_of(connection, generation)
        assert as_of is not None
        models, version = published_models(settings), version_id(generation, as_of)
        publish(connection, models, settings, generation=generation, as_of=as_of, version=version)
    Lease(settings)._record.unlink()  # it expires by itself after lease_seconds
    assert in_marts(settings, "SELECT version FROM marts.publication WHERE is_current") == [(version,)]
    result = cycle.refresh(settings, "next")
    assert result["load"]["idle"] is True
    assert told(settings)["version"] == version
    assert in_marts(settings, "SELECT count(*), count(DISTINCT version) FROM marts.publication") == [(1, 1)]


def test_an_idle_cycle_publishes_nothing_and_keeps_the_status_fresh(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    cycle.refresh(settings, "test")
    before = told(settings)
    assert cycle.refresh(settings, "test")["build"] == {"idle": True}
    after = told(settings)
    assert after["version"] == before["version"] and after["checked_at"] > before["checked_at"]


def test_a_refresh_does_not_run_beside_another(world: Any) -> None:
    with Lease(world.settings).held("somebody"), pytest.raises(LeaseHeldError, match="somebody"):
        cycle.refresh(world.settings, "test")


@pytest.mark.own_project
def test_an_unusable_source_is_left_out_and_its_rows_wait_in_landing(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    cycle.refresh(settings, "test")
    path = settings.sources_dir / "mini.yaml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("sku: t.sku", "stock_number: t.sku"), encoding="utf-8")
    world.land(("product", "u", {"product_id": "P1", "name": "Nut"}))
    assert cycle.refresh(settings, "test")["load"]["idle"] is True
    path.write_text(good, encoding="utf-8")
    cycle.refresh(settings, "test")
    assert in_marts(settings, "SELECT DISTINCT product_name FROM marts.dim_product") == [("Nut",)]
