"""Bank statements: ISO 20022 camt.052, camt.053 and camt.054, of any version.

Parsed by structure and never by namespace: banks send their own versions. Amounts are signed, money in is positive. An
entry is one row, or one row for each of its transactions when those have amounts in the entry's currency that add up to
the entry's: a sum is never taken from transactions that do not.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from lxml import etree

from backoffice.collect.files.camt_entries import Entries
from backoffice.collect.files.xml import document, elements, leaves, local
from backoffice.errors import FileSetAsideError

Row = dict[str, str | None]

_KINDS = {"Stmt": "statement", "Rpt": "report", "Ntfctn": "notification"}
_GROUP, _ENTRY = "GrpHdr", "Ntry"
_WHOLE = 16 << 20
"""Bytes of a file that is read as a whole, once for both of its parts; a larger one streams, for each again."""
_ROWS = 20_000


class Block(NamedTuple):
    """Some of a file, in its order: rows of entries, and the statements that ended meanwhile."""

    entries: pa.RecordBatch
    statements: list[Row]


def statements(raw: Path, sha256: str = "") -> Iterator[Row]:
    """One row for each statement, report or notification.

    Args:
        raw: the file.
        sha256: of its bytes; when given, the other part of a small file is kept, to be asked for next.

    Raises:
        FileSetAsideError: not well-formed, or no camt file.
    """
    for block in _blocks(raw, sha256):
        yield from block.statements


def transactions(raw: Path, sha256: str = "") -> Iterator[pa.RecordBatch]:
    """Rows of each entry, or each of its transactions, as columns of text; as of :func:`statements`."""
    for block in _blocks(raw, sha256):
        yield block.entries


def _blocks(raw: Path, sha256: str) -> Iterator[Block]:
    if raw.stat().st_size > _WHOLE:
        return _read(_streamed(raw))
    return iter(_kept(raw, sha256)) if sha256 else _read(_whole(raw))


@functools.lru_cache(maxsize=1)
def _kept(raw: Path, sha256: str) -> tuple[Block, ...]:
    """The last file that was read: each of its parts is landed for itself, one right after the other."""
    return tuple(_read(_whole(raw)))


def _streamed(raw: Path) -> Iterator[etree._Element]:
    """Header, entries and statements in the order in which they end; what was dealt with is dropped."""
    for element in elements(raw, _GROUP, _ENTRY, *_KINDS):
        yield element
        parent = element.getparent()
        if parent is not None and local(element) != _GROUP:
            parent.remove(element)


def _whole(raw: Path) -> Iterator[etree._Element]:
    """The same elements in the same order, from memory."""
    waiting = [document(raw)]
    while waiting:
        element = waiting.pop()
        name = local(element)
        if name in _KINDS:
            yield from element.iterchildren(f"{{*}}{_ENTRY}")
        if name in _KINDS or name == _GROUP:
            yield element
        else:
            waiting.extend(reversed(element))


def _read(parts: Iterator[etree._Element]) -> Iterator[Block]:
    entries, found = Entries(), _Statements()
    for element in parts:
        name = local(element)
        if name == _ENTRY:
            entries.add(element, *found.place_of(element))
        elif name == _GROUP:
            found.message = leaves(element).get("MsgId")
        else:
            found.end(element, entries)
        if len(entries.rows) >= _ROWS:
            yield Block(entries.take(), found.take())
    if not found.seen:
        raise FileSetAsideError(
            "the file holds no statement, report or notification",
            rule="format of the read: camt.052, .053 or .054",
            next_step="mend `format` or `pattern` in the source's YAML, or have the right file sent",
        )
    yield Block(entries.take(), found.take())


@dataclass(slots=True)
class _Statements:
    """Statements on the way through a file: the one at hand, and rows of those that ended."""

    message: str | None = None
    seen: int = 0
    position: int = 0
    head: tuple[str | None, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def place_of(self, entry: etree._Element) -> tuple[tuple[str | None, ...], int]:
        """Statement, account and IBAN of an entry, and its position, from 1."""
        if not self.position:  # its header stands before the first of them
            statement = entry.getparent()
            found = _told(statement) if statement is not None else {}
            self.head = (found.get("Id"), *_account(found).values())
        self.position += 1
        return self.head, self.position

    def end(self, element: etree._Element, entries: Entries) -> None:
        """Take the row of a statement that is complete."""
        self.rows.append(_rolled(_statement(element, self.message, self.position), entries.booked))
        self.position, self.seen, entries.booked = 0, self.seen + 1, Decimal(0)

    def take(self) -> list[Row]:
        """The rows so far; none are left."""
        rows, self.rows = self.rows, []
        return rows


def _told(statement: etree._Element) -> dict[str, str]:
    """What a statement says besides its entries: path → text, as of :func:`leaves`."""
    found: dict[str, str] = {}
    for child in statement:
        name = local(child)
        if name == _ENTRY:
            continue
        text = (child.text or "").strip()
        if text and not len(child):
            found.setdefault(name, text)
        for path, value in leaves(child).items():
            found.setdefault(f"{name}/{path}", value)
    return found


def _account(found: dict[str, str]) -> Row:
    iban = found.get("Acct/Id/IBAN")
    return {"account": iban or found.get("Acct/Id/Othr/Id"), "iban": iban}


def _statement(element: etree._Element, message: str | None, entries: int) -> Row:
    found = _told(element)
    balances = [leaves(child) for child in element.iterchildren("{*}Bal")]
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
