"""Purchasing: what runs low is ordered, received, billed at the ordered price, and services are billed by the month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backoffice.simulate.company import documents
from backoffice.simulate.company.accounts import FX, NOT_BILLED, PAYABLE, STAFFING, VAT_IN
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, month_after, workday, workdays_after
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import amount, home, per_hundred, percent
from backoffice.simulate.company.orders import cents
from backoffice.simulate.company.range_of_goods import cost_for, item_of
from backoffice.simulate.company.stock import Move, book_moves
from backoffice.simulate.company.world import Creditor, Firm, Invoice, Item, Purchase

_COVER_DAYS, _LOT_DAYS, _SHORT_SHARE, _REJECTED_SHARE = 18, 30, 0.06, 0.02
_BILL_DAY = {"rent": 1, "utilities": 8, "staffing": 28, "it": 5, "marketing": 12, "services": 20, "carrier": 26}


def step(day: Day) -> None:
    """Order what is short; bills of the services that are due."""
    if day.is_workday:
        for firm in day.firms():
            _order_short(day, firm)
    for vendor in day.world.creditors.values():
        if vendor.monthly and day.today.day == _BILL_DAY[vendor.trade]:
            day.world.later(workday(day.today), "service_bill", vendor.no)
    if day.today.day == 2:
        for person in day.world.people.values():
            if person.engagement == "F" and person.creditor:
                day.world.later(workday(day.today), "freelance_bill", person.no)


def _order_short(day: Day, firm: Firm) -> None:
    volume = max(1.0, day.world.volume)
    wanted: dict[int, list[tuple[Item, int]]] = {}
    for item in day.world.items:
        held = sum(day.world.firm_stock(firm.no, item.no, place).free for place in (firm.shop, firm.reserve))
        daily = item.demand[firm.no] * volume
        if held + day.world.coming[firm.no, item.no] < max(6, daily * _COVER_DAYS):
            wanted.setdefault(item.creditor[firm.no], []).append((item, max(12, round(daily * _LOT_DAYS))))
    for number, lines in wanted.items():
        _order(day, firm, day.world.creditors[number], lines, volume)


def _order(day: Day, firm: Firm, vendor: Creditor, wanted: list[tuple[Item, int]], volume: float) -> None:
    number, at = day.world.number("purchase", 600_001), day.at(firm.no, 9.5)
    chance = day.chance("purchase", number)
    due = workday(day.today + timedelta(days=max(1, round((4 + chance.poisson(3)) / volume))))
    buyers, heads = day.world.staff(firm.no, 35), day.world.staff(firm.no, 40)
    lines = [_line(day, number, pos, vendor, item, qty=qty) for pos, (item, qty) in enumerate(wanted, 1)]
    row: Row = {
        "po_no": number,
        "firm": firm.no,
        "creditor_no": vendor.no,
        "ordered_at": at,
        "buyer": chance.one_of(buyers).no if buyers else None,
        "approved_by": heads[0].no if heads else None,
        "expected_on": due,
        "currency": vendor.currency,
        "net": amount(sum(cents(line["net"]) for line in lines)),
        "state": 20,
    }
    day.book.put("erp.po_head", row, at)
    for line in lines:
        line["expected_on"] = due
        day.world.coming[firm.no, line["item_no"]] += line["qty"]
        day.book.put("erp.po_line", line, at)
    day.world.purchases[number] = Purchase(number, firm.no, vendor.no, row, lines)
    day.world.later(due, "goods", (number, chance.happens(_SHORT_SHARE)))


def _line(day: Day, number: int, pos: int, vendor: Creditor, item: Item, *, qty: int) -> Row:
    price = cost_for(day, item, vendor.currency)
    return {
        "po_no": number,
        "pos": pos,
        "item_no": item.no,
        "qty": qty,
        "received": 0,
        "rejected": 0,
        "price": amount(price),
        "net": amount(price * qty),
        "currency": vendor.currency,
        "expected_on": None,
    }


def receive(day: Day, what: tuple[int, bool]) -> None:
    """Goods come in, sometimes in two parts; what is damaged goes back and is not billed."""
    number, short = what
    purchase = day.world.purchases[number]
    firm, vendor = day.world.firms[purchase.firm], day.world.creditors[purchase.creditor]
    chance, at = day.chance("goods", number * 2 + short), day.at(firm.no, 10)
    price = rate(day, vendor.currency, firm.currency)
    moves, billed = [], []
    for line in purchase.lines:
        left = line["qty"] - line["received"] - line["rejected"]
        came = left // 2 if short else left
        bad = 1 if came > 5 and chance.happens(_REJECTED_SHARE) else 0
        line["received"] += came - bad
        line["rejected"] += bad
        day.world.coming[firm.no, line["item_no"]] -= came
        day.book.put("erp.po_line", line, at)
        if came - bad:
            worth = home(cents(line["price"]) * (came - bad), price)
            moves.append(_move(firm, chance.happens(0.7), number, line, came - bad, worth=worth))
            billed.append((line, came - bad, worth))
    purchase.row["state"] = 30 if short else 40
    day.book.put("erp.po_head", purchase.row, at)
    if moves:
        book_moves(day, moves, f"PO{number}-{1 + (not short)}", at, "goods received")
        day.world.later(workdays_after(day.today, chance.whole(0, 4)), "goods_bill", (purchase, billed))
    if not short:
        del day.world.purchases[number]
    else:
        day.world.later(workdays_after(day.today, 3), "goods", (number, False))


def _move(firm: Firm, to_shop: bool, number: int, line: Row, qty: int, *, worth: int) -> Move:
    place = firm.shop if to_shop else firm.reserve
    return Move(firm.no, line["item_no"], place, "RC", qty, "PL", f"{number}-{line['pos']}", worth)


def goods_bill(day: Day, what: tuple[Purchase, list[tuple[Row, int, int]]]) -> None:
    """The vendor bills what was received."""
    purchase, billed = what
    number = purchase.no
    lines = []
    for line, qty, worth in billed:
        title = item_of(day, line["item_no"]).title
        lines.append(
            Billed(NOT_BILLED, qty, cents(line["price"]), title, line["item_no"], f"{number}-{line['pos']}", worth)
        )
    bill(day, day.world.creditors[purchase.creditor], lines, str(number))
    if purchase.row["state"] == 40:
        purchase.row["state"] = 50
        day.book.put("erp.po_head", purchase.row, day.at(purchase.firm, 15))


def service_bill(day: Day, number: int) -> None:
    """A month of a service."""
    vendor = day.world.creditors[number]
    spread = 0 if vendor.trade == "rent" else day.chance("service", number).between(-0.12, 0.12)
    price = round(vendor.monthly * (1 + spread)) // 100 * 100
    bill(day, vendor, [Billed(vendor.account, 1, price, f"{vendor.trade} {day.today:%Y-%m}")], None)


def freelance_bill(day: Day, number: int) -> None:
    """Approved hours of the month before, by the freelancer's rate."""
    person = day.world.people[number]
    hours, person.hours = person.hours, 0
    if hours and person.creditor:
        month = month_after(day.today, -1)
        vendor = day.world.creditors[person.creditor]
        bill(day, vendor, [Billed(STAFFING, hours, person.pay, f"Hours {month:%Y-%m}")], None)


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of a bill: quantity times price in cents; ``worth`` is what is taken off the account at home."""

    acct: str
    qty: int
    price: int
    title: str
    item: int | None = None
    order_pos: str | None = None
    worth: int | None = None

    @property
    def net(self) -> int:
        """In cents, before tax."""
        return self.qty * self.price


def bill(day: Day, vendor: Creditor, lines: list[Billed], order_no: str | None) -> None:
    """A vendor's bill: sent as an electronic invoice where the vendor does so, approved and posted."""
    firm = day.world.firms[vendor.firm]
    vendor.bills += 1
    printed = f"{vendor.no}-{vendor.bills:04d}"
    vat_pct = firm.vat if vendor.land == firm.land else 0
    came, at = day.at(firm.no, 8), day.at(firm.no, 14.5)
    due = day.today + timedelta(days=vendor.pay_days)
    if vendor.e_format:
        day.book.tell(
            "vendors.invoice", _electronic(day, vendor, lines, printed, vat_pct, due=due, order_no=order_no), came
        )
    number = f"B{firm.no}-{day.world.number(f'bill{firm.no}'):06d}"
    scan_no = documents.file_bill(day, vendor, printed, came)
    row, made = _head(day, vendor, lines, (number, printed, order_no, scan_no), vat_pct, moments=(came, at))
    row["due"] = due
    day.book.put("erp.invoice", row, at)
    for pos, line in enumerate(lines, 1):
        day.book.put("erp.invoice_line", _bill_line(vendor, number, pos, line, vat_pct), at)
    _post(day, made, lines, vat_pct, at)
    day.world.payable[number] = made


