"""Source totals through the real pipeline: a ledger in files whose totals are right, and files whose totals lie."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.data import shared_data
from tests.warehouse import world as worlds

from backoffice.collect.files import FileCollector
from backoffice.contracts import load_contracts
from backoffice.sources import load_sources
from backoffice.validate import write_suites
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]
STATED, FORWARD = "totals the files state", "accounts roll forward, by file and account"
BROKEN = "SELECT total, row_label, figure, source_value, our_value, difference, rows_out FROM marts.audit_source_totals"
TEXT = ("utf-8-sig", "utf-8")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project whose sources are ledgers in files and a shop in a database, with the authority's example landed."""
    folder = tmp_path_factory.mktemp("totals")
    settings = worlds.workspace(CHECKOUT, folder, {*worlds.CONTRACTS, "finance.gl_account"})
    settings = settings.model_copy(update={"file_stable_seconds": 0.0})
    contracts = load_contracts(settings.contracts_dir)
    shutil.copy(CHECKOUT / "sources" / "templates" / "saft_no.yaml", settings.sources_dir)
    products = {"name": "products", "canonical": "select count(*) as n from product", "equals": "select 1"}
    shop = yaml.safe_load(worlds.source_yaml(contracts)) | {"reconcile": [products]}
    shop["tables"] = {"inventory.product/product": shop["tables"]["inventory.product/product"]}
    (settings.sources_dir / "mini.yaml").write_text(yaml.safe_dump(shop, sort_keys=False), encoding="utf-8")
    write_files(settings)
    write_suites(contracts, settings.expectations_dir)
    world = worlds.World(settings)
    world.land(("product", "c", {"product_id": "P1"}))
    _drop(world, "first.xml", shared_data("saf-t/saft_no_888.xml").read_text(TEXT[0]))
    world.cycle()
    return world


def _drop(world: Any, name: str, text: str) -> None:
    inbox = world.settings.home / "inbox" / "saft_no"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / name).write_text(text, TEXT[1])
    config = load_sources(world.settings.sources_dir)["saft_no"]
    FileCollector(config, world.store, world.settings).scan_once()


def _warned(world: Any) -> list[tuple[str, int, bool]]:
    newest = "SELECT max(generation) FROM meta.audit_result"
    return list(
        world.query(
            "SELECT check_name, failures, passed FROM meta.audit_result "
            f"WHERE failures > 0 AND generation = ({newest}) ORDER BY 1"
        )
    )


def test_a_file_ties_but_for_accounts_that_are_known_not_to_roll_forward(ledger: Any) -> None:
    stated = ledger.query(f"{BROKEN} WHERE total = '{STATED}' ORDER BY figure_position")
    turnover = Decimal("9487049.35")
    assert stated == [
        (STATED, "", "transactions", 53, 53, 0, 0),
        (STATED, "", "debit", turnover, turnover, 0, 0),
        (STATED, "", "credit", turnover, turnover, 0, 0),
    ]
    off = ledger.query(f"{BROKEN} WHERE NOT ties ORDER BY row_label")
    assert [(total, label.partition(", ")[0][:5]) for total, label, *_ in off] == [(FORWARD, "first")] * 3
    assert all(label.partition(", ")[2].startswith("888888888/") for _, label, *_ in off)
    assert all(ours - theirs == difference != 0 for _, _, _, theirs, ours, difference, _ in off)
    assert _warned(ledger) == [], "what is accepted warns of nothing"


def test_a_file_whose_totals_lie_is_named_and_published(ledger: Any) -> None:
    text = shared_data("saf-t/saft_no_888.xml").read_text(TEXT[0])
    lying = text.replace("TotalDebit>9487049.35", "TotalDebit>9487050.35")
    _drop(ledger, "second.xml", lying)
    generation = ledger.cycle()
    off = ledger.query(f"{BROKEN} WHERE NOT ties AND accepted = ''")
    assert off == [(STATED, "", "debit", Decimal("9487050.35"), Decimal("9487049.35"), Decimal(-1), 0)]
    labels = ledger.query(f"SELECT DISTINCT split_part(row_label, ', ', 1) FROM ({BROKEN} WHERE total = '{FORWARD}')")
    assert [label.startswith("second") for (label,) in labels] == [True]
    ((name, rows, passed),) = _warned(ledger)
    assert (name, rows, passed) == ("source_totals_tie", 1, True)
    assert ledger.query(f"SELECT published_at IS NOT NULL FROM meta.generation WHERE generation = {generation}") == [
        (True,)
    ]


def test_a_database_is_summed_up_once_a_day(ledger: Any) -> None:
    products = "SELECT source_value, our_value, as_of FROM marts.audit_source_totals WHERE source = 'mini'"
    ((reported, ours, first),) = ledger.query(products)
    assert (reported, ours) == (1, 1)
    ledger.land(("product", "c", {"product_id": "P2"}))
    ledger.cycle()
    assert ledger.query(products) == [(1, 1, first)]
    with open_warehouse(ledger.settings) as connection:  # yesterday
        connection.execute("UPDATE meta.generation SET as_of = as_of - INTERVAL 1 DAY")
    ledger.land(("product", "c", {"product_id": "P3"}))
    ledger.cycle()
    ((reported, ours, second),) = ledger.query(products)
    assert (reported, ours) == (1, 3) and second > first


def test_files_are_compared_again_when_some_came(ledger: Any) -> None:
    as_of = "SELECT DISTINCT as_of FROM marts.audit_source_totals WHERE source = 'saft_no'"
    ((before,),) = ledger.query(as_of)
    ledger.land(("product", "c", {"product_id": "P4"}))
    ledger.cycle()
    assert ledger.query(as_of) == [(before,)]
    _drop(ledger, "third.xml", shared_data("saf-t/saft_no_888.xml").read_text(TEXT[0]) + "\n")
    ledger.cycle()
    ((after,),) = ledger.query(as_of)
    assert after > before
