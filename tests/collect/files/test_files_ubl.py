"""Electronic invoices land as their documents say, and as real ones do: what is optional follows from the rest."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.data import shared_data

from backoffice.collect.files.ubl import invoices, lines
from backoffice.errors import FileSetAsideError

EXAMPLES = {
    "peppol_Allowance-example.xml": "invoice",
    "peppol_base-creditnote-correction.xml": "credit_note",
    "peppol_base-example.xml": "invoice",
    "peppol_base-negative-inv-correction.xml": "invoice",
    "peppol_vat-category-S.xml": "invoice",
}
BOTH = {
    "invoice": {"pattern": "*.xml", "format": "ubl", "part": "invoice"},
    "line": {"pattern": "*.xml", "format": "ubl", "part": "line"},
}


def _decimal(text: str | None) -> Decimal:
    return Decimal(text or "0")


@pytest.mark.parametrize(("name", "kind"), EXAMPLES.items())
def test_published_examples_add_up(name: str, kind: str) -> None:
    path = shared_data("e-invoice") / name
    (invoice,), found = list(invoices(path)), list(lines(path))
    assert invoice["kind"] == kind and invoice["number"] and invoice["supplier"] and invoice["customer"]
    assert int(invoice["lines"] or "") == len(found) > 0
    assert sum(_decimal(line["amount"]) for line in found) == _decimal(invoice["lines_amount"])
    net = _decimal(invoice["lines_amount"]) - _decimal(invoice["allowances"]) + _decimal(invoice["charges"])
    assert net == _decimal(invoice["net_amount"])
    assert net + _decimal(invoice["tax_amount"]) == _decimal(invoice["gross_amount"])
    assert {(line["supplier"], line["number"]) for line in found} == {(invoice["supplier"], invoice["number"])}


def test_an_example_to_the_letter() -> None:
    path = shared_data("e-invoice") / "peppol_base-example.xml"
    (invoice,) = invoices(path)
    assert invoice == {
        "supplier": "GB983294",
        "number": "Snippet1",
        "kind": "invoice",
        "currency": "EUR",
        "type_code": "380",
        "customization": "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
        "issue_date": "2017-11-13",
        "due_date": "2017-12-01",
        "order_reference": None,
        "buyer_reference": "0150abc",
        "corrects": None,
        "supplier_name": "SupplierOfficialName Ltd",
        "supplier_tax_number": "GB1232434",
        "supplier_country": "GB",
        "customer": "39937423947",
        "customer_name": "Buyer Official Name",
        "customer_tax_number": "SE4598375937",
        "payment_reference": "Snippet1",
        "payment_iban": "IBAN32423940",
        "lines": "2",
        "lines_amount": "1300",
        "allowances": None,
        "charges": "25",
        "net_amount": "1325",
        "tax_amount": "331.25",
        "gross_amount": "1656.25",
        "prepaid_amount": None,
        "payable_amount": "1656.25",
    }
    first, second = lines(path)
    assert (first["quantity"], first["unit"], first["price"], first["tax_category"], first["tax_percent"]) == (
        "7",
        "DAY",
        "400",
        "S",
        "25.0",
    )
    assert (second["position"], second["quantity"], second["amount"], second["order_line"]) == (
        "2",
        "-3",
        "-1500",
        "123",
    )


def _example(name: str = "peppol_base-example.xml") -> str:
    return (shared_data("e-invoice") / name).read_text(encoding="utf-8")


def test_optional_totals_follow_from_the_rest(tmp_path: Path) -> None:
    text = _example()
    for name in ("LineExtensionAmount", "TaxExclusiveAmount"):
        start = text.index(f"<cbc:{name}", text.index("LegalMonetaryTotal"))
        text = text[:start] + text[text.index("</cbc:", start) + len(f"</cbc:{name}>") :]
    path = tmp_path / "in.xml"
    path.write_text(text, encoding="utf-8")
    (invoice,) = invoices(path)
    assert (invoice["lines_amount"], invoice["net_amount"]) == ("1300", "1325")


def test_the_tax_is_the_documents_and_not_the_accounts(tmp_path: Path) -> None:
    other = '<cac:TaxTotal><cbc:TaxAmount currencyID="SEK">3600</cbc:TaxAmount></cac:TaxTotal><cac:TaxTotal>'
    path = tmp_path / "in.xml"
    path.write_text(_example().replace("<cac:TaxTotal>", other, 1), encoding="utf-8")
    (invoice,) = invoices(path)
    assert invoice["tax_amount"] == "331.25"


def test_a_credit_note_names_what_it_corrects() -> None:
    (note,) = invoices(shared_data("e-invoice") / "peppol_base-creditnote-correction.xml")
    assert (note["kind"], note["type_code"], note["corrects"]) == ("credit_note", "381", "Snippet1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[: len(text) // 2], "line "),
        (lambda text: "<Order/>", "no invoice and no credit note"),
        (lambda text: f"<Envelope>{text[text.index('<Invoice') :]}</Envelope>", "no invoice and no credit note"),
        (lambda text: text.replace("?>", "?><!DOCTYPE Invoice>", 1), "document type"),
    ],
)
def test_what_is_no_invoice_is_set_aside(tmp_path: Path, change: Callable[[str], str], said: str) -> None:
    path = tmp_path / "in.xml"
    path.write_text(change(_example()), encoding="utf-8")
    for parse in (invoices, lines):
        with pytest.raises(FileSetAsideError, match=said):
            list(parse(path))


def test_invoice_and_lines_land(inbox: Callable[..., Any]) -> None:
    files = inbox(**BOTH)
    files.drop("one.xml", _example())
    landed = {manifest.tables[0].name: files.rows(manifest) for manifest in files.land()}
    assert [row["number"] for row in landed["invoice"]] == ["Snippet1"]
    assert [row["amount"] for row in landed["line"]] == ["2800", "-1500"]
