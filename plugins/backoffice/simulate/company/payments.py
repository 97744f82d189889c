"""Money in and out: what customers pay and when, cards and their payout, weekly payment runs, and the group's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from backoffice.simulate.company import bank
from backoffice.simulate.company.accounts import (
    BAD_DEBT,
    BANK,
    BANK_FEES,
    CARDS,
    EURO_BANK,
    OWED_BY_FIRMS,
    OWED_TO_FIRMS,
    PAYABLE,
    RECEIVABLE,
)  # fmt: skip
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, workday, workdays_after
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE, amount, divide, home, per_hundred, percent
from backoffice.simulate.company.world import Creditor, Debtor, Firm, Invoice

PROVIDERS = {10: "Kortnet", 20: "Cardway"}
_NEVER, _LATE, _INSTALMENTS, _PAID_LATE, _NEXT_DAY = 0.006, 0.15, 0.05, 0.10, 0.20
_CARD_FEE, _CARD_FIXED, _PAYOUT_DAYS, _WRITTEN_OFF_AFTER = 140, 25, 2, 120
_EURO_KEPT, _THURSDAY = 5_000_000, 3


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment to write down.

    Args:
        way: I in, O out.
        party: D, K, P, T or F, with its number.
        means: B transfer, C card, P payroll file.
    """

    firm: Firm
    way: str
    party: str
    party_no: str | None
    means: str
    currency: str
    cents: int
    price: int
    reference: str
    state: str = "C"
    run: str | None = None


def record(day: Day, paying: Paying, at: datetime) -> Row:
    """Write a payment of today into the ERP."""
    number = f"P{paying.firm.no}-{day.world.number(f'payment{paying.firm.no}'):07d}"
    row: Row = {
        "payment_no": number,
        "firm": paying.firm.no,
        "way": paying.way,
        "party": paying.party,
        "party_no": paying.party_no,
        "paid_on": day.today,
        "means": paying.means,
        "iban": account_for(paying.firm, paying.currency),
        "currency": paying.currency,
        "amount": amount(paying.cents),
        "rate_100": per_hundred(paying.price),
        "amount_home": amount(home(paying.cents, paying.price)),
        "reference": paying.reference,
        "state": paying.state,
        "cleared_at": at if paying.state == "C" else None,
        "run_no": paying.run,
    }
    day.book.put("erp.payment", row, at)
    return row


def account_for(firm: Firm, currency: str) -> str:
    """The account a currency is paid from and into."""
    return firm.euro_iban if currency == "EUR" and firm.euro_iban else firm.iban


def _acct(firm: Firm, currency: str) -> str:
    return EURO_BANK if currency == "EUR" and firm.euro_iban else BANK


def expect(day: Day, made: Invoice, debtor: Debtor, by_card: bool) -> None:
    """Decide when a new invoice is paid; what a customer has to their credit is used first."""
    _use_credits(day, made, debtor)
    if made.no not in day.world.receivable:
        return
    chance = day.chance("pay", int(made.no[4:]) * 100 + made.firm)
    if by_card:
        _pay_by_card(day, made)
    elif chance.happens(_NEVER):
        day.world.later(made.row["due"] + timedelta(days=_WRITTEN_OFF_AFTER), "write_off", made.no)
    else:
        lateness = chance.between(20, 70) if chance.happens(_LATE) else chance.normal(debtor.habit, 8)
        on = max(made.row["due"] + timedelta(days=round(lateness)), day.today + timedelta(days=1))
        if chance.happens(_INSTALMENTS):
            day.world.later(workday(on), "receive", (made.no, 2))
            on += timedelta(days=14)
        day.world.later(workday(on), "receive", (made.no, 1))


