"""The bank: it books what is paid, on banking days, and tells of it in a statement on the next morning."""

from __future__ import annotations

from datetime import date, timedelta

from backoffice.simulate.company.accounts import BANK_FEES
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, workday
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE
from backoffice.simulate.company.world import BankAccount, Firm

_MORNING = timedelta(hours=4, minutes=30)
_FEE = {"DKK": 12_500, "USD": 2_500}


def book(day: Day, iban: str, cents: int, entry: Row, on: date | None = None) -> str:
    """Have the bank book an amount, money in is positive.

    Args:
        day: today.
        iban: our account.
        cents: of the account's currency.
        entry: ``name``, ``iban``, ``end_to_end``, ``text``, ``code``, and ``details`` of a batch.
        on: banking day it is booked on; today.

    Returns:
        the bank's reference.
    """
    account = day.world.banks[iban]
    account.references += 1
    account.balance += cents
    reference = f"{iban[-4:]}{account.references:08d}"
    account.entries.append({**entry, "cents": cents, "on": workday(on or day.today), "reference": reference})
    return reference


def statements(day: Day) -> None:
    """Tell what was booked since the last statement; on mornings of banking days."""
    if not day.is_workday:
        return
    for account in day.world.banks.values():
        _tell(day, account)


def _tell(day: Day, account: BankAccount) -> None:
    booked = sorted((entry for entry in account.entries if entry["on"] < day.today), key=lambda entry: entry["on"])
    account.entries = [entry for entry in account.entries if entry["on"] >= day.today]
    first = account.told_until + timedelta(days=1) if account.told_until else day.world.born
    if first > day.today - timedelta(days=1):
        return
    account.statements += 1
    closing = account.told + sum(entry["cents"] for entry in booked)
    at = day.opens + _MORNING
    statement = {
        "iban": account.iban,
        "bic": account.bic,
        "currency": account.currency,
        "id": f"{account.iban[-4:]}-{day.today:%Y%m%d}",
        "sequence": account.statements,
        "made_at": at,
        "first": first,
        "last": day.today - timedelta(days=1),
        "opening": account.told,
        "closing": closing,
        "entries": booked,
    }
    day.book.tell("bank.statement", statement, at)
    account.told, account.told_until = closing, day.today - timedelta(days=1)


def fees(day: Day, firm: Firm) -> None:
    """What the accounts cost a month."""
    cents, at = _FEE[firm.currency], day.at(firm.no, 9)
    reference = book(day, firm.iban, -cents, {"name": None, "text": "Account fees", "code": "FEES"})
    voucher = Voucher(firm.no, "CA", "BK", reference, at, firm.currency, RATE_ONE, "bank fees")
    post(day, voucher, [Line(BANK_FEES, cents), Line("1000", -cents)])
