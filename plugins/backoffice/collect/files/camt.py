"""Bank statements: ISO 20022 camt.052, camt.053 and camt.054, of any version.

Parsed by structure and never by namespace: banks send their own versions. Amounts are signed, money in is positive. An
entry is one row, or one row for each of its transactions when those have amounts in the entry's currency that add up to
the entry's: a sum is never taken from transactions that do not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

from lxml import etree

from backoffice.collect.files.xml import elements, leaves, local
from backoffice.errors import FileSetAsideError

Row = dict[str, str | None]

_KINDS = {"Stmt": "statement", "Rpt": "report", "Ntfctn": "notification"}
_DETAILS = frozenset({"NtryDtls"})
_PREFIX = "NtryDtls/TxDtls/"
_DETAIL = len(_PREFIX)
_TEXTS = frozenset({"RmtInf/Ustrd", f"{_PREFIX}RmtInf/Ustrd", "AddtlNtryInf"})


def statements(raw: Path) -> Iterator[Row]:
    """One row for each statement, report or notification.

    Raises:
        FileSetAsideError: not well-formed, or no camt file.
    """
    entries, message, seen, booked = 0, None, 0, Decimal(0)
    for element in elements(raw, "GrpHdr", "Ntry", *_KINDS):
        name = local(element)
        if name == "GrpHdr":
            message = leaves(element).get("MsgId")
        elif name == "Ntry":
            entries, booked = entries + 1, booked + _booked(element)
            _drop(element)
        else:
            yield _rolled(_statement(element, message, entries), booked)
            entries, seen, booked = 0, seen + 1, Decimal(0)
            _drop(element)
    _refuse_other(seen)


def transactions(raw: Path) -> Iterator[Row]:
    """One row for each entry, or each of its transactions; errors as of :func:`statements`."""
    position, seen, head = 0, 0, None
    for element in elements(raw, "Ntry", *_KINDS):
        if local(element) == "Ntry":
            head = head or _head(element)
            position += 1
            yield from _entry(element, head | {"position": str(position)})
            _drop(element)
        else:
            position, head, seen = 0, None, seen + 1
            _drop(element)
    _refuse_other(seen)


def _refuse_other(seen: int) -> None:
    if not seen:
        raise FileSetAsideError(
            "the file holds no statement, report or notification",
            rule="format of the read: camt.052, .053 or .054",
            next_step="mend `format` or `pattern` in the source's YAML, or have the right file sent",
        )


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _head(entry: etree._Element) -> Row:
    """What every entry tells of its statement, whose header stands before the first of them."""
    statement = entry.getparent()
    found = leaves(statement) if statement is not None else {}
    return {"statement_id": found.get("Id"), **_account(found)}


def _account(found: dict[str, str]) -> Row:
    iban = found.get("Acct/Id/IBAN")
    return {"account": iban or found.get("Acct/Id/Othr/Id"), "iban": iban}


def _statement(element: etree._Element, message: str | None, entries: int) -> Row:
    found = leaves(element)
    balances = [leaves(child) for child in element if local(child) == "Bal"]
    opening = _balance(balances, "OPBD") or _balance(balances, "PRCD")
    closing = _balance(balances, "CLBD")
    currency = found.get("Acct/Ccy") or (closing or opening or {}).get("Amt@Ccy")
    return {
        "statement_id": found.get("Id"),
        "message_id": message,
        "kind": _KINDS[local(element)],
        **_account(found),
        "currency": currency,
        "bank_bic": found.get("Acct/Svcr/FinInstnId/BICFI") or found.get("Acct/Svcr/FinInstnId/BIC"),
        "sequence_number": found.get("ElctrncSeqNb"),
        "legal_sequence_number": found.get("LglSeqNb"),
        "created_at": found.get("CreDtTm"),
        "from_date": _day(found, "FrToDt/FrDtTm", "FrToDt/FrDt") or _day(opening, "Dt/Dt", "Dt/DtTm"),
        "to_date": _day(found, "FrToDt/ToDtTm", "FrToDt/ToDt") or _day(closing, "Dt/Dt", "Dt/DtTm"),
        "opening_balance": _signed(opening),
        "opening_date": _day(opening, "Dt/Dt", "Dt/DtTm"),
        "closing_balance": _signed(closing),
        "closing_date": _day(closing, "Dt/Dt", "Dt/DtTm"),
        "entries": str(entries),
    }


def _booked(entry: etree._Element) -> Decimal:
    """What an entry adds to the balance: nothing while it is not booked."""
    found = {name: child for child in entry if (name := local(child)) in ("Amt", "CdtDbtInd", "Sts")}
    status = leaves(found["Sts"]).get("Cd") or _text(found["Sts"]) if "Sts" in found else "BOOK"
    if status != "BOOK":
        return Decimal(0)
    amount, side = (_text(found[name]) if name in found else "" for name in ("Amt", "CdtDbtInd"))
    try:
        return Decimal(amount) * (-1 if side == "DBIT" else 1)
    except InvalidOperation:
        return Decimal(0)  # the entry itself is judged


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _rolled(statement: Row, booked: Decimal) -> Row:
    """The statement, with a defect when its entries do not lead from balance to balance: some are missing or wrong."""
    opening, closing = statement["opening_balance"], statement["closing_balance"]
    try:
        differs = opening is not None and closing is not None and Decimal(opening) + booked != Decimal(closing)
    except InvalidOperation:
        return statement
    if differs:
        message = f"opening {opening} + entries {booked} is not closing {closing}"
        told = {"rule": "roll_forward", "column": "closing_balance", "value": closing, "message": message}
        statement["_defect"] = json.dumps(told)
    return statement


def _balance(balances: list[dict[str, str]], code: str) -> dict[str, str] | None:
    return next((found for found in balances if found.get("Tp/CdOrPrtry/Cd") == code), None)


def _signed(found: dict[str, str] | None) -> str | None:
    if found is None or "Amt" not in found:
        return None
    return f"-{found['Amt']}" if found.get("CdtDbtInd") == "DBIT" else found["Amt"]


def _day(found: dict[str, str] | None, *paths: str) -> str | None:
    """The bank's own day: what stands before the time, whatever its offset."""
    text = next((found[path] for path in paths if path in found), None) if found else None
    return text[:10] if text else None


