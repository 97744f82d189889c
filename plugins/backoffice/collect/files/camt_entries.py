"""Entries of bank statements, by column: what each says at its paths goes in, the columns of the format come out.

Thousands of entries have the same few shapes. Each is written as text by libxml2 and picked apart by the expression of
its shape, so that Python touches an entry once and none of its elements; signs, days and choices between paths are made
for all rows together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree

from backoffice.collect.files.xml import leaves
from backoffice.collect.files.xml_shape import Shape, Values, shape_of

_OWN = (
    *("Amt", "CdtDbtInd", "Sts/Cd", "Sts", "NtryRef", "AcctSvcrRef", "RvslInd", "AddtlNtryInf"),
    *("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"),
    *("BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd", "BkTxCd/Prtry/Cd"),
)
"""What is read of an entry; :func:`_booked` counts on the order of the first four."""
_OF_A_DETAIL = (
    *("Refs/AcctSvcrRef", "Refs/EndToEndId", "Refs/TxId", "Refs/MndtId"),
    *("RmtInf/Ustrd", "RmtInf/Strd/CdtrRefInf/Ref"),
    *(f"RltdPties/{side}{path}" for side in ("Dbtr", "Cdtr") for path in ("/Nm", "/Pty/Nm", "Acct/Id/IBAN")),
)
_DETAILS = "NtryDtls"
_TRANSACTION = f"{_DETAILS}/TxDtls"
_PREFIX = f"{_TRANSACTION}/"
_PATHS = (*_OWN, *(f"{_PREFIX}{path}" for path in _OF_A_DETAIL))
_CURRENCY = "Amt@Ccy"
_ASKED = (*_PATHS, _CURRENCY)
_HEAD = ("statement_id", "account", "iban")
_TEXTS = frozenset({"RmtInf/Ustrd", f"{_PREFIX}RmtInf/Ustrd", "AddtlNtryInf"})


@dataclass(slots=True)
class Entries:
    """Rows of entries on their way to columns; ``booked`` is what the entries since the statement's first add up to."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    booked: Decimal = Decimal(0)
    _shape: Shape | None = None
    _details: str = ""

    def add(self, entry: etree._Element, head: Values, position: int) -> None:
        """Take an entry in: one row, or one for each transaction when those add up to it.

        Args:
            entry: the element, complete.
            head: statement, account and IBAN.
            position: of the entry in its statement, from 1.
        """
        text = etree.tostring(entry, encoding="unicode", with_tail=False)
        values = self._shape.values(text) if self._shape else None
        if not values:  # of another shape than the entry before
            self._shape, self._details = _shape(text)
            values = self._shape.values(text) if self._shape else None
        if not values:
            self._add_by_path(entry, head, position)
            return
        self.booked += _booked(values)
        self.rows.append((*head, str(position), "1", self._details, *values))

    def _add_by_path(self, entry: etree._Element, head: Values, position: int) -> None:
        """The same for an entry with several transactions, or with several texts at one path."""
        groups = entry.iterchildren(f"{{*}}{_DETAILS}")
        details = [detail for group in groups for detail in group.iterchildren("{*}TxDtls")]
        own, found = _read(entry, details)
        self.booked += _booked(tuple(map(own.get, _OWN)))
        for number, (values, amount) in enumerate(_split(own, found), 1):
            told = map((own | {"Amt": amount}).get, _OWN)
            counted = (str(position), str(number), str(len(details)))
            self.rows.append((*head, *counted, *told, *map(values.get, _OF_A_DETAIL), own.get(_CURRENCY)))

    def take(self) -> pa.RecordBatch:
        """The rows so far, as columns of text; none are left."""
        names = (*_HEAD, "position", "detail", "details", *_ASKED)
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(names)
        raw = {name: _text(values) for name, values in zip(names, columns, strict=True)}
        self.rows = []
        return pa.RecordBatch.from_pydict(_columns(raw))


def _shape(text: str) -> tuple[Shape | None, str]:
    """The shape of an entry that is one row, and how many transactions it has; no shape for an entry of several."""
    shape = shape_of(text, _ASKED)
    details = shape.counts.get(_TRANSACTION, 0) if shape else 0
    return (shape if details < 2 else None), str(details)


