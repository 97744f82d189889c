"""Payroll: one run a firm and month, paid on the 25th; slips add up to the run, it to its voucher and bank file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from backoffice.simulate.company import bank, payments
from backoffice.simulate.company.accounts import BANK, GRANTS, NET_PAY, PAY_TAX, PENSION, VAT_DUE, WAGE_COST, WAGES
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.closing import settle_vat
from backoffice.simulate.company.day import Day, last_of_month, month_after, workday, workday_before
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE, amount, percent
from backoffice.simulate.company.people import GRANT, HOME_OFFICE
from backoffice.simulate.company.world import Firm, Person

_PAY_DAY, _REMIT_DAY = 25, 10
_OVERTIME_SHARE = 0.10
# hundredths of a percent: withheld tax, the employee's pension, the employer's pension, the employer's tax
_RATES = {"DK": (3300, 400, 1100, 0), "US": (2600, 500, 400, 765)}
_HOURS = {"DK": 16033, "US": 17333}


@dataclass(frozen=True, slots=True)
class Wage:
    """A line of a slip."""

    code: int
    cents: int
    hours: int | None = None


@dataclass(frozen=True, slots=True)
class Slip:
    """What one person gets, in cents."""

    person: Person
    wages: tuple[Wage, ...]

    def of(self, *codes: int) -> int:
        """Sum of some kinds."""
        return sum(wage.cents for wage in self.wages if wage.code in codes)

    @property
    def gross(self) -> int:
        """Earnings."""
        return self.of(100, 110)

    @property
    def net(self) -> int:
        """Paid out."""
        return self.gross - self.of(200) - self.of(210) + self.of(400, 410)


def step(day: Day) -> None:
    """Pay on pay day; remit tax, pension and VAT when they are due."""
    for firm in day.firms():
        if day.today == workday_before(day.today.replace(day=_PAY_DAY)):
            _run(day, firm)
        if day.today == workday(day.today.replace(day=_REMIT_DAY)):
            _remit(day, firm)
        if day.today == workday(day.today.replace(day=1)) and _vat_month(firm, day.today):
            settle_vat(day, firm)
        if day.today == workday(day.today.replace(day=12)) and _vat_month(firm, day.today):
            _pay_office(day, firm, {VAT_DUE: -day.world.balances[firm.no, VAT_DUE]}, "VAT")


def _vat_month(firm: Firm, today: date) -> bool:
    """Quarterly in Denmark; the States' sales tax is due each month."""
    return firm.land != "DK" or today.month % 3 == 1


def _run(day: Day, firm: Firm) -> None:
    first, last = day.today.replace(day=1), last_of_month(day.today)
    slips = [_slip(day, firm, person, first, last) for person in day.world.staff(firm.no)]
    run_no, at = f"PR{firm.no}-{first:%Y%m}", day.at(firm.no, 9)
    heads = day.world.staff(firm.no, 60) or day.world.staff(firm.no, 10)
    row: Row = {
        "run_no": run_no,
        "firm": firm.no,
        "first_day": first,
        "last_day": last,
        "paid_on": day.today,
        "state": "A",
        "approved_by": heads[0].no if heads else None,
        "voucher": None,
        "currency": firm.currency,
    }
    day.book.put("hris.pay_run", row, at)
    row["voucher"] = _post(day, firm, slips, run_no, at)
    payments_of = _pay(day, firm, slips, run_no, day.at(firm.no, 10))
    for slip in slips:
        _write(day, slip, run_no, payments_of[slip.person.no], day.at(firm.no, 10))
    row["state"] = "P"
    day.book.put("hris.pay_run", row, day.at(firm.no, 11))


