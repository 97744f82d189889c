"""A company's whole ledger: SAF-T Financial, as the OECD describes it and Norway, Denmark and others use it.

Parsed by structure and never by namespace. Balances and movements are signed, a debit is positive. An account tells how
far opening balance and movements are from its closing balance, a file what it states beside what its entries add up to:
exports of real systems often leave entries out, so a difference is a warning and never an error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lxml import etree

from backoffice.collect.files.xml import elements, leaves, local
from backoffice.errors import FileSetAsideError

Row = dict[str, str | None]

_HEADER, _ACCOUNT, _TRANSACTION = "Header", "Account", "Transaction"
_TOTALS = {"NumberOfEntries": "transactions", "TotalDebit": "debit", "TotalCredit": "credit"}
"""What a file states of itself, and what that is counted from."""
_PARENTS = {_ACCOUNT: "GeneralLedgerAccounts", _TRANSACTION: "Journal"} | dict.fromkeys(_TOTALS, "GeneralLedgerEntries")


def files(raw: Path) -> Iterator[Row]:
    """One row for the file: totals it states, and what its transactions add up to; errors as of :func:`accounts`."""
    row: Row = {}
    counted = dict.fromkeys(_TOTALS.values(), Decimal(0))
    for head, element in _parts(raw, *_PARENTS):
        row, name = head | row, local(element)
        if name in _TOTALS:
            row[f"stated_{_TOTALS[name]}"] = (element.text or "").strip() or None
        elif name == _TRANSACTION:
            debit, credit = _sums(element)
            counted["transactions"] += 1
            counted["debit"] += debit
            counted["credit"] += credit
    if row:
        yield row | {name: str(value) for name, value in counted.items()}


def accounts(raw: Path) -> Iterator[Row]:
    """One row for each account of the general ledger.

    Raises:
        FileSetAsideError: not well-formed, or no SAF-T file.
    """
    movements: dict[str | None, Decimal] = defaultdict(Decimal)
    for line in lines(raw):
        movements[line["account_id"]] += _number(line["debit"]) - _number(line["credit"])
    for head, element in _parts(raw, _ACCOUNT):
        found = leaves(element)
        moved = movements.get(found.get("AccountID"), Decimal(0))
        opening, closing = _balance(found, "Opening"), _balance(found, "Closing")
        yield head | {
            "account_id": found.get("AccountID"),
            "description": found.get("AccountDescription"),
            "standard_account": found.get("StandardAccountID") or found.get("GroupingCode"),
            "account_type": found.get("AccountType"),
            "opening_balance": str(opening),
            "closing_balance": str(closing),
            "movements": str(moved),
            "difference": str(closing - opening - moved),
        }


def transactions(raw: Path) -> Iterator[Row]:
    """One row for each transaction of a journal; errors as of :func:`accounts`."""
    for head, element in _parts(raw, _TRANSACTION):
        debit, credit = _sums(element)
        sums: Row = {"lines": str(len(_lines_of(element))), "debit": str(debit), "credit": str(credit)}
        yield head | _transaction(element) | sums


def lines(raw: Path) -> Iterator[Row]:
    """One row for each line of a transaction; errors as of :func:`accounts`."""
    for head, element in _parts(raw, _TRANSACTION):
        own = head | _transaction(element)
        for position, line in enumerate(_lines_of(element), 1):
            yield own | {"position": str(position)} | _line(leaves(line))


def warning(row: Row) -> str:
    """What is odd about an account; empty when it rolls forward."""
    if not _number(row["difference"]):
        return ""
    return (
        f"account {row['account_id']}: opening {row['opening_balance']} + movements {row['movements']} is not closing "
        f"{row['closing_balance']}"
    )


def file_warning(row: Row) -> str:
    """What of a file's own totals is not what its transactions add up to; empty when all is, or nothing is stated."""
    wrong = [
        f"{name} {row[name]}, stated {stated}"
        for name in _TOTALS.values()
        if (stated := row.get(f"stated_{name}")) is not None and _number(stated) != _number(row[name])
    ]
    return f"the file's entries are not what it states: {'; '.join(wrong)}" if wrong else ""


