"""Posting: every voucher balances to the cent, in its currency and in the firm's own, or the program stops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from backoffice.simulate.company.accounts import FX
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.money import amount, home


@dataclass(frozen=True, slots=True)
class Line:
    """Debit is positive; ``home`` may differ from the rate's where a document's own rate counts."""

    acct: str
    cents: int
    home: int | None = None
    party: str | None = None
    party_no: str | None = None
    team: str | None = None
    other_firm: int | None = None


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a posting is about.

    Args:
        book: SA sales, PU purchase, CA cash, PA payroll, ST stock, GE general, OP opening, RV revaluation.
        source: IV, PM, AL, ST, PS, CB, BK or MA, with its number.
        rate: millionths of the firm's currency for one unit of ``currency``.
    """

    firm: int
    book: str
    source: str
    source_no: str
    at: datetime
    currency: str
    rate: int
    note: str
    by: str = "system"


def post(day: Day, voucher: Voucher, lines: Iterable[Line]) -> str:
    """Post a voucher; what rounding or another rate leaves in the firm's currency is a difference of exchange.

    Returns:
        its number.
    """
    number = f"{voucher.book}{voucher.firm}-{day.world.number(f'voucher{voucher.book}{voucher.firm}'):07d}"
    kept = [(line, home(line.cents, voucher.rate) if line.home is None else line.home) for line in lines]
    kept = [(line, worth) for line, worth in kept if line.cents or worth]
    if sum(line.cents for line, _ in kept):
        raise AssertionError(f"voucher {number} ({voucher.note}) does not balance in {voucher.currency}: {kept}")
    if difference := -sum(worth for _, worth in kept):
        if voucher.currency == day.world.firms[voucher.firm].currency:
            raise AssertionError(f"voucher {number} ({voucher.note}) does not balance: {kept}")
        kept.append((Line(FX, 0), difference))
    for position, (line, worth) in enumerate(kept, 1):
        _write(day, voucher, number, position, line, worth=worth)
    return number


def _write(day: Day, voucher: Voucher, number: str, position: int, line: Line, *, worth: int) -> None:
    day.world.balances[voucher.firm, line.acct] += worth
    row = {
        "firm": voucher.firm,
        "voucher": number,
        "line": position,
        "book": voucher.book,
        "posted_on": day.today,
        "keyed_at": voucher.at,
        "keyed_by": voucher.by,
        "acct": line.acct,
        "currency": voucher.currency,
        "amount": amount(line.cents),
        "amount_home": amount(worth),
        "party": line.party,
        "party_no": line.party_no,
        "source": voucher.source,
        "source_no": voucher.source_no,
        "team": line.team,
        "other_firm": line.other_firm,
        "reverses": None,
        "note": voucher.note,
    }
    day.book.put("erp.ledger_line", row, voucher.at)