def _slip(day: Day, firm: Firm, person: Person, first: date, last: date) -> Slip:
    """By calendar days for a month that is begun late."""
    chance = day.chance("slip", person.no)
    days = last.day - max(0, (person.hired - first).days)
    salary = person.pay * days // last.day
    wages = [Wage(100, salary, _HOURS[firm.land] * days // last.day)]
    if chance.happens(_OVERTIME_SHARE):
        hours = chance.whole(2, 14)
        wages.append(Wage(110, person.pay * 100 * hours * 3 // (_HOURS[firm.land] * 2), hours * 100))
    gross = sum(wage.cents for wage in wages)
    codes = zip((200, 210, 300, 310), _RATES[firm.land], strict=True)
    wages += [Wage(code, percent(gross, share)) for code, share in codes if share]
    if person.mode == "R":
        wages += [Wage(400, GRANT[firm.currency]), Wage(410, HOME_OFFICE[firm.currency])]
    return Slip(person, tuple(wages))


def _write(day: Day, slip: Slip, run_no: str, payment: str, at: datetime) -> None:
    number = f"{run_no}-{slip.person.no}"
    currency = slip.person.currency
    row: Row = {
        "slip_no": number,
        "run_no": run_no,
        "pn": slip.person.no,
        "hours": amount(sum(wage.hours or 0 for wage in slip.wages)),
        "gross": amount(slip.gross),
        "tax": amount(slip.of(200)),
        "deducted": amount(slip.of(210)),
        "refunded": amount(slip.of(400, 410)),
        "net": amount(slip.net),
        "employer": amount(slip.of(300, 310)),
        "currency": currency,
        "payment_no": payment,
    }
    day.book.put("hris.pay_slip", row, at)
    for position, wage in enumerate(slip.wages, 1):
        qty = amount(wage.hours) if wage.hours is not None else None
        line: Row = {
            "slip_no": number,
            "pos": position,
            "wage": wage.code,
            "qty": qty,
            "amount": amount(wage.cents),
            "currency": currency,
        }
        day.book.put("hris.pay_slip_line", line, at)


def _post(day: Day, firm: Firm, slips: list[Slip], run_no: str, at: datetime) -> str:
    lines: list[Line] = []
    for unit in sorted({slip.person.unit for slip in slips}):
        own = [slip for slip in slips if slip.person.unit == unit]
        for acct, codes in ((WAGES, (100, 110)), (WAGE_COST, (300, 310)), (GRANTS, (400, 410))):
            lines.append(Line(acct, sum(slip.of(*codes) for slip in own), team=unit))
    lines += [
        Line(NET_PAY, -sum(slip.net for slip in slips)),
        Line(PAY_TAX, -sum(slip.of(200, 310) for slip in slips)),
        Line(PENSION, -sum(slip.of(210, 300) for slip in slips)),
    ]
    return post(day, Voucher(firm.no, "PA", "PS", run_no, at, firm.currency, RATE_ONE, "payroll"), lines)


def _pay(day: Day, firm: Firm, slips: list[Slip], run_no: str, at: datetime) -> dict[int, str]:
    """One payment a person, one entry at the bank for all of them."""
    numbers, details = {}, []
    for slip in slips:
        person = slip.person
        paying = payments.Paying(
            firm, "O", "P", str(person.no), "P", firm.currency, slip.net, RATE_ONE, run_no, run=run_no
        )
        numbers[person.no] = payments.record(day, paying, at)["payment_no"]
        details.append((person.name, person.iban, slip.net, numbers[person.no]))
    total = sum(slip.net for slip in slips)
    entry: Row = {"name": None, "iban": None, "end_to_end": None, "text": f"Salaries {run_no}", "code": "SALA"}
    bank.book(day, firm.iban, -total, {**entry, "details": details})
    voucher = Voucher(firm.no, "CA", "PM", run_no, at, firm.currency, RATE_ONE, "salaries paid")
    post(day, voucher, [Line(NET_PAY, total), Line(BANK, -total)])
    return numbers


def _remit(day: Day, firm: Firm) -> None:
    """What was withheld in the month before."""
    owed = {acct: -day.world.balances[firm.no, acct] for acct in (PAY_TAX, PENSION)}
    _pay_office(day, firm, owed, f"Payroll tax {month_after(day.today, -1):%Y-%m}")


def _pay_office(day: Day, firm: Firm, owed: dict[str, int], text: str) -> None:
    total, at = sum(owed.values()), day.at(firm.no, 9)
    if not total:
        return
    way, cents = ("O", total) if total > 0 else ("I", -total)
    paying = payments.Paying(firm, way, "T", None, "B", firm.currency, cents, RATE_ONE, text)
    number = payments.record(day, paying, at)["payment_no"]
    name = "Skattestyrelsen" if firm.land == "DK" else "Internal Revenue Service"
    entry: Row = {"name": name, "iban": None, "end_to_end": number, "text": text, "code": "TAXS"}
    bank.book(day, firm.iban, -total, entry)
    lines = [Line(acct, share) for acct, share in owed.items()]
    post(day, Voucher(firm.no, "CA", "PM", number, at, firm.currency, RATE_ONE, text), [*lines, Line(BANK, -total)])
