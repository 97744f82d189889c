"""Files of the company's systems: read by the platform's own readers, the same bytes each time, each sent once."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from lxml import etree
from tests.collect.files.camt import rows
from tests.simulate.company import books

from backoffice.collect.files import camt, ubl
from backoffice.contracts import load_contracts
from backoffice.onboard.check import check_mapping
from backoffice.settings import Settings
from backoffice.simulate.company import papers
from backoffice.simulate.company.papers import FOLDERS, of_day, of_history, write

COMPANY = Settings().sources_dir


@pytest.fixture(scope="module")
def sent(sixty_days, tmp_path_factory):
    """A home with the files of sixty days."""
    home = tmp_path_factory.mktemp("papers")
    bills = [paper for paper in of_history(sixty_days.changes, books.TODAY) if paper.table == "vendors.invoice"]
    others = [paper for paper in of_history(sixty_days.changes, books.TODAY) if paper.table != "vendors.invoice"]
    assert list(write(home / "inbox", [*bills[::9], *others]))  # a file each: some will do
    return home


@pytest.mark.parametrize("source", ["bank", "einvoices", "carrier", "timesheets", "archive"])
def test_every_record_of_the_files_maps(source, sent, sixty_days):
    settings = Settings(home=sent)
    report = check_mapping(COMPANY / f"{source}.yaml", load_contracts(settings.contracts_dir), settings, full=True)
    assert report.findings == []
    assert all(coverage.rows for coverage in report.coverage)
    expected = {
        "bank_statement": len(sixty_days.rows["bank.statement"]),
        "shipment_event": len(sixty_days.rows["carrier.scan"]),
        "work_log": len(sixty_days.rows["hours.entry"]),
        "document": len(sixty_days.rows["archive.document"]),
        "document_check": len(sixty_days.rows["archive.check"]),
    }
    found = {coverage.table.partition("/")[2]: coverage.rows for coverage in report.coverage}
    assert {name: rows for name, rows in found.items() if name in expected} == {
        name: rows for name, rows in expected.items() if name in found
    }


def test_statements_say_what_the_bank_booked(sent, sixty_days):
    paths = sorted((sent / "inbox" / "bank").glob("*.xml"))
    told = [row for path in paths for row in camt.statements(path)]
    entries = [row for path in paths for row in rows(path)]
    booked = sum(Decimal(row["amount"]) for row in entries)
    moved = sum(Decimal(row["closing_balance"]) - Decimal(row["opening_balance"]) for row in told)
    assert booked == moved != 0
    assert {row["account"] for row in told} == set(sixty_days.world.banks)
    references = [(row["reference"], row["detail"]) for row in entries]
    assert len(references) == len(set(references))
    assert any(int(row["details"]) > 20 for row in entries)  # salaries in one entry


def test_invoices_add_up_and_name_the_order(sent):
    for path in (sent / "inbox" / "einvoices").glob("*.xml"):
        (head,) = ubl.invoices(path)
        lines = list(ubl.lines(path))
        assert Decimal(head["net_amount"]) == sum(Decimal(line["amount"]) for line in lines)
        assert Decimal(head["gross_amount"]) == Decimal(head["net_amount"]) + Decimal(head["tax_amount"])
        assert all(Decimal(line["price"]) * Decimal(line["quantity"]) == Decimal(line["amount"]) for line in lines)
    assert {etree.parse(path).getroot().findtext("{*}CustomizationID")[:6] for path in path.parent.glob("*.xml")} == {
        "OIOUBL", "urn:ce",
    }  # fmt: skip


def test_scans_are_danish(sent):
    path = next((sent / "inbox" / "carrier").glob("*.csv"))
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp1252")), delimiter=";"))
    assert {"Hændelse", "Vægt"} <= set(rows[0])
    assert "," in rows[0]["Vægt"] and datetime.strptime(rows[0]["Tidspunkt"], "%d-%m-%Y %H:%M:%S")


def test_files_come_out_the_same_and_are_written_once(sixty_days, tmp_path):
    day = [change for change in sixty_days.changes if change.at.date() == sixty_days.world.today]
    due = of_day(day)
    first, second = tmp_path / "first", tmp_path / "second"
    names = [path.relative_to(first) for path in write(first, due)]
    assert len(names) == len(due) > 5
    assert list(write(first, due)) == []
    list(write(second, of_day(day)))
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_every_record_of_a_day_is_in_a_file_of_that_day(sixty_days):
    day = [change for change in sixty_days.changes if change.at.date() == sixty_days.world.today]
    due = of_day(day)
    midnight = datetime.combine(sixty_days.world.today, datetime.min.time(), UTC)
    assert all(midnight <= paper.at < midnight + timedelta(days=1) for paper in due)
    scans = [row["scan_id"] for paper in due if paper.table == "carrier.scan" for row in paper.records]
    assert sorted(scans) == sorted(change.row["scan_id"] for change in day if change.table == "carrier.scan")
    assert {papers.FOLDERS[paper.table] for paper in due} <= set(FOLDERS.values())


def test_half_a_file_is_never_seen_under_its_name(sixty_days, tmp_path, monkeypatch):
    day = [change for change in sixty_days.changes if change.at.date() == sixty_days.world.today]
    monkeypatch.setattr(papers.os, "utime", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        list(write(tmp_path, of_day(day)))
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".tmp"]


def test_versions_that_are_never_sent_are_left_out_and_nothing_else(sixty_days):
    """A fault in one of them would be logged and never seen."""
    day = [change for change in sixty_days.changes if change.at.date() == sixty_days.world.today]
    sent = papers.as_sent(day)
    assert of_day(sent) == of_day(day)
    records = [row for paper in of_day(day) for row in paper.records]
    assert len(records) == len([change for change in sent if change.table in FOLDERS])
    assert [c for c in sent if c.table not in FOLDERS] == [c for c in day if c.table not in FOLDERS]