def _head(
    day: Day, vendor: Creditor, lines: list[Billed], names: tuple[str, str, str | None, str], vat_pct: int,
    *, moments: tuple[datetime, datetime],
) -> tuple[Row, Invoice]:  # fmt: skip
    firm = day.world.firms[vendor.firm]
    price = rate(day, vendor.currency, firm.currency)
    net = sum(line.net for line in lines)
    vat = sum(percent(line.net, vat_pct) for line in lines)
    total_home, net_home = home(net + vat, price), home(net, price)
    clerks = day.world.staff(firm.no, 40)
    row: Row = {
        "invoice_no": names[0],
        "printed_no": names[1],
        "firm": firm.no,
        "kind": "PI",
        "party_no": vendor.no,
        "order_no": names[2],
        "dated": day.today,
        "received_at": moments[0],
        "sent_at": None,
        "due": day.today,
        "pay_days": vendor.pay_days,
        "currency": vendor.currency,
        "rate_100": per_hundred(price),
        "net": amount(net),
        "vat": amount(vat),
        "total": amount(net + vat),
        "net_home": amount(net_home),
        "vat_home": amount(total_home - net_home),
        "total_home": amount(total_home),
        "state": "P",
        "approved_by": clerks[vendor.no % len(clerks)].no if clerks else None,
        "approved_at": moments[1],
        "dispute": None,
        "corrects": None,
        "e_format": vendor.e_format,
        "scan_no": names[3],
    }
    return row, Invoice(names[0], firm.no, vendor.no, vendor.currency, price, net + vat, total_home, row)