def receive(day: Day, what: tuple[str, int]) -> None:
    """A customer pays what is open, or the first of so many parts."""
    number, parts = what
    made = day.world.receivable.get(number)
    if made is None:
        return
    firm, debtor = day.world.firms[made.firm], day.world.customers[made.party]
    paid, at = made.left // parts, day.at(made.firm, 10)
    price = rate(day, made.currency, firm.currency)
    paying = Paying(firm, "I", "D", str(made.party), "B", made.currency, paid, price, made.row["printed_no"])
    row = record(day, paying, at)
    entry = {
        "name": debtor.name,
        "iban": debtor.iban,
        "end_to_end": row["payment_no"],
        "text": f"Invoice {made.row['printed_no']}",
        "code": "RCDT",
    }
    bank.book(day, row["iban"], paid, entry)
    cleared, difference = settle(day, made, paid, price, row["payment_no"], at=at)
    voucher = Voucher(firm.no, "CA", "PM", row["payment_no"], at, made.currency, price, "paid by a customer")
    post(day, voucher, [
        Line(_acct(firm, made.currency), paid, cleared + difference),
        Line(RECEIVABLE, -paid, -cleared, "D", str(made.party)),
    ])  # fmt: skip


def settle(day: Day, made: Invoice, cents: int, price: int, payment: str, *, at: datetime) -> tuple[int, int]:
    """Apply money to a document. Returns what it clears at the document's rate, and the difference of exchange."""
    cleared = made.left_home if cents == made.left else divide(made.left_home * cents, made.left)
    difference = home(cents, price) - cleared
    allocate(day, made, cents, cleared, at, payment=payment, difference=difference)
    return cleared, difference


def allocate(
    day: Day, made: Invoice, cents: int, cleared: int, at: datetime, *, payment: str | None = None,
    credit: str | None = None, written_off: int = 0, difference: int = 0,
) -> None:  # fmt: skip
    """Write that a document is settled by so much, and close it when nothing is left."""
    made.left -= cents
    made.left_home -= cleared
    row: Row = {
        "allocation_no": day.world.number("allocation"),
        "payment_no": payment,
        "credit_no": credit,
        "invoice_no": made.no,
        "applied_on": day.today,
        "amount": amount(cents),
        "currency": made.currency,
        "amount_home": amount(cleared),
        "written_off": amount(written_off),
        "fx_home": amount(difference),
    }
    day.book.put("erp.allocation", row, at)
    if made.left == 0:
        made.row["state"] = "W" if written_off else "C"
        day.book.put("erp.invoice", made.row, at)
        day.world.receivable.pop(made.no, None)
        day.world.payable.pop(made.no, None)


def apply_credit(day: Day, note: Invoice, made: Invoice | None, at: datetime) -> None:
    """Use a credit note against its invoice; what is left waits for the customer's next one."""
    if made is not None:
        _apply(day, note, made, at)
    if note.left:
        day.world.credits.setdefault(note.party, []).append(note)


def _apply(day: Day, note: Invoice, made: Invoice, at: datetime) -> None:
    cents = min(note.left, made.left)
    cleared = made.left_home if cents == made.left else divide(made.left_home * cents, made.left)
    if cents == note.left and made.rate == note.rate:
        cleared = min(note.left_home, made.left_home) if cents < made.left else cleared
    note.left -= cents
    note.left_home -= cleared
    allocate(day, made, cents, cleared, at, credit=note.no)
    if note.left == 0:
        note.row["state"] = "C"
        day.book.put("erp.invoice", note.row, at)


def _use_credits(day: Day, made: Invoice, debtor: Debtor) -> None:
    """Only in the firm's own currency, where every document has the same rate."""
    notes = day.world.credits.get(debtor.no, [])
    if made.rate != RATE_ONE:
        return
    for note in notes:
        if made.left:
            _apply(day, note, made, day.at(made.firm, 16.4))
    day.world.credits[debtor.no] = [note for note in notes if note.left]


