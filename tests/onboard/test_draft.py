"""`map init` and `map build`: a draft of a real database and of a folder, filled in and taken into use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.data import shared_data
from typer.testing import CliRunner

from backoffice.cli.main import app
from backoffice.contracts import load_contracts
from backoffice.errors import CollectError, MappingError
from backoffice.onboard.check import check_mapping
from backoffice.onboard.draft import draft
from backoffice.onboard.profile import profile_database, profile_folder
from backoffice.settings import Settings, get_settings
from backoffice.sources import load_source, load_sources
from backoffice.sources.mapping import mapped_tables

SUPPLIERS = """\
supplier_no;navn;country;currency;payment_days;state;credit
10;Ålborg Træ;DK;DKK;30;A;1.234,50
11;Øst;SE;SEK;14;X;0,00
"""
ORDERS = """\
order_no,supplier_no,order_date,total,currency,status
1,10,2026-01-05,100.00,DKK,sent
2,11,2026-01-06,250.50,SEK,received
"""


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """A project of its own, without sources, and a folder with two files."""
    project = tmp_path / "project"
    for name in ("contracts", "dbt_project", "expectations"):
        shutil.copytree(settings.project_dir / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "sources").mkdir()
    (project / "docs").mkdir()
    folder = settings.home / "inbox" / "buy"
    folder.mkdir(parents=True)
    (folder / "suppliers_2026-01.csv").write_bytes(SUPPLIERS.encode("cp1252"))
    (folder / "orders_2026-01.csv").write_text(ORDERS, "utf-8")
    monkeypatch.setenv("BACKOFFICE_HOME", str(settings.home))
    monkeypatch.setenv("BACKOFFICE_PROJECT_DIR", str(project))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["map", *arguments])


def test_a_folder_is_drafted_checked_filled_in_and_built(home: Settings) -> None:
    assert _run("init", "buy", "--folder", "inbox/buy").exit_code == 0
    path = home.sources_dir / "drafts" / "buy.yaml"
    assert load_sources(home.sources_dir) == {}, "a draft is no source yet"
    config = load_source(path)
    suppliers = config.reads["suppliers"]
    assert suppliers.pattern == "suppliers_*.csv"
    assert (suppliers.dialect.delimiter, suppliers.dialect.encoding) == (";", "cp1252")
    assert (suppliers.dialect.decimal, suppliers.columns["credit"]) == (",", "DECIMAL(18,4)")
    vendor, order = (config.tables[key] for key in ("purchasing.vendor/vendor", "purchasing.order/purchase_order"))
    assert {name: vendor.columns[name] for name in ("vendor_id", "country_code", "payment_terms_days")} == {
        "vendor_id": "r.supplier_no",
        "country_code": "r.country",
        "payment_terms_days": "r.payment_days",
    }
    assert vendor.map["status"].values == {"A": "active", "X": "OPEN"}
    assert (order.columns["vendor_id"], order.columns["net_amount"]) == ("r.supplier_no", "r.total")

    contracts = load_contracts(home.contracts_dir)
    report = check_mapping(path, contracts, home, full=True)
    told = {(found.column, found.rule) for found in report.findings}
    assert {("status", "open"), ("company_id", "open")} <= told and not report.holds
    with pytest.raises(MappingError, match="left OPEN"):
        mapped_tables({"buy": config}, contracts)
    assert _run("build", str(path)).exit_code == 1
    assert not (home.sources_dir / "buy.yaml").exists()

    text = (
        path.read_text("utf-8").replace('"X": OPEN', '"X": blocked').replace("company_id: OPEN", "company_id: \"'A'\"")
    )
    text = text.replace("name: OPEN", "name: r.navn")
    path.write_text(text, "utf-8")
    built = _run("build", str(path))
    assert built.exit_code == 0, built.output
    assert set(load_sources(home.sources_dir)) == {"buy"}
    assert (home.dbt_dir / "models" / "staging" / "buy" / "stg_buy__vendor.sql").exists()
    assert _run("build", "buy").exit_code == 0, "built again it changes nothing"


@pytest.mark.postgres
def test_northwind_is_drafted_from_its_database(settings: Settings, pg_server: Any, pg_database: str) -> None:
    url = pg_server.url(pg_database)
    with psycopg.connect(url, autocommit=True) as source:
        source.execute(shared_data("northwind/northwind.sql").read_text(encoding="utf-8"))
    contracts = load_contracts(settings.contracts_dir)
    tables = profile_database(url)
    assert len(tables) == 14
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / "northwind.yaml"
    path.write_text(draft("northwind", {"kind": "postgres", "database": "northwind"}, tables, contracts), "utf-8")
    config = load_source(path)
    chosen = {key.partition("/")[2]: mapping.driver for key, mapping in config.tables.items()}
    assert (
        chosen | {"customer": "customers", "employee": "employees", "vendor": "suppliers", "product": "products"}
        == chosen
    )
    assert (config.reads["order_details"].primary_key, config.reads["orders"].columns["order_date"]) == (
        ("order_id", "product_id"),
        "DATE",
    )
    customer = config.tables["crm.customer/customer"].columns
    wanted = {"customer_id": "customer_id", "phone": "phone", "city": "city", "postal_code": "postal_code"}
    assert {name: customer.get(name) for name in wanted} == {name: f"r.{column}" for name, column in wanted.items()}


def test_files_of_every_kind_are_told_apart(tmp_path: Path) -> None:
    shutil.copy(shared_data("saf-t/saft_no_888.xml"), tmp_path)
    shutil.copy(next(shared_data("e-invoice").glob("*.xml")), tmp_path / "invoice.xml")
    (tmp_path / "rows.jsonl").write_text('{"id": 1, "amount": 1.50, "lines": [1]}\n{"id": 2}\n', "utf-8")
    found = {table.name: table for table in profile_folder(tmp_path)}
    assert {"rows", "invoice_invoice", "invoice_line", "saft_no_account", "saft_no_line"} <= found.keys()
    assert [(c.name, c.kind) for c in found["rows"].columns] == [
        ("id", "BIGINT"),
        ("amount", "DECIMAL(18,4)"),
        ("lines", "VARCHAR"),
    ]
    assert found["rows"].key == ["id"]
    with pytest.raises(CollectError, match="could be read"):
        profile_folder(_empty(tmp_path))


def _empty(folder: Path) -> Path:
    made = folder / "empty"
    made.mkdir()
    return made
