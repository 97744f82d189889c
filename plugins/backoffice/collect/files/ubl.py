"""Electronic invoices and credit notes: UBL 2.x, as Peppol BIS, OIOUBL and Nemhandel use it.

Parsed by structure and never by one customization: Denmark alone has three. Amounts are as they stand in the document,
a credit note's are positive there too; ``kind`` tells which it is. What is optional in UBL and follows from the rest is
computed: the sum of the lines, and the net amount from it with allowances and charges.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lxml import etree

from backoffice.collect.files.xml import elements, leaves, local
from backoffice.errors import FileSetAsideError

Row = dict[str, str | None]

_KINDS = {"Invoice": "invoice", "CreditNote": "credit_note"}
_LINES = {"InvoiceLine": "InvoicedQuantity", "CreditNoteLine": "CreditedQuantity"}
_TOTAL = "LegalMonetaryTotal/"
_NOTES = frozenset({"Note"})


def invoices(raw: Path) -> Iterator[Row]:
    """The document, as one row.

    Raises:
        FileSetAsideError: not well-formed, or no UBL invoice or credit note.
    """
    document = _document(raw)
    found, found_lines = leaves(document), [leaves(line) for line in _lines_of(document)]
    amounts = [line.get("LineExtensionAmount") for line in found_lines]
    lines_amount = found.get(f"{_TOTAL}LineExtensionAmount") or _sum(amounts)
    allowances, charges = found.get(f"{_TOTAL}AllowanceTotalAmount"), found.get(f"{_TOTAL}ChargeTotalAmount")
    net = found.get(f"{_TOTAL}TaxExclusiveAmount") or _sum([lines_amount, _negative(allowances or "0"), charges or "0"])
    yield _identity(document, found) | {
        "type_code": found.get("InvoiceTypeCode") or found.get("CreditNoteTypeCode"),
        "customization": found.get("CustomizationID"),
        "issue_date": found.get("IssueDate"),
        "due_date": found.get("DueDate") or found.get("PaymentMeans/PaymentDueDate"),
        "order_reference": found.get("OrderReference/ID"),
        "buyer_reference": found.get("BuyerReference"),
        "corrects": found.get("BillingReference/InvoiceDocumentReference/ID"),
        "supplier_name": _name(found, "Supplier"),
        "supplier_tax_number": found.get("AccountingSupplierParty/Party/PartyTaxScheme/CompanyID"),
        "supplier_country": found.get("AccountingSupplierParty/Party/PostalAddress/Country/IdentificationCode"),
        "customer": _party(found, "Customer"),
        "customer_name": _name(found, "Customer"),
        "customer_tax_number": found.get("AccountingCustomerParty/Party/PartyTaxScheme/CompanyID"),
        "payment_reference": found.get("PaymentMeans/PaymentID"),
        "payment_iban": found.get("PaymentMeans/PayeeFinancialAccount/ID"),
        "lines": str(len(found_lines)),
        "lines_amount": lines_amount,
        "allowances": allowances,
        "charges": charges,
        "net_amount": net,
        "tax_amount": _tax(document, found.get("DocumentCurrencyCode")),
        "gross_amount": found.get(f"{_TOTAL}TaxInclusiveAmount"),
        "prepaid_amount": found.get(f"{_TOTAL}PrepaidAmount"),
        "payable_amount": found.get(f"{_TOTAL}PayableAmount"),
    }


def lines(raw: Path) -> Iterator[Row]:
    """One row for each line of the document; errors as of :func:`invoices`."""
    document = _document(raw)
    head = _identity(document, leaves(document))
    for position, line in enumerate(_lines_of(document), 1):
        found, quantity = leaves(line, _NOTES), _LINES[local(line)]
        yield head | {
            "position": str(position),
            "line_id": found.get("ID"),
            "quantity": found.get(quantity),
            "unit": found.get(f"{quantity}@unitCode"),
            "amount": found.get("LineExtensionAmount"),
            "price": found.get("Price/PriceAmount"),
            "price_quantity": found.get("Price/BaseQuantity"),
            "item_name": found.get("Item/Name"),
            "item_id": found.get("Item/SellersItemIdentification/ID"),
            "item_standard_id": found.get("Item/StandardItemIdentification/ID"),
            "tax_category": found.get("Item/ClassifiedTaxCategory/ID")
            or found.get("TaxTotal/TaxSubtotal/TaxCategory/ID"),
            "tax_percent": found.get("Item/ClassifiedTaxCategory/Percent")
            or found.get("TaxTotal/TaxSubtotal/TaxCategory/Percent"),
            "accounting_cost": found.get("AccountingCost"),
            "order_line": found.get("OrderLineReference/LineID"),
            "note": found.get("Note"),
        }


def _document(raw: Path) -> etree._Element:
    root = None
    for element in elements(raw, *_KINDS):
        root = element
    if root is None or root.getparent() is not None:
        raise FileSetAsideError(
            "the file is no invoice and no credit note",
            rule="format of the read: UBL 2 Invoice or CreditNote",
            next_step="mend `format` or `pattern` in the source's YAML, or have the right file sent",
        )
    return root


def _lines_of(document: etree._Element) -> list[etree._Element]:
    return [child for child in document if local(child) in _LINES]


def _identity(document: etree._Element, found: dict[str, str]) -> Row:
    return {
        "supplier": _party(found, "Supplier"),
        "number": found.get("ID"),
        "kind": _KINDS[local(document)],
        "currency": found.get("DocumentCurrencyCode"),
    }


def _party(found: dict[str, str], role: str) -> str | None:
    """What a party is known by: its registration, else its address in the network, else a number it was given."""
    party = f"Accounting{role}Party/Party/"
    for path in ("PartyLegalEntity/CompanyID", "PartyTaxScheme/CompanyID", "EndpointID", "PartyIdentification/ID"):
        if party + path in found:
            return found[party + path]
    return None


def _name(found: dict[str, str], role: str) -> str | None:
    party = f"Accounting{role}Party/Party/"
    return found.get(f"{party}PartyLegalEntity/RegistrationName") or found.get(f"{party}PartyName/Name")


def _tax(document: etree._Element, currency: str | None) -> str | None:
    """The tax in the document's currency: a second TaxTotal tells it in the currency of the accounts."""
    totals = [leaves(child) for child in document if local(child) == "TaxTotal"]
    own = [found for found in totals if found.get("TaxAmount@currencyID") == currency] or totals
    return own[0].get("TaxAmount") if own else None


def _sum(amounts: list[str | None]) -> str | None:
    try:
        return str(sum((Decimal(amount or "") for amount in amounts), Decimal(0)))
    except InvalidOperation:
        return None


def _negative(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"