def write_off(day: Day, number: str) -> None:
    """What nobody will pay."""
    made = day.world.receivable.get(number)
    if made is None:
        return
    at, cents, cleared = day.at(made.firm, 15), made.left, made.left_home
    voucher = Voucher(made.firm, "GE", "AL", number, at, made.currency, made.rate, "bad debt")
    lines = [Line(BAD_DEBT, cents, cleared), Line(RECEIVABLE, -cents, -cleared, "D", str(made.party))]
    post(day, voucher, lines)
    allocate(day, made, cents, cleared, at, written_off=cents)


def _pay_by_card(day: Day, made: Invoice) -> None:
    firm, at = day.world.firms[made.firm], day.at(made.firm, 16.5)
    paying = Paying(firm, "I", "D", str(made.party), "C", made.currency, made.left, made.rate, made.row["printed_no"])
    row, gross = record(day, paying, at), made.left
    voucher = Voucher(firm.no, "CA", "PM", row["payment_no"], at, made.currency, made.rate, "paid by card")
    lines = [Line(CARDS, gross), Line(RECEIVABLE, -gross, -made.left_home, "D", str(made.party))]
    post(day, voucher, lines)
    settle(day, made, gross, made.rate, row["payment_no"], at=at)
    _capture(day, firm, row, gross)


def _capture(day: Day, firm: Firm, payment: Row, gross: int) -> None:
    """The provider holds the money; the ERP learns of the item with its payout, as one row that stays."""
    due = workdays_after(day.today, _PAYOUT_DAYS)
    item: Row = {
        "card_no": day.world.number("card"),
        "batch": f"{PROVIDERS[firm.no][:2].upper()}{day.today:%y%m%d}",
        "provider": PROVIDERS[firm.no],
        "firm": firm.no,
        "payment_no": payment["payment_no"],
        "traded_on": day.today,
        "due_on": due,
        "settled_on": None,
        "gross": amount(gross),
        "fee": amount(percent(gross, _CARD_FEE) + _CARD_FIXED),
        "currency": firm.currency,
        "state": "W",
        "bank_reference": None,
    }
    if (firm.no, day.today) not in day.world.cards:
        day.world.later(due, "payout", (firm.no, day.today))
    day.world.cards.setdefault((firm.no, day.today), []).append(item)


def payout(day: Day, what: tuple[int, date]) -> None:
    """The provider pays a batch out, less its fee."""
    items, firm = day.world.cards.pop(what), day.world.firms[what[0]]
    gross, fee = (sum(int(item[name].replace(".", "")) for item in items) for name in ("gross", "fee"))
    batch, at = items[0]["batch"], day.at(firm.no, 9)
    entry = {"name": PROVIDERS[firm.no], "iban": None, "end_to_end": batch, "text": f"Payout {batch}", "code": "CCRD"}
    reference = bank.book(day, firm.iban, gross - fee, entry)
    for item in items:
        item.update(settled_on=day.today, state="S", bank_reference=reference)
        day.book.put("erp.card_item", item, at)
    voucher = Voucher(firm.no, "CA", "CB", batch, at, firm.currency, RATE_ONE, "card payout")
    post(day, voucher, [Line(BANK, gross - fee), Line(BANK_FEES, fee), Line(CARDS, -gross)])


def run(day: Day) -> None:
    """Thursdays: pay the bills that are due before the next run; a tenth is left for the next on purpose."""
    if day.today.weekday() == _THURSDAY:
        for firm in day.firms():
            _pay_bills(day, firm)
            _sweep_euro(day, firm)


def _pay_bills(day: Day, firm: Firm) -> None:
    chance, at = day.chance("run", firm.no), day.at(firm.no, 11)
    run_no = f"AP{firm.no}-{day.today:%Y%m%d}"
    for made in [made for made in day.world.payable.values() if made.firm == firm.no]:
        if made.row["due"] < day.today + timedelta(days=7) and not chance.happens(_PAID_LATE):
            _pay_bill(day, firm, made, run_no, chance.happens(_NEXT_DAY), at=at)


