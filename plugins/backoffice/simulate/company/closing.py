"""Fiscal months: opened a year ahead, closed in two steps when their books are done; and what belongs to closing."""

from __future__ import annotations

from datetime import date, timedelta

from backoffice.simulate.company import bank
from backoffice.simulate.company.accounts import (
    EURO_BANK,
    FEE_COST,
    FEE_INCOME,
    FX,
    OWED_BY_FIRMS,
    OWED_TO_FIRMS,
    VAT_DUE,
    VAT_IN,
    VAT_OUT,
    WEAR,
    WORN,
)  # fmt: skip
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, last_of_month, month_after, workdays_after
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE, home
from backoffice.simulate.company.world import Firm

_SOFT_DAYS, _CLOSE_DAYS = 4, 8
_WEAR = {"DKK": 1_600_000, "USD": 200_000}
_FEE = 2_000_000
_PARENT, _DAUGHTER = 10, 20
_DECEMBER = 12


def open_years(day: Day, firm: Firm) -> None:
    """The months of this year and the next; those that are over are closed."""
    for year in (day.today.year, day.today.year + 1):
        for month in range(1, 13):
            _open_month(day, firm, year, month)


def _open_month(day: Day, firm: Firm, year: int, month: int) -> None:
    if (firm.no, year, month) in day.world.months:
        return
    first = date(year, month, 1)
    over = last_of_month(first) < day.today
    row: Row = {
        "firm": firm.no,
        "fiscal_year": year,
        "fiscal_month": month,
        "first_day": first,
        "last_day": last_of_month(first),
        "state": "C" if over else "O",
        "closed_at": day.opens if over else None,
    }
    day.world.months[firm.no, year, month] = row
    day.book.put("erp.fiscal_month", row, day.opens)


def step(day: Day) -> None:
    """What belongs to the last day of a month, and to the days after it."""
    if day.today == last_of_month(day.today):
        for firm in day.firms():
            _wear(day, firm)
            bank.fees(day, firm)
            _revalue(day, firm)
        _management_fee(day)
    before = month_after(day.today, -1)
    for days, state in ((_SOFT_DAYS, "S"), (_CLOSE_DAYS, "C")):
        if day.today == workdays_after(last_of_month(before), days):
            for firm in day.firms():
                _set_state(day, firm, before, state)
    if day.today.month == _DECEMBER and day.today.day == 1:
        for firm in day.firms():
            open_years(day, firm)


def _set_state(day: Day, firm: Firm, month: date, state: str) -> None:
    row = day.world.months.get((firm.no, month.year, month.month))
    if row and row["state"] != "C":
        at = day.at(firm.no, 17)
        row.update(state=state, closed_at=at if state == "C" else None)
        day.book.put("erp.fiscal_month", row, at)


def _wear(day: Day, firm: Firm) -> None:
    cents = _WEAR[firm.currency]
    voucher = Voucher(
        firm.no, "GE", "MA", f"wear-{day.today:%Y-%m}", day.at(firm.no, 17), firm.currency, RATE_ONE, "depreciation"
    )
    post(day, voucher, [Line(WEAR, cents), Line(WORN, -cents)])


def _revalue(day: Day, firm: Firm) -> None:
    """Euro in the bank at the closing rate."""
    if not firm.euro_iban:
        return
    held = day.world.banks[firm.euro_iban].balance
    difference = home(held, rate(day, "EUR", firm.currency)) - day.world.balances[firm.no, EURO_BANK]
    voucher = Voucher(
        firm.no, "RV", "MA", f"fx-{day.today:%Y-%m}", day.at(firm.no, 17), "EUR", RATE_ONE, "revaluation of euro"
    )
    if difference:
        post(day, voucher, [Line(EURO_BANK, 0, difference), Line(FX, 0, -difference)])


def _management_fee(day: Day) -> None:
    """The daughter owes the parent for the month, in dollars; it pays once a quarter."""
    note, source = "management fee", f"fee-{day.today:%Y-%m}"
    parent, daughter = day.world.firms[_PARENT], day.world.firms[_DAUGHTER]
    price = rate(day, "USD", parent.currency)
    at = day.at(_DAUGHTER, 17)
    theirs = Voucher(_PARENT, "GE", "MA", source, at, "USD", price, note)
    owed = Line(OWED_BY_FIRMS, _FEE, party="F", party_no=str(_DAUGHTER), other_firm=_DAUGHTER)
    post(day, theirs, [owed, Line(FEE_INCOME, -_FEE)])
    ours = Voucher(_DAUGHTER, "GE", "MA", source, at, "USD", RATE_ONE, note)
    owing = Line(OWED_TO_FIRMS, -_FEE, party="F", party_no=str(_PARENT), other_firm=_PARENT)
    post(day, ours, [Line(FEE_COST, _FEE), owing])
    day.world.counters["fee_owed"] += _FEE
    day.world.counters["fee_owed_home"] += home(_FEE, price)
    if day.today.month % 3 == 0:
        day.world.later(workdays_after(day.today, 5), "pay_fee", (parent.no, daughter.no))


def settle_vat(day: Day, firm: Firm) -> int:
    """Bring the balances of the VAT accounts into one that is to be settled. Returns what is owed in cents."""
    out, taken = day.world.balances[firm.no, VAT_OUT], day.world.balances[firm.no, VAT_IN]
    voucher = Voucher(
        firm.no, "GE", "MA", f"vat-{day.today - timedelta(days=1):%Y-%m}", day.at(firm.no, 9), firm.currency, RATE_ONE,
        "VAT of the period",
    )  # fmt: skip
    if out or taken:
        post(day, voucher, [Line(VAT_OUT, -out), Line(VAT_IN, -taken), Line(VAT_DUE, out + taken)])
    return -day.world.balances[firm.no, VAT_DUE]