def _sums(transaction: etree._Element) -> tuple[Decimal, Decimal]:
    """Debit and credit of a transaction."""
    found = [leaves(line) for line in _lines_of(transaction)]
    debit, credit = (
        sum((_number(line.get(f"{side}Amount/Amount")) for line in found), Decimal(0)) for side in ("Debit", "Credit")
    )
    return debit, credit


def _parts(raw: Path, *wanted: str) -> Iterator[tuple[Row, etree._Element]]:
    """The elements of some names with what the header says; each is dropped once it was dealt with."""
    head: Row | None = None
    for element in elements(raw, _HEADER, *_PARENTS):
        name, parent = local(element), element.getparent()
        if name == _HEADER:
            head = head or _head(element)
        elif parent is not None and local(parent) == _PARENTS[name]:
            if head is None:
                break
            if name in wanted:
                yield head, element
            parent.remove(element)
    if head is None:
        raise FileSetAsideError(
            "the file has no header of a SAF-T file before its accounts and entries",
            rule="format of the read: SAF-T Financial, an AuditFile",
            next_step="mend `format` or `pattern` in the source's YAML, or have the right file sent",
        )


def _head(element: etree._Element) -> Row | None:
    parent = element.getparent()
    if parent is None or local(parent) != "AuditFile":
        return None
    found = leaves(element)
    company = found.get("Company/RegistrationNumber") or found.get("Company/TaxRegistration/TaxRegistrationNumber")
    return {
        "company": company,
        "currency": found.get("DefaultCurrencyCode"),
        "period_from": _selected(found, "Start"),
        "period_to": _selected(found, "End"),
    }


def _selected(found: dict[str, str], end: str) -> str:
    """A day, or a period of a year; empty when the header does not tell."""
    own = {path.removeprefix("SelectionCriteria/"): text for path, text in found.items()}
    period = [own[name] for name in (f"Period{end}Year", f"Period{end}") if name in own]
    return own.get(f"Selection{end}Date") or "-".join(period)


def _transaction(element: etree._Element) -> Row:
    journal = element.getparent()
    assert journal is not None  # it was found below one
    own = {local(child): (child.text or "").strip() for child in journal if not len(child)}
    found = {local(child): (child.text or "").strip() for child in element if not len(child)}
    return {
        "journal_id": own.get("JournalID"),
        "journal_type": own.get("Type"),
        "transaction_id": found.get("TransactionID"),
        "transaction_date": found.get("TransactionDate"),
        "posting_date": found.get("GLPostingDate"),
        "entry_date": found.get("SystemEntryDate"),
        "period": found.get("Period"),
        "period_year": found.get("PeriodYear"),
        "transaction_description": found.get("Description"),
        "source_id": found.get("SourceID"),
    }


def _line(found: dict[str, str]) -> Row:
    side = "DebitAmount" if "DebitAmount/Amount" in found else "CreditAmount"
    return {
        "record_id": found.get("RecordID"),
        "account_id": found.get("AccountID"),
        "debit": found.get("DebitAmount/Amount", "0"),
        "credit": found.get("CreditAmount/Amount", "0"),
        "line_currency": found.get(f"{side}/CurrencyCode"),
        "currency_amount": found.get(f"{side}/CurrencyAmount"),
        "exchange_rate": found.get(f"{side}/ExchangeRate"),
        "value_date": found.get("ValueDate"),
        "customer_id": found.get("CustomerID"),
        "supplier_id": found.get("SupplierID"),
        "source_document_id": found.get("SourceDocumentID"),
        "description": found.get("Description"),
        "tax_code": found.get("TaxInformation/TaxCode"),
        "tax_percent": found.get("TaxInformation/TaxPercentage"),
        "tax_base": found.get("TaxInformation/TaxBase"),
        "tax_amount": found.get("TaxInformation/TaxAmount/Amount"),
    }


def _lines_of(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if local(child) == "Line"]


def _balance(found: dict[str, str], when: str) -> Decimal:
    return _number(found.get(f"{when}DebitBalance")) - _number(found.get(f"{when}CreditBalance"))


def _number(text: str | None) -> Decimal:
    """What is no number counts as nothing here; as a value of its own column it is judged where it is typed."""
    try:
        return Decimal(text or 0)
    except InvalidOperation:
        return Decimal(0)