def _pay_bill(day: Day, firm: Firm, made: Invoice, run_no: str, next_day: bool, *, at: datetime) -> None:
    vendor: Creditor = day.world.creditors[made.party]
    price, cents = rate(day, made.currency, firm.currency), made.left
    paying = Paying(
        firm, "O", "K", str(made.party), "B", made.currency, cents, price, made.row["printed_no"],
        "W" if next_day else "C", run_no,
    )  # fmt: skip
    row = record(day, paying, at)
    entry = {
        "name": vendor.name,
        "iban": vendor.iban,
        "end_to_end": row["payment_no"],
        "text": made.row["printed_no"],
        "code": "ICDT",
    }
    bank.book(day, row["iban"], -cents, entry, workdays_after(day.today, 1) if next_day else None)
    if next_day:
        day.world.later(workdays_after(day.today, 1), "clear", row)
    cleared = made.left_home
    lines = [
        Line(PAYABLE, cents, cleared, "K", str(made.party)),
        Line(_acct(firm, made.currency), -cents, -home(cents, price)),
    ]
    post(day, Voucher(firm.no, "CA", "PM", row["payment_no"], at, made.currency, price, "paid to a vendor"), lines)
    allocate(day, made, cents, cleared, at, payment=row["payment_no"], difference=cleared - home(cents, price))


def clear(day: Day, row: Row) -> None:
    """The bank booked a payment of yesterday."""
    at = day.at(row["firm"], 9)
    row.update(state="C", cleared_at=at)
    day.book.put("erp.payment", row, at)


def _sweep_euro(day: Day, firm: Firm) -> None:
    """Euro beyond what vendors need are sold; when there are too few, some are bought."""
    if not firm.euro_iban or 0 <= (held := day.world.banks[firm.euro_iban].balance) <= 2 * _EURO_KEPT:
        return
    cents, price, at = held - _EURO_KEPT, rate(day, "EUR", firm.currency), day.at(firm.no, 12)
    worth = home(cents, price)
    for iban, moved in ((firm.euro_iban, -cents), (firm.iban, worth)):
        bank.book(day, iban, moved, {"name": firm.title, "iban": None, "text": "Exchange of euro", "code": "OPCL"})
    voucher = Voucher(firm.no, "CA", "BK", f"sweep-{day.today}", at, "EUR", price, "exchange of euro")
    post(day, voucher, [Line(BANK, cents, worth), Line(EURO_BANK, -cents, -worth)])


def pay_fee(day: Day, what: tuple[int, int]) -> None:
    """The daughter pays the management fees of a quarter to the parent."""
    parent, daughter = (day.world.firms[number] for number in what)
    owed, owed_home = (day.world.counters.pop(name) for name in ("fee_owed", "fee_owed_home"))
    price, at = rate(day, "USD", parent.currency), day.at(daughter.no, 10)
    worth = home(owed, price)
    out = record(day, Paying(daughter, "O", "F", str(parent.no), "B", "USD", owed, RATE_ONE, "management fee"), at)
    into = record(
        day, Paying(parent, "I", "F", str(daughter.no), "B", parent.currency, worth, RATE_ONE, "management fee"), at
    )
    for firm, cents, other in ((daughter, -owed, parent), (parent, worth, daughter)):
        entry = {"name": other.title, "iban": other.iban, "end_to_end": out["payment_no"], "text": "Management fee"}
        bank.book(day, firm.iban, cents, {**entry, "code": "ICCT"})
    post(day, Voucher(daughter.no, "CA", "PM", out["payment_no"], at, "USD", RATE_ONE, "management fee"), [
        Line(OWED_TO_FIRMS, owed, party="F", party_no=str(parent.no), other_firm=parent.no), Line(BANK, -owed),
    ])  # fmt: skip
    post(day, Voucher(parent.no, "CA", "PM", into["payment_no"], at, "USD", price, "management fee"), [
        Line(BANK, owed, worth),
        Line(OWED_BY_FIRMS, -owed, -owed_home, party="F", party_no=str(daughter.no), other_firm=daughter.no),
    ])  # fmt: skip
