"""`map check` on real data sets, and on a mapping with one mistake of each kind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from tests.data import shared_data
from typer.testing import CliRunner

from backoffice.cli.main import app
from backoffice.contracts import Contracts, load_contracts
from backoffice.errors import CollectError, MappingError
from backoffice.onboard.check import check_mapping
from backoffice.onboard.report import Report
from backoffice.settings import Settings, get_settings


@pytest.fixture
def contracts(settings: Settings) -> Contracts:
    return load_contracts(settings.contracts_dir)


def _check(path: Path, settings: Settings, *, full: bool = True) -> Report:
    return check_mapping(path, load_contracts(settings.contracts_dir), settings, full=full)


def test_adventureworks_holds_with_the_known_counts(settings: Settings) -> None:
    folder = settings.home / "inbox" / "adventureworks"
    folder.mkdir(parents=True)
    for path in shared_data("adventureworks").glob("*.csv"):
        shutil.copyfile(path, folder / path.name)
    report = _check(settings.sources_dir / "templates" / "adventureworks.yaml", settings)
    assert report.findings == []
    assert {c.table.partition("/")[2]: (c.rows, c.mapped, c.columns) for c in report.coverage} == {
        "department": (16, 5, 7),
        "employee": (290, 11, 20),
        "employment": (296, 9, 14),
        "compensation": (316, 8, 9),
        "vendor": (104, 7, 16),
        "purchase_order": (4012, 9, 10),
        "purchase_order_line": (8845, 11, 12),
        "product": (504, 12, 12),
        "customer": (19820, 9, 23),
    }
    assert [total.name for total in report.totals if not total.is_equal] == []
    assert len(report.totals) == 8 and report.holds


@pytest.mark.postgres
def test_northwind_holds_with_the_known_counts(
    settings: Settings, pg_server: Any, pg_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pg_server.url(pg_database)
    with psycopg.connect(url, autocommit=True) as source:
        source.execute(shared_data("northwind/northwind.sql").read_text(encoding="utf-8"))
    text = (settings.sources_dir / "templates" / "northwind.yaml").read_text(encoding="utf-8")
    path = tmp_path / "northwind.yaml"
    path.write_text(text.replace("database: northwind", "url_env: NORTHWIND_URL"), encoding="utf-8")
    monkeypatch.setenv("NORTHWIND_URL", url)
    report = _check(path, settings)
    assert report.findings == []
    assert {c.table.partition("/")[2]: c.rows for c in report.coverage} == {
        "customer": 91,
        "employee": 9,
        "vendor": 29,
        "product": 77,
        "sales_order": 830,
        "sales_order_line": 2155,
    }
    totals = {total.name: total for total in report.totals}
    assert totals["net revenue, as the source's own SQL gives it"].canonical == "1265793.2900"
    assert report.holds and len(totals) == 4
    with psycopg.connect(url, autocommit=True) as source:
        source.execute("UPDATE public.order_details SET quantity = quantity + 1 WHERE order_id = 10248")
        source.execute("ALTER TABLE public.orders RENAME COLUMN freight TO fracht")
    with pytest.raises(CollectError, match=r"reads\.orders: column freight: not in the database"):
        _check(path, settings)
    with psycopg.connect(url, autocommit=True) as source:
        source.execute("ALTER TABLE public.orders RENAME COLUMN fracht TO freight")
    assert [total.name for total in _check(path, settings).totals if not total.is_equal] == [
        "net revenue, as the source's own SQL gives it"
    ]


def test_the_norwegian_ledger_holds_and_balances(settings: Settings) -> None:
    folder = settings.home / "inbox" / "saft_no"
    folder.mkdir(parents=True)
    shutil.copy(shared_data("saf-t/saft_no_888.xml"), folder)
    report = _check(settings.sources_dir / "templates" / "saft_no.yaml", settings)
    assert report.findings == [] and report.holds
    assert {c.table.partition("/")[2]: c.rows for c in report.coverage} == {"gl_account": 22, "gl_entry": 170}
    totals = {total.name: total for total in report.totals}
    assert totals["debits and credits"].canonical == "9487049.3500, 9487049.3500"
    stated = totals["totals the files state"]
    assert (stated.is_equal, stated.source) == (True, "53, 9487049.3500, 9487049.3500")
    accounts = totals["accounts roll forward, by file and account"]
    assert (accounts.is_equal, accounts.holds) == (False, True), "three accounts do not, which is known"


VENDORS = """\
id,name,terms,state,iban,country
1,Alpha,30,A,DK7320000012345678,DK
2,,30,A,,DK
3,Gamma,thirty,A,,DK
4,Delta,-5,A,,DK
5,Eta,30,X,,DK
6,Theta,30,X,,dk
7,Iota,30,Y,,DK
7,Iota,30,Y,,DK
"""
ORDERS = "id,vendor,amount,day\n10,1,5.00,2026-01-01\n11,99,7.25,2026-01-02\n12,1,0.75,2026-01-02\n"


def _source(**changes: Any) -> dict[str, Any]:
    vendor = {
        "from": "vendor v",
        "columns": {
            "vendor_id": "v.id",
            "vendor_number": "v.id",
            "name": "v.name",
            "country_code": "v.country",
            "currency_code": "'DKK'",
            "payment_terms_days": "v.terms",
            "iban": "v.iban",
        },
        "map": {"status": {"expr": "v.state", "values": {"A": "active"}}},
    }
    order = {
        "from": "orders o",
        "columns": {
            "purchase_order_id": "o.id",
            "company_id": "'A'",
            "vendor_id": "o.vendor",
            "ordered_at": "local(o.day)",
            "currency_code": "'DKK'",
            "net_amount": "o.amount",
            "status": "'sent'",
        },
    }
    types = {"id": "INTEGER", "name": "VARCHAR", "terms": "INTEGER", "state": "VARCHAR", "iban": "VARCHAR"}
    columns = {"id": "INTEGER", "vendor": "INTEGER", "amount": "DECIMAL(9,2)", "day": "DATE"}
    return {
        "apiVersion": "backoffice/v1",
        "source": "buy",
        "source_relation": "buy",
        "description": "Purchasing",
        "connection": {"kind": "files", "folder": "inbox/buy"},
        "reads": {
            "vendor": {
                "pattern": "vendors*.csv",
                "columns": types | {"country": "VARCHAR"},
                "primary_key": ["id"],
            },
            "orders": {"pattern": "orders*.csv", "columns": columns, "primary_key": ["id"]},
        },
        "tables": {"purchasing.vendor/vendor": vendor, "purchasing.order/purchase_order": order},
    } | changes


def _written(settings: Settings, tmp_path: Path, source: dict[str, Any], vendors: str = VENDORS) -> Path:
    folder = settings.home / "inbox" / "buy"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vendors.csv").write_text(vendors, "utf-8")
    (folder / "orders.csv").write_text(ORDERS, "utf-8")
    path = tmp_path / "buy.yaml"
    path.write_text(yaml.safe_dump(source, sort_keys=False), "utf-8")
    return path


def _brief(report: Report) -> dict[tuple[str, str], tuple[int, str]]:
    return {(found.column, found.rule): (found.rows, found.level) for found in report.findings}


def _line(path: Path, text: str) -> str:
    lines = path.read_text("utf-8").splitlines()
    return f"{path}:{next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))}"


def test_every_break_is_told_with_its_place_and_rows(settings: Settings, tmp_path: Path) -> None:
    path = _written(settings, tmp_path, _source())
    report = _check(path, settings)
    assert _brief(report) == {
        ("id", "key"): (1, "error"),
        ("terms", "type"): (1, "error"),
        ("name", "required"): (1, "error"),
        ("country_code", "pattern"): (1, "error"),
        ("payment_terms_days", "minimum"): (1, "error"),
        ("status", "unmapped"): (3, "error"),
        ("vendor_id", "reference"): (1, "error"),
    }
    found = {(finding.column, finding.rule): finding for finding in report.findings}
    country = found["country_code", "pattern"]
    assert (country.where, country.expression) == (_line(path, "country_code:"), "v.country")
    assert country.message == "does not match ^[A-Z]{2}$"
    assert country.samples == ({"id": "6", "country": "dk", "→ country_code": "dk", "file": "vendors.csv"},)
    assert [sample["state"] for sample in found["status", "unmapped"].samples] == ["X", "X", "Y"]
    assert [(code.code, code.rows) for code in report.unmapped] == [("X", 2), ("Y", 1)]
    assert found["terms", "type"].samples[0]["→ terms"] == "thirty"
    assert not report.holds


def test_an_accepted_break_passes_with_its_reason(settings: Settings, tmp_path: Path) -> None:
    source = _source()
    vendor = source["tables"]["purchasing.vendor/vendor"]
    del vendor["columns"]["payment_terms_days"]
    vendor["accept"] = {
        "payment_terms_days": "not kept",
        "name.required": "bought before names were asked for",
        "country_code.pattern": "one is in lower case",
        "status.unmapped": "codes of the old system",
        "terms.type": "free text once",
    }
    source["tables"]["purchasing.order/purchase_order"]["accept"] = {"vendor_id.reference": "a vendor was removed"}
    good = VENDORS.removesuffix("7,Iota,30,Y,,DK\n")
    report = _check(_written(settings, tmp_path, source, good), settings)
    assert {found.rule: found.reason for found in report.findings if found.level == "accepted"} == {
        "type": "free text once",
        "required": "bought before names were asked for",
        "pattern": "one is in lower case",
        "unmapped": "codes of the old system",
        "reference": "a vendor was removed",
    }
    assert report.holds
    assert report.coverage[0].accepted == {"payment_terms_days": "not kept"}


def test_mistakes_in_the_file_are_told_all_at_once(settings: Settings, tmp_path: Path) -> None:
    source = _source()
    order, vendor = (source["tables"][f"purchasing.{name}"] for name in ("order/purchase_order", "vendor/vendor"))
    vendor["columns"] |= {"colour": "v.name", "email": "v.mail"}
    del order["columns"]["status"]
    order["derived"] = {"net_amount": "cast('x' as integer)"}
    del order["columns"]["net_amount"]
    path = _written(settings, tmp_path, source)
    report = _check(path, settings)
    said = {(found.column, found.rule): found for found in report.findings if not found.rows}
    assert set(said) == {
        ("email", "expression"),
        ("net_amount", "expression"),
        ("colour", "mapping"),
        ("status", "mapping"),
    }
    assert said["email", "expression"].where == _line(path, "email:")
    assert 'does not have a column named "mail"' in said["email", "expression"].message
    assert "neither mapped nor accepted" in said["status", "mapping"].message
    assert report.coverage[1].missing == ("net_amount", "status")
    with pytest.raises(MappingError, match="no such table") as caught:
        _check(_written(settings, tmp_path, _source(tables={"purchasing.vendor/nobody": vendor})), settings)
    assert caught.value.where.endswith(_line(path, "purchasing.vendor/nobody:"))


def test_totals_are_compared_exactly(settings: Settings, tmp_path: Path) -> None:
    totals = [
        {"name": "ordered", "canonical": "select sum(net_amount) from purchase_order", "equals": "select 13.00"},
        {"name": "short", "canonical": "select sum(net_amount) from purchase_order", "equals": "select 13.01"},
        {"name": "own", "canonical": "select count(*) from vendor", "equals": "select count(*) from vendor"},
        {"name": "wrong", "canonical": "select sum(gross) from purchase_order", "equals": "select 1"},
    ]
    report = _check(_written(settings, tmp_path, _source(reconcile=totals)), settings)
    assert {total.name: total.is_equal for total in report.totals} == {"ordered": True, "short": False} | {
        "own": True,
        "wrong": False,
    }
    assert (report.totals[1].canonical, report.totals[1].source) == ("13.0000", "13.01")
    assert '"gross" not found' in report.totals[3].error


def test_a_sample_is_the_newest_files_and_says_what_it_cannot_judge(settings: Settings, tmp_path: Path) -> None:
    totals = [{"name": "n", "canonical": "select 1", "equals": "select 2"}]
    path = _written(settings, tmp_path, _source(reconcile=totals))
    for day in range(5):
        (settings.home / "inbox" / "buy" / f"vendors_{day}.csv").write_text(
            VENDORS.replace("\n", f"{day}\n", 1), "utf-8"
        )
    report = _check(path, settings, full=False)
    assert report.cut == ["vendor"] and report.reads["orders"] == 3
    assert ("vendor_id", "reference") not in _brief(report)
    assert report.not_judged == [
        "purchase_order.vendor_id → vendor: only some of its rows were read",
        "totals: only some rows were read, see --full",
    ]


def test_a_file_that_cannot_be_read_is_named(settings: Settings, tmp_path: Path) -> None:
    path = _written(settings, tmp_path, _source())
    (settings.home / "inbox" / "buy" / "orders.csv").write_text("other,table\n1,2\n", "utf-8")
    report = _check(path, settings)
    assert "the header is not the declared columns" in report.set_aside["orders.csv"]
    assert ("", "rows") in _brief(report) and not report.holds


def test_the_command_ends_with_1_when_a_rule_does_not_hold(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_HOME", str(settings.home))
    get_settings.cache_clear()
    path = _written(settings, tmp_path, _source())
    shown = CliRunner().invoke(app, ["map", "check", str(path), "--full"])
    assert shown.exit_code == 1 and "buy does not hold: 7 of" in shown.stdout
    as_json = CliRunner().invoke(app, ["map", "check", str(path), "--full", "--json"])
    told = json.loads(as_json.stdout)
    assert (as_json.exit_code, told["holds"], len(told["findings"])) == (1, False, 7)
    good = VENDORS.splitlines()[:2]
    (settings.home / "inbox" / "buy" / "vendors.csv").write_text("\n".join([*good, "99" + good[1][1:], ""]), "utf-8")
    assert CliRunner().invoke(app, ["map", "check", str(path), "--full"]).exit_code == 0
    missing = CliRunner().invoke(app, ["map", "check", "nobody"])
    assert missing.exit_code == 1
    get_settings.cache_clear()
