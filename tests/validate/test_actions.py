"""Holding and releasing documents, before any cycle: what may be decided, and what lands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.warehouse import world as worlds

from backoffice.contracts import load_contracts
from backoffice.errors import NotQuarantinedError, ValidationError
from backoffice.settings import Settings
from backoffice.validate import actions
from backoffice.validate.actions import Person
from backoffice.validate.outstanding import outstanding

ANN = Person("ann", "looks odd")
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    settings = Settings(project_dir=tmp_path / "project", home=tmp_path / "home")
    settings.project_dir.mkdir()
    (settings.project_dir / "contracts").symlink_to(CHECKOUT / "contracts")
    settings.sources_dir.mkdir()
    contracts = load_contracts(settings.contracts_dir)
    (settings.sources_dir / "mini.yaml").write_text(worlds.source_yaml(contracts), encoding="utf-8")
    return worlds.World(settings)


def _out(world: Any) -> list[tuple[str, str, str]]:
    return [(row.document_name, row.rule, row.next) for row in outstanding(world.settings, world.store)]


def test_a_hold_is_seen_at_once_with_its_source_and_ended_once(world: Any) -> None:
    held = actions.hold(world.settings, "sales_order", "O1", ANN)
    assert (held.source, held.source_relation, held.document, held.document_key) == (
        "mini",
        "mini",
        "sales_order",
        "O1",
    )
    assert _out(world) == [("sales_order O1", "hold", "hold by ann")]
    with pytest.raises(ValidationError, match="held already"):
        actions.hold(world.settings, "sales_order", "O1", ANN)
    with pytest.raises(ValidationError, match="is held by a person"):
        actions.release_document(world.settings, "sales_order", "O1", ANN)
    assert actions.unhold(world.settings, "sales_order", "O1", ANN).decision == "unhold"
    assert [batch.offset["judged"] for batch in world.store.batches("_verdicts")] == [{}, {}]


def test_what_is_not_there_is_refused_by_name(world: Any) -> None:
    with pytest.raises(ValidationError, match="there is no document 'letter'"):
        actions.hold(world.settings, "letter", "1", ANN)
    with pytest.raises(ValidationError, match="O1 is not held"):
        actions.unhold(world.settings, "sales_order", "O1", ANN)
    with pytest.raises(NotQuarantinedError, match="sales_order O1 is not quarantined"):
        actions.release_document(world.settings, "sales_order", "O1", ANN)
    with pytest.raises(ValidationError, match="there is no document 'order'"):
        actions.release_document(world.settings, "order", "O1", ANN)
    assert world.store.last("_verdicts") is None


def test_of_two_sources_one_must_be_named(world: Any) -> None:
    text = worlds.source_yaml(world.contracts, "other")
    (world.settings.sources_dir / "other.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValidationError, match="which source's sales_order"):
        actions.hold(world.settings, "sales_order", "O1", ANN)
    assert actions.hold(world.settings, "sales_order", "O1", ANN, source="other").source_relation == "other"
