"""Generated models follow the contracts and mappings, and say when they do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from backoffice.contracts import Table, load_contracts
from backoffice.settings import Settings
from backoffice.sources import load_sources
from backoffice.sources.mapping import mapped_tables
from backoffice.warehouse.generate import generated_files, stale_files, write_files
from backoffice.warehouse.generate.base import required_parents
from backoffice.warehouse.generate.rules import functional_amounts, minor_digits

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def copied(tmp_path: Path) -> Settings:
    for name in ("contracts", "sources", "dbt_project"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("target", "logs"))
    return Settings(project_dir=tmp_path, home=tmp_path / "home")


def test_the_committed_files_are_up_to_date() -> None:
    settings = Settings(project_dir=CHECKOUT)
    assert stale_files(settings) == []
    assert len(generated_files(settings)) > 30


def test_a_new_source_adds_files_and_its_removal_takes_them_away(copied: Settings) -> None:
    before = set(generated_files(copied))
    shutil.copy(copied.sources_dir / "templates" / "northwind.yaml", copied.sources_dir)
    stale = stale_files(copied)
    staging = copied.dbt_dir / "models" / "staging" / "northwind"
    assert staging / "stg_northwind__sales_order_line.sql" in stale
    assert copied.dbt_dir / "models" / "base" / "sales_order" / "base_sales_order_line__versions.sql" in stale
    assert set(write_files(copied)) == set(stale)
    assert stale_files(copied) == []
    (copied.sources_dir / "northwind.yaml").unlink()
    write_files(copied)
    assert not staging.exists() and set(generated_files(copied)) == before and stale_files(copied) == []


def test_a_file_edited_by_hand_is_stale(copied: Settings) -> None:
    path = copied.dbt_dir / "models" / "base" / "sales_order" / "base_sales_order.sql"
    path.write_text(path.read_text() + "-- my own idea\n")
    assert stale_files(copied) == [path]


def test_rows_wait_only_for_parents_their_source_maps(copied: Settings) -> None:
    contracts = load_contracts(copied.contracts_dir)
    for path in copied.sources_dir.glob("*.yaml"):
        path.unlink()
    for name in ("northwind", "adventureworks"):
        shutil.copy(copied.sources_dir / "templates" / f"{name}.yaml", copied.sources_dir)
    mapped = mapped_tables(load_sources(copied.sources_dir), contracts)
    line, employment = contracts.named("sales_order_line"), contracts.named("employment")
    assert line is not None and employment is not None
    assert [(p["table"], p["relations"]) for p in required_parents(line, mapped)] == [
        ("sales_order", ["northwind"]),
        ("product", ["northwind"]),
    ]
    assert [p["table"] for p in required_parents(employment, mapped)] == ["employee", "department"]


def test_an_unmapped_table_is_empty_and_typed(copied: Settings) -> None:
    for path in copied.sources_dir.glob("*.yaml"):
        path.unlink()
    files = {path.name: text for path, text in generated_files(copied).items()}
    sql = files["base_product__versions.sql"]
    assert "cast(null as DECIMAL(18,6)) as standard_cost" in sql and sql.rstrip().endswith("where false")


def test_amounts_have_the_digits_of_their_currency(copied: Settings) -> None:
    (rule,) = [rule for rule in minor_digits(_table(copied, "payment")) if rule.column == "amount"]
    with duckdb.connect() as connection:
        broken = connection.execute(
            f"""SELECT amount::VARCHAR, currency_code FROM (VALUES (1.25, 'DKK'), (1.255, 'DKK'), (1.255, 'KWD'),
                (1.2555, 'KWD'), (1, 'JPY'), (1.5, 'JPY'), (1.5555, 'CLF'), (NULL, 'DKK'))
            AS t(amount, currency_code) WHERE {rule.breaks}"""
        ).fetchall()
    assert broken == [("1.2550", "DKK"), ("1.2555", "KWD"), ("1.5000", "JPY")]
    assert [rule.column for rule in minor_digits(_table(copied, "invoice_line"))] == ["net_amount", "tax_amount"]


def test_amounts_in_the_currency_of_the_company_are_the_same_in_both_columns(copied: Settings) -> None:
    mapped = mapped_tables(load_sources(copied.sources_dir), load_contracts(copied.contracts_dir))
    rules = {rule.column: rule for rule in functional_amounts(_table(copied, "payment"), mapped)}
    assert sorted(rules) == ["amount_base", "fx_rate"]
    rows = """(VALUES (1, 'A', 'DKK', 10, 10, 1), (2, 'A', 'DKK', 10, 11, 1), (3, 'A', 'EUR', 10, 75, 7.5),
        (4, 'A', 'DKK', 10, 10, 1.1), (5, 'B', 'DKK', 10, 9, 2))
        AS v(id, company_id, currency_code, amount, amount_base, fx_rate)"""
    found = {}
    with duckdb.connect() as connection:
        firm = "SELECT 'n' AS source_relation, 'A' AS company_id, 'DKK' AS functional_currency"
        connection.execute(f"CREATE TABLE firm AS {firm}")
        for column, rule in rules.items():
            query = f"SELECT id FROM (SELECT 'n' AS source_relation, * FROM {rows}) AS t WHERE {rule.breaks}"
            found[column] = connection.execute(query.replace("<<base_company>>", "firm")).fetchall()
    assert found == {"amount_base": [(2,)], "fx_rate": [(4,)]}
    assert functional_amounts(_table(copied, "sales_order"), mapped) == []
    assert functional_amounts(_table(copied, "payment"), []) == []


def _table(settings: Settings, name: str) -> Table:
    table = load_contracts(settings.contracts_dir).named(name)
    assert table is not None
    return table