def _read(entry: etree._Element, details: list[etree._Element]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What an entry says, and each of its transactions, by path."""
    if len(details) > 1:
        return leaves(entry, _TEXTS, frozenset({_DETAILS})), [leaves(detail, _TEXTS) for detail in details]
    own = leaves(entry, _TEXTS)
    of_detail = {path.removeprefix(_PREFIX): text for path, text in own.items() if path.startswith(_PREFIX)}
    return own, [of_detail] * len(details)


def _booked(values: Values) -> Decimal:
    """What an entry adds to the balance: nothing while it is not booked."""
    amount, side, code, status = values[:4]
    if (code or status or "BOOK").strip() != "BOOK":
        return Decimal(0)
    try:
        value = Decimal(amount or 0)
    except InvalidOperation:
        return Decimal(0)  # the entry itself is judged
    return -value if side and side.strip() == "DBIT" else value


def _split(own: dict[str, str], details: list[dict[str, str]]) -> list[tuple[dict[str, str], str | None]]:
    """What the entry's rows are: (transaction's leaves, amount without sign)."""
    whole = own.get("Amt")
    if len(details) < 2:
        return [(details[0] if details else {}, whole)]
    amounts = [_amount_in(found, own.get(_CURRENCY)) for found in details]
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


def _text(values: Any) -> pa.Array:
    """Trimmed text; what is empty is null."""
    array = pc.utf8_trim_whitespace(pa.array(values, pa.string()))
    return pc.if_else(pc.equal(array, ""), None, array)


def _columns(raw: dict[str, pa.Array]) -> dict[str, pa.Array]:
    """The format's columns, of what stands at each path."""
    side = raw["CdtDbtInd"]
    is_credit = pc.fill_null(pc.equal(side, "CRDT"), False)
    sign = pc.if_else(pc.is_valid(side), pc.if_else(is_credit, "", "-"), None)

    def of(path: str) -> pa.Array:
        return raw[f"{_PREFIX}{path}"]

    def other(path: str) -> pa.Array:
        return pc.if_else(is_credit, of(f"RltdPties/Dbtr{path}"), of(f"RltdPties/Cdtr{path}"))

    return {
        **{name: raw[name] for name in (*_HEAD, "position", "detail", "details")},
        "reference": pc.coalesce(of("Refs/AcctSvcrRef"), raw["AcctSvcrRef"]),
        "entry_reference": raw["NtryRef"],
        "amount": pc.binary_join_element_wise(sign, raw["Amt"], ""),
        "currency": raw[_CURRENCY],
        "status": pc.coalesce(raw["Sts/Cd"], raw["Sts"]),
        "is_reversal": pc.fill_null(raw["RvslInd"], "false"),
        "booking_date": _day(raw, "BookgDt"),
        "value_date": _day(raw, "ValDt"),
        "bank_code": _bank_code(raw),
        "end_to_end_id": of("Refs/EndToEndId"),
        "transaction_id": of("Refs/TxId"),
        "mandate_id": of("Refs/MndtId"),
        "counterparty_name": pc.coalesce(other("/Nm"), other("/Pty/Nm")),
        "counterparty_iban": other("Acct/Id/IBAN"),
        "remittance_text": pc.coalesce(of("RmtInf/Ustrd"), of("RmtInf/Strd/CdtrRefInf/Ref")),
        "additional_text": raw["AddtlNtryInf"],
    }


def _day(raw: dict[str, pa.Array], path: str) -> pa.Array:
    """The bank's own day: what stands before the time, whatever its offset."""
    return pc.utf8_slice_codeunits(pc.coalesce(raw[f"{path}/Dt"], raw[f"{path}/DtTm"]), 0, 10)


def _bank_code(raw: dict[str, pa.Array]) -> pa.Array:
    domain = [raw[f"BkTxCd/Domn/{path}"] for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    # a text in front, because pyarrow 26 loses rows in which all that it joins are null
    code = pc.utf8_slice_codeunits(pc.binary_join_element_wise("", *domain, "/", null_handling="skip"), 1)
    return pc.if_else(pc.equal(code, ""), raw["BkTxCd/Prtry/Cd"], code)