def _bill_line(vendor: Creditor, number: str, pos: int, line: Billed, vat_pct: int) -> Row:
    return {
        "invoice_no": number,
        "pos": pos,
        "item_no": line.item,
        "order_pos": line.order_pos,
        "firm": vendor.firm,
        "kind": "PI",
        "acct": line.acct,
        "qty": line.qty,
        "price": amount(line.price),
        "discount": "0.0000",
        "net": amount(line.net),
        "vat_code": f"S{vat_pct // 100}" if vat_pct else "Z",
        "vat_pct": amount(vat_pct),
        "vat": amount(percent(line.net, vat_pct)),
        "currency": vendor.currency,
    }


def _post(day: Day, made: Invoice, lines: list[Billed], vat_pct: int, at: datetime) -> None:
    """What was received at another rate than the bill's leaves a difference of exchange, told as such."""
    vat, vat_home = sum(percent(line.net, vat_pct) for line in lines), cents(made.row["vat_home"])
    entries, left = [], made.left_home - vat_home
    for position, line in enumerate(lines):
        rest = left if position == len(lines) - 1 and line.worth is None else home(line.net, made.rate)
        worth = rest if line.worth is None else line.worth
        left -= worth
        entries.append(Line(line.acct, line.net, worth))
    entries += [Line(VAT_IN, vat, vat_home), Line(FX, 0, left)]
    entries.append(Line(PAYABLE, -made.left, -made.left_home, "K", str(made.party)))
    post(day, Voucher(made.firm, "PU", "IV", made.no, at, made.currency, made.rate, "vendor bill"), entries)


def _electronic(
    day: Day, vendor: Creditor, lines: list[Billed], printed: str, vat_pct: int, *, due: object, order_no: str | None
) -> Row:
    firm = day.world.firms[vendor.firm]
    return {
        "format": vendor.e_format,
        "number": printed,
        "dated": day.today,
        "due": due,
        "currency": vendor.currency,
        "order": order_no,
        "supplier": (vendor.tax_no, vendor.name, vendor.land, vendor.iban),
        "customer": (firm.tax_no, firm.title, firm.land),
        "vat_pct": vat_pct,
        "lines": [(line.title, line.qty, line.price, line.net, line.order_pos) for line in lines],
    }
