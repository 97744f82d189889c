"""Vendors' electronic invoices: UBL 2.1 as OIOUBL 2.1 of Danish vendors, as Peppol BIS 3 of the others."""

from __future__ import annotations

from typing import Any

from lxml import etree

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.money import amount, percent

_INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
_BASIC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_AGGREGATE = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_OIOUBL = 1
_CUSTOMIZATION = {
    _OIOUBL: "OIOUBL-2.1",
    2: "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
}


def render(bill: Row) -> bytes:
    """The invoice's bytes."""
    prefixes: Any = {None: _INVOICE, "cac": _AGGREGATE, "cbc": _BASIC}
    root = etree.Element(f"{{{_INVOICE}}}Invoice", nsmap=prefixes)
    _head(root, bill)
    _party(root, "AccountingSupplierParty", *bill["supplier"][:3])
    _party(root, "AccountingCustomerParty", *bill["customer"])
    means = _sub(root, "PaymentMeans")
    _text(means, "PaymentMeansCode", "31")
    _text(means, "PaymentID", bill["number"])
    _text(_sub(means, "PayeeFinancialAccount"), "ID", bill["supplier"][3])
    _totals(root, bill)
    for number, line in enumerate(bill["lines"], 1):
        _line(root, bill, number, line)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _head(root: Any, bill: Row) -> None:
    _text(root, "UBLVersionID", "2.1")
    _text(root, "CustomizationID", _CUSTOMIZATION[bill["format"]])
    _text(root, "ID", bill["number"])
    _text(root, "IssueDate", bill["dated"].isoformat())
    _text(root, "DueDate", bill["due"].isoformat())
    _text(root, "InvoiceTypeCode", "380")
    _text(root, "DocumentCurrencyCode", bill["currency"])
    if bill["order"]:
        _text(_sub(root, "OrderReference"), "ID", bill["order"])


def _party(root: Any, role: str, registration: str, name: str, land: str) -> None:
    party = _sub(_sub(root, role), "Party")
    country = _sub(_sub(party, "PostalAddress"), "Country")
    _text(country, "IdentificationCode", land)
    scheme = _sub(party, "PartyTaxScheme")
    _text(scheme, "CompanyID", registration)
    _text(_sub(scheme, "TaxScheme"), "ID", "VAT")
    legal = _sub(party, "PartyLegalEntity")
    _text(legal, "RegistrationName", name)
    _text(legal, "CompanyID", registration)


def _totals(root: Any, bill: Row) -> None:
    net = sum(line[3] for line in bill["lines"])
    vat = sum(percent(line[3], bill["vat_pct"]) for line in bill["lines"])
    tax = _sub(root, "TaxTotal")
    _amount(tax, "TaxAmount", vat, bill)
    part = _sub(tax, "TaxSubtotal")
    _amount(part, "TaxableAmount", net, bill)
    _amount(part, "TaxAmount", vat, bill)
    _category(part, "TaxCategory", bill)
    total = _sub(root, "LegalMonetaryTotal")
    for name, cents in (
        ("LineExtensionAmount", net), ("TaxExclusiveAmount", net), ("TaxInclusiveAmount", net + vat),
        ("PayableAmount", net + vat),
    ):  # fmt: skip
        _amount(total, name, cents, bill)


def _line(root: Any, bill: Row, number: int, line: tuple[str, int, int, int, str | None]) -> None:
    title, qty, price, net, ordered = line
    node = _sub(root, "InvoiceLine")
    _text(node, "ID", str(number))
    _text(node, "InvoicedQuantity", str(qty)).set("unitCode", "EA")
    _amount(node, "LineExtensionAmount", net, bill)
    if ordered:
        _text(_sub(node, "OrderLineReference"), "LineID", ordered)
    item = _sub(node, "Item")
    _text(item, "Name", title)
    _category(item, "ClassifiedTaxCategory", bill)
    _amount(_sub(node, "Price"), "PriceAmount", price, bill)


def _category(node: Any, name: str, bill: Row) -> None:
    category = _sub(node, name)
    _text(category, "ID", "S" if bill["vat_pct"] else "Z")
    _text(category, "Percent", amount(bill["vat_pct"]))
    _text(_sub(category, "TaxScheme"), "ID", "VAT")


def _amount(node: Any, name: str, cents: int, bill: Row) -> None:
    _text(node, name, amount(cents)).set("currencyID", bill["currency"])


def _sub(node: Any, name: str) -> Any:
    return etree.SubElement(node, f"{{{_AGGREGATE}}}{name}")


def _text(node: Any, name: str, text: str) -> Any:
    made = etree.SubElement(node, f"{{{_BASIC}}}{name}")
    made.text = text
    return made
