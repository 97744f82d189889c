"""Readers see whether each invariant held when it was judged last, and where it says nothing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.ops.test_cycle import world  # noqa: F401 (a fixture)
from tests.ops.world import PRODUCT, in_marts, told
from tests.warehouse.test_ledger import entry

from backoffice.contracts import load_contracts
from backoffice.errors import WarehouseError
from backoffice.ops import cycle
from backoffice.settings import Settings
from backoffice.warehouse import dbt, invariants
from backoffice.warehouse.generate import write_files

pytestmark = pytest.mark.postgres
CHECKOUT = Path(__file__).parents[2]
STATES = """SELECT invariant, source_relations, state, broken_rows, generation FROM ops.invariant_status
    WHERE invariant < 'I05' ORDER BY test"""


def test_an_invariant_is_judged_when_what_it_compares_changes(world: Any) -> None:  # noqa: F811
    world.land(entry(1, 1, 10), entry(2, 1, -10))
    cycle.refresh(world.settings, "test")
    assert set(in_marts(world.settings, STATES)) == {(f"I0{n}", "mini", "holds", 0, 1) for n in (1, 2, 3, 4)}

    world.land(PRODUCT)
    cycle.refresh(world.settings, "test")
    assert {row[-1] for row in in_marts(world.settings, STATES)} == {1}, "a product is no journal"

    world.land(entry(3, 2, 10), entry(4, 2, -9))
    cycle.refresh(world.settings, "test")
    assert set(in_marts(world.settings, STATES)) == {(f"I0{n}", "mini", "holds", 0, 3) for n in (1, 2, 3, 4)}
    rules = "SELECT document_key FROM meta.verdict WHERE rule = 'journal_is_balanced'"
    assert world.query(rules) == [("J2",)], "what broke it was named, and holds no more"
    (says,) = {found["says"] for found in told(world.settings)["invariants"] if found["invariant"] == "I03"}
    assert says.startswith("a posted line is a debit or a credit, neither negative")


@pytest.mark.own_project
def test_a_source_without_a_ledger_has_nothing_to_compare(world: Any) -> None:  # noqa: F811
    path = world.settings.sources_dir / "mini.yaml"
    source = yaml.safe_load(path.read_text(encoding="utf-8"))
    del source["tables"]["finance.journal/gl_entry"]
    path.write_text(yaml.safe_dump(source, sort_keys=False), encoding="utf-8")
    write_files(world.settings)
    world.land(PRODUCT)
    cycle.refresh(world.settings, "test")
    assert set(in_marts(world.settings, STATES)) == {(f"I0{n}", "", "not applicable", 0, 1) for n in (1, 2, 3, 4)}


def test_what_is_declared_is_complete(settings: Settings) -> None:
    contracts = load_contracts(CHECKOUT / "contracts")
    nodes = dbt.manifest(settings).nodes
    found = list(invariants.declared(nodes.values(), contracts))
    assert len({invariant.test for invariant in found}) == len(found)
    assert {f"I0{n}" for n in range(1, 7)} <= {invariant.id for invariant in found}
    node = copy.deepcopy(next(node for node in nodes.values() if node.name == found[0].test))
    node.config.meta["invariant"] = {"id": "I99", "contracts": ["finance.magic"]}
    with pytest.raises(WarehouseError, match=r"I99 compares finance\.magic, which is no contract"):
        list(invariants.declared([node], contracts))
