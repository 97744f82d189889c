"""The bank's statements: ISO 20022 camt.053.001.08, one file for an account with one or more statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from lxml import etree

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.money import amount

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_CODES = {
    "RCDT": ("RCDT", "ESCT"), "ICDT": ("ICDT", "ESCT"), "SALA": ("ICDT", "SALA"), "TAXS": ("ICDT", "TAXE"),
    "CCRD": ("MCRD", "POSP"), "FEES": ("MDOP", "FEES"), "OPCL": ("ICDT", "BOOK"), "ICCT": ("ICDT", "BOOK"),
}  # fmt: skip


def render(statements: Sequence[Row]) -> bytes:
    """The file's bytes."""
    prefixes: Any = {None: _NAMESPACE}
    root = etree.Element(f"{{{_NAMESPACE}}}Document", nsmap=prefixes)
    message = _sub(root, "BkToCstmrStmt")
    head = _sub(message, "GrpHdr")
    _text(head, "MsgId", f"{statements[-1]['id']}-{len(statements)}")
    _text(head, "CreDtTm", statements[-1]["made_at"].isoformat())
    for statement in statements:
        _statement(message, statement)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _statement(message: Any, told: Row) -> None:
    node = _sub(message, "Stmt")
    _text(node, "Id", told["id"])
    _text(node, "ElctrncSeqNb", str(told["sequence"]))
    _text(node, "CreDtTm", told["made_at"].isoformat())
    period = _sub(node, "FrToDt")
    _text(period, "FrDtTm", f"{told['first']}T00:00:00")
    _text(period, "ToDtTm", f"{told['last']}T23:59:59")
    account = _sub(node, "Acct")
    _account_id(account, told["iban"])
    _text(account, "Ccy", told["currency"])
    _text(_sub(_sub(account, "Svcr"), "FinInstnId"), "BICFI", told["bic"])
    _balance(node, "OPBD", told["opening"], told["currency"], told["first"])
    _balance(node, "CLBD", told["closing"], told["currency"], told["last"])
    for number, entry in enumerate(told["entries"], 1):
        _entry(node, entry, told["currency"], number)


def _entry(node: Any, entry: Row, currency: str, number: int) -> None:
    booked = _sub(node, "Ntry")
    _text(booked, "NtryRef", str(number))
    _amount(booked, entry["cents"], currency)
    _text(_sub(booked, "Sts"), "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        _text(_sub(booked, name), "Dt", entry["on"].isoformat())
    _text(booked, "AcctSvcrRef", entry["reference"])
    domain = _sub(_sub(booked, "BkTxCd"), "Domn")
    _text(domain, "Cd", "PMNT")
    family, sub_family = _CODES[entry["code"]]
    _text(_sub(domain, "Fmly"), "Cd", family)
    _text(domain.find(f"{{{_NAMESPACE}}}Fmly"), "SubFmlyCd", sub_family)
    details = _sub(booked, "NtryDtls")
    for name, iban, cents, end_to_end in entry.get("details", ()):
        _detail(details, entry | {"name": name, "iban": iban, "end_to_end": end_to_end, "cents": -cents}, currency)
    if "details" not in entry:
        _detail(details, entry, currency)


def _detail(details: Any, entry: Row, currency: str) -> None:
    node = _sub(details, "TxDtls")
    if entry.get("end_to_end"):
        _text(_sub(node, "Refs"), "EndToEndId", entry["end_to_end"])
    _amount(node, entry["cents"], currency)
    if entry.get("name"):
        role = "Dbtr" if entry["cents"] > 0 else "Cdtr"
        parties = _sub(node, "RltdPties")
        _text(_sub(_sub(parties, role), "Pty"), "Nm", entry["name"])
        if entry.get("iban"):
            _account_id(_sub(parties, f"{role}Acct"), entry["iban"])
    _text(_sub(node, "RmtInf"), "Ustrd", entry["text"])


def _account_id(node: Any, number: str) -> None:
    holder = _sub(node, "Id")
    if number[:2].isalpha():
        _text(holder, "IBAN", number)
    else:
        _text(_sub(holder, "Othr"), "Id", number)


def _balance(node: Any, code: str, cents: int, currency: str, on: date) -> None:
    balance = _sub(node, "Bal")
    _text(_sub(_sub(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _amount(balance, cents, currency)
    _text(_sub(balance, "Dt"), "Dt", on.isoformat())


def _amount(node: Any, cents: int, currency: str) -> None:
    _text(node, "Amt", amount(abs(cents))).set("Ccy", currency)
    _text(node, "CdtDbtInd", "CRDT" if cents >= 0 else "DBIT")


def _sub(node: Any, name: str) -> Any:
    return etree.SubElement(node, f"{{{_NAMESPACE}}}{name}")


def _text(node: Any, name: str, text: str) -> Any:
    made = _sub(node, name)
    made.text = text
    return made
