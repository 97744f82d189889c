"""Rollback, hold and publication on demand over whole refreshes, and what every channel says meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.ops.world import PRODUCT, in_file, in_marts, small_world, told

from backoffice.errors import AuditError, LeaseHeldError, PublishError, WarehouseError
from backoffice.ops import cycle
from backoffice.ops import publication as publications
from backoffice.ops.versions import list_versions
from backoffice.publish.compare import mart_hashes, postgres_hashes
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease

pytestmark = pytest.mark.postgres
NAME = "SELECT product_name FROM marts.dim_product WHERE is_current ORDER BY 1"


@pytest.fixture
def world(small_project: Path, tmp_path: Path, pg_server: Any, pg_database: str) -> Any:
    return small_world(small_project, tmp_path / "home", pg_server.url(pg_database), marts_file_seconds=0.0)


def land(world: Any, name: str) -> None:
    world.land(("product", "u", {"product_id": "P1", "name": name}))


def refresh(world: Any) -> dict[str, dict[str, Any]]:
    return cycle.refresh(world.settings, "test")


def names(settings: Settings) -> list[str]:
    """The product's name as readers see it, the same in both channels."""
    found = in_marts(settings, NAME)
    assert in_file(settings, NAME) == found
    return [name for (name,) in found]


def test_builds_go_on_under_a_hold_and_readers_get_all_of_it_once_it_is_lifted(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    refresh(world)
    first = told(settings)["version"]
    land(world, "Nut")
    refresh(world)
    second = told(settings)["version"]

    publications.roll_back(settings, first, actor="ada", reason="wrong name")
    assert names(settings) == ["Bolt"]
    _says_held(settings, first, second)

    land(world, "Screw")
    held = refresh(world)["publish"]["held"]
    assert "ada" in held and names(settings) == ["Bolt"]
    again = refresh(world)
    assert again["load"]["idle"] is True, "a held generation is complete: it is not built again"
    land(world, "Washer")
    refresh(world)
    assert names(settings) == ["Bolt"]
    _says_held(settings, first, second)
    assert "generation 4 was built and waits" in told(settings)["reason"]
    states = in_marts(settings, "SELECT generation, state FROM ops.generation_status ORDER BY 1")
    assert states == [(1, "published"), (2, "published"), (3, "held"), (4, "held")]
    listed = {version.generation: version for version in list_versions(settings, 10).versions}
    assert [listed[number].state for number in (1, 2, 3, 4)] == ["published", "published", "held", "held"]
    assert listed[1].shown_in == ("PostgreSQL", "file") and listed[2].has_file and not listed[3].has_file

    publications.lift(settings, actor="bob", reason="corrected")
    assert refresh(world)["load"]["idle"] is True
    assert names(settings) == ["Washer"]
    assert (told(settings)["state"], told(settings)["generation"]) == ("published", 4)
    assert _same_as_the_warehouse(settings)
    assert refresh(world)["publish"] == {"idle": True}


def _says_held(settings: Settings, version: str, before: str) -> None:
    query = "SELECT state, version, rolled_back_from, hold_actor, hold_reason, held_since IS NOT NULL FROM ops.status"
    expected = [("held", version, before, "ada", "wrong name", True)]
    assert in_marts(settings, query) == expected
    with duckdb.connect(str(settings.status_dir / "status.duckdb"), read_only=True) as file:
        assert file.execute(query).fetchall() == expected
    status = told(settings)
    assert (status["state"], status["version"], status["file_version"]) == ("held", version, version)
    assert status["reason"].startswith(f"rolled back from {before} to {version} by ada because: wrong name; held since")


def _same_as_the_warehouse(settings: Settings) -> bool:
    models = published_models(settings)
    with open_warehouse(settings) as connection:
        return mart_hashes(connection, models) == postgres_hashes(settings.marts_url, models)


@pytest.mark.own_project
def test_a_break_under_a_hold_is_told_and_resuming_waits_for_the_next_audit(world: Any) -> None:
    settings = world.settings
    world.land(PRODUCT)
    refresh(world)
    first = told(settings)["version"]
    publications.roll_back(settings, first, actor="ada", reason="held before a change")  # the current one: a mere hold
    check = settings.dbt_dir / "tests" / "books_are_wrong.sql"
    check.write_text("select 1 as broken", encoding="utf-8")
    land(world, "Nut")
    with pytest.raises(AuditError):
        refresh(world)
    assert told(settings)["state"] == "held" and "besides: books_are_wrong" in told(settings)["reason"]
    publications.lift(settings, actor="bob", reason="")
    assert told(settings)["state"] == "withheld" and "books_are_wrong" in told(settings)["reason"]
    with pytest.raises(PublishError, match="did not pass its audit"):
        publications.publish_now(settings, "test", wait=0)
    assert told(settings)["state"] == "withheld"
    check.unlink()
    refresh(world)
    assert told(settings)["state"] == "published" and names(settings) == ["Nut"]


def test_publishing_now_brings_the_file_up_to_date(world: Any) -> None:
    world.settings = world.settings.model_copy(update={"marts_file_seconds": 3600.0})
    world.land(PRODUCT)
    refresh(world)
    land(world, "Nut")
    refresh(world)
    assert in_marts(world.settings, NAME) == [("Nut",)] and in_file(world.settings, NAME) == [("Bolt",)]
    result = publications.publish_now(world.settings, "test", wait=0)
    assert names(world.settings) == ["Nut"] and result["version"] == told(world.settings)["file_version"]
    assert publications.publish_now(world.settings, "test", wait=0) == {"idle": True}
    with Lease(world.settings).held("somebody"), pytest.raises(LeaseHeldError):
        publications.publish_now(world.settings, "test", wait=0)


@pytest.mark.own_project
def test_a_step_that_fails_is_told_in_every_channel(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = world.settings
    world.land(PRODUCT)
    refresh(world)
    version = told(settings)["version"]
    land(world, "Nut")
    model = settings.dbt_dir / "models" / "dimensions" / "dim_product.sql"
    good = model.read_text(encoding="utf-8")
    model.write_text(good + "\n-- \nwhere no_such_column", encoding="utf-8")
    with pytest.raises(WarehouseError):
        refresh(world)
    expected = [("withheld", version, True)]
    assert in_marts(settings, "SELECT state, version, reason LIKE '%dim_product%' FROM ops.status") == expected
    assert (told(settings)["state"], told(settings)["sources"][0]["source"]) == ("withheld", "mini")
    model.write_text(good, encoding="utf-8")
    refresh(world)
    assert told(settings)["state"] == "published" and names(settings) == ["Nut"]