def _entry(element: etree._Element, head: Row) -> Iterator[Row]:
    groups = element.iterchildren("{*}NtryDtls")
    details = [detail for group in groups for detail in group.iterchildren("{*}TxDtls")]
    if len(details) > 1:
        own = leaves(element, _TEXTS, _DETAILS)
        found = [leaves(detail, _TEXTS) for detail in details]
    else:  # nearly always: one look at all of it is enough
        own = leaves(element, _TEXTS)
        found = [{path[_DETAIL:]: text for path, text in own.items() if path.startswith(_PREFIX)}] * len(details)
    amounts = _split(own, found)
    for number, (values, amount) in enumerate(amounts, 1):
        yield head | {"detail": str(number), "details": str(len(details))} | _row(own, values, amount)


def _split(own: dict[str, str], details: list[dict[str, str]]) -> list[tuple[dict[str, str], str | None]]:
    """What the entry's rows are: (transaction's leaves, amount without sign)."""
    whole = own.get("Amt")
    if len(details) < 2:
        return [(details[0] if details else {}, whole)]
    amounts = [_amount_in(found, own.get("Amt@Ccy")) for found in details]
    try:
        adds_up = None not in amounts and sum(Decimal(amount or 0) for amount in amounts) == Decimal(whole or "")
    except InvalidOperation:
        adds_up = False
    return list(zip(details, amounts, strict=True)) if adds_up else [({}, whole)]


def _amount_in(found: dict[str, str], currency: str | None) -> str | None:
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        if path in found and found.get(f"{path}@Ccy") == currency:
            return found[path]
    return None


def _row(own: dict[str, str], detail: dict[str, str], amount: str | None) -> Row:
    is_credit = own.get("CdtDbtInd") == "CRDT"
    sign = "" if is_credit else "-"
    other = "Dbtr" if is_credit else "Cdtr"
    return {
        "reference": detail.get("Refs/AcctSvcrRef") or own.get("AcctSvcrRef"),
        "entry_reference": own.get("NtryRef"),
        "amount": f"{sign}{amount}" if amount and "CdtDbtInd" in own else None,
        "currency": own.get("Amt@Ccy"),
        "status": own.get("Sts/Cd") or own.get("Sts"),
        "is_reversal": own.get("RvslInd", "false"),
        "booking_date": _day(own, "BookgDt/Dt", "BookgDt/DtTm"),
        "value_date": _day(own, "ValDt/Dt", "ValDt/DtTm"),
        "bank_code": _bank_code(own),
        "end_to_end_id": detail.get("Refs/EndToEndId"),
        "transaction_id": detail.get("Refs/TxId"),
        "mandate_id": detail.get("Refs/MndtId"),
        "counterparty_name": detail.get(f"RltdPties/{other}/Nm") or detail.get(f"RltdPties/{other}/Pty/Nm"),
        "counterparty_iban": detail.get(f"RltdPties/{other}Acct/Id/IBAN"),
        "remittance_text": detail.get("RmtInf/Ustrd") or detail.get("RmtInf/Strd/CdtrRefInf/Ref"),
        "additional_text": own.get("AddtlNtryInf"),
    }


def _bank_code(own: dict[str, str]) -> str | None:
    domain = [own.get(f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "/".join(filter(None, domain)) or own.get("BkTxCd/Prtry/Cd")
