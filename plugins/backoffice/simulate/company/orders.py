"""Orders: received at every hour, checked against what is free, confirmed; what is missing is tried again daily."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day, workdays_after
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.money import amount, per_hundred, percent
from backoffice.simulate.company.world import Debtor, Firm, Item, Order

ENTERED, CHECKED, CONFIRMED, PARTLY, SHIPPED, DELIVERED, INVOICED, CANCELLED = 10, 20, 30, 35, 50, 60, 70, 90
_WEEKDAYS = (1.15, 1.15, 1.0, 1.0, 0.95, 0.35, 0.35)
_HOURS = {hour: 1.0 + 0.8 * (8 <= hour < 16) for hour in range(6, 18)}
_CHANNELS = (("W", 0.44), ("M", 0.18), ("T", 0.12), ("X", 0.03), ("E", 0.10), ("S", 0.09), ("K", 0.04))
_FREIGHT = {"DKK": 7_900, "EUR": 1_200, "USD": 1_500}
_PROMISED_WORKDAYS, _CANCELLED_SHARE, _CARD_SHARE, _TRIES = 5, 0.015, 0.12, 8
_FREE_FREIGHT = 400_000
_WHY = ("changed their mind", "ordered twice", "found it elsewhere")


def expected(day: Day, firm: Firm) -> float:
    """Orders of the firm on such a day, on average, at the usual volume."""
    season = 1 + 0.25 * math.sin(2 * math.pi * (day.today.timetuple().tm_yday - 240) / 365)
    special = 1.8 if day.today.month == 11 and 23 <= day.today.day <= 30 else 0.5 if day.today.month == 7 else 1.0
    return firm.orders_a_day * season * special * _WEEKDAYS[day.today.weekday()]


def step(day: Day) -> None:
    """The day's orders, hour by hour."""
    for firm in day.firms():
        usual, total = expected(day, firm), sum(_HOURS.values())
        for hour, weight in _HOURS.items():
            chance = day.chance(f"orders{hour}", firm.no)
            for _ in range(chance.poisson(usual * day.world.volume * weight / total)):
                _receive(day, firm, chance, hour)


def _receive(day: Day, firm: Firm, chance: Chance, hour: int) -> None:
    debtor = day.world.debtors[firm.no][chance.ranked(day.world.busy[firm.no])]
    if debtor.row["state"] == "X":
        return
    at = day.at(firm.no, hour + chance.share())
    number = day.world.number("order", 300_001)
    lines = [_line(day, debtor, chance, number, pos) for pos in range(1, min(2 + chance.geometric(0.5), 12))]
    by_card = debtor.segment == "consumer" or (chance.happens(_CARD_SHARE) and debtor.domestic)
    head = _head(day, firm, debtor, chance, number, lines=lines, at=at)
    order = Order(number, firm.no, debtor.no, head, lines, {}, {}, by_card=by_card)
    order.open_qty = {line["pos"]: int(line["qty"]) for line in lines}
    day.world.orders[number] = order
    day.book.put("erp.so_head", order.row, at)
    for line in lines:
        day.book.put("erp.so_line", line, at)
    _check(day, firm, order, chance, at)


def _line(day: Day, debtor: Debtor, chance: Chance, number: int, pos: int) -> Row:
    item: Item = day.world.items[chance.ranked(day.world.popular[debtor.firm])]
    qty = 1 + chance.geometric(0.35) if debtor.segment == "consumer" else 1 + chance.geometric(0.28)
    price = item.prices[debtor.currency]
    return {
        "so_no": number,
        "pos": pos,
        "item_no": item.no,
        "qty": qty,
        "free_qty": None,
        "reserved": 0,
        "missing": 0,
        "cancelled": 0,
        "price": amount(price),
        "discount": f"0.{debtor.discount:02d}00",
        "net": amount(net_of(price, qty, debtor.discount)),
        "currency": debtor.currency,
        "list_price": amount(price),
        "promised_on": None,
    }


def net_of(price: int, qty: int, discount: int) -> int:
    """A line's amount after so many percent discount, in cents."""
    return price * qty - percent(price * qty, discount * 100)


def cents(text: str) -> int:
    """The cents of an amount that was written with two decimals."""
    return int(text.replace(".", ""))


def vat_of(day: Day, debtor: Debtor) -> int:
    """Rate of the tax on what a customer buys, in hundredths of a percent."""
    if not debtor.domestic:
        return 0
    return day.world.firms[debtor.firm].vat or (700 if debtor.segment == "consumer" else 0)


def _head(day: Day, firm: Firm, debtor: Debtor, chance: Chance, number: int, *, lines: list[Row], at: datetime) -> Row:
    net = sum(cents(line["net"]) for line in lines)
    freight = 0 if net >= _FREE_FREIGHT else _FREIGHT[debtor.currency]
    vat_rate = vat_of(day, debtor)
    vat = sum(percent(cents(line["net"]), vat_rate) for line in lines) + percent(freight, vat_rate)
    return {
        "so_no": number,
        "firm": firm.no,
        "debtor_no": debtor.no,
        "channel": chance.weighted(_CHANNELS),
        "entered_at": at,
        "checked_at": None,
        "confirmed_at": None,
        "seller": debtor.row["keeper"],
        "wanted_on": workdays_after(day.today, 3) if chance.happens(0.3) else None,
        "promised_on": None,
        "currency": debtor.currency,
        "rate_100": per_hundred(rate(day, debtor.currency, firm.currency)),
        "net": amount(net),
        "vat": amount(vat),
        "freight": amount(freight),
        "total": amount(net + vat + freight),
        "state": ENTERED,
        "cancelled_at": None,
        "cancel_why": None,
    }


def _check(day: Day, firm: Firm, order: Order, chance: Chance, at: datetime) -> None:
    """What is free is promised; the answer goes out within hours, still on this day."""
    last = day.at(firm.no, 18.9)
    checked = min(at + timedelta(minutes=chance.between(10, 60)), last - timedelta(minutes=5))
    for line in order.lines:
        stock = day.world.firm_stock(firm.no, line["item_no"], firm.shop)
        line["free_qty"] = stock.free
        _reserve(day, firm, order, line)
    order.row.update(checked_at=max(checked, at), state=CHECKED)
    day.book.put("erp.so_head", order.row, order.row["checked_at"])
    confirmed = max(min(checked + timedelta(minutes=chance.between(15, 120)), last), order.row["checked_at"])
    promised = workdays_after(day.today, _PROMISED_WORKDAYS)
    order.row.update(confirmed_at=confirmed, promised_on=promised, state=CONFIRMED)
    day.book.put("erp.so_head", order.row, confirmed)
    for line in order.lines:
        line["promised_on"] = promised
        day.book.put("erp.so_line", line, confirmed)
    if chance.happens(_CANCELLED_SHARE):
        day.later(1, "cancel", order.no)
    elif any(order.reserved.values()):
        day.world.later(workdays_after(day.today, 1 + min(chance.poisson(0.35), 2)), "ship", order.no)
    if any(line["missing"] for line in order.lines):
        day.later(1, "try_again", order.no)


def _reserve(day: Day, firm: Firm, order: Order, line: Row) -> int:
    """Promise what is free of what the line still needs. Returns how many."""
    pos = line["pos"]
    stock = day.world.firm_stock(firm.no, line["item_no"], firm.shop)
    needed = order.open_qty[pos] - order.reserved.get(pos, 0)
    got = max(0, min(stock.free, needed))
    stock.reserved += got
    order.reserved[pos] = order.reserved.get(pos, 0) + got
    line["reserved"] += got
    line["missing"] = needed - got
    return got


def try_again(day: Day, number: int) -> None:
    """Look again for what was missing; after so many days the rest is cancelled."""
    order = day.world.orders.get(number)
    if order is None or order.row["state"] == CANCELLED:
        return
    firm, at = day.world.firms[order.firm], day.at(order.firm, 8)
    order.tries += 1
    waiting = [line for line in order.lines if line["missing"]]
    got = 0
    for line in waiting:
        got += _reserve(day, firm, order, line)
        if line["missing"] and order.tries >= _TRIES:
            line["cancelled"] += line["missing"]
            order.open_qty[line["pos"]] -= line["missing"]
            line["missing"] = 0
        day.book.put("erp.so_line", line, at)
    if got:
        day.world.later(workdays_after(day.today, 1), "ship", number)
    elif not any(order.open_qty.values()):
        _cancel(day, order, "not available in time")
    if any(line["missing"] for line in waiting):
        day.later(1, "try_again", number)


def cancel(day: Day, number: int) -> None:
    """The customer takes an order back before anything was sent."""
    order = day.world.orders.get(number)
    if order is not None and order.deliveries == 0 and order.row["state"] == CONFIRMED:
        _cancel(day, order, day.chance("cancel", number).one_of(_WHY))


def _cancel(day: Day, order: Order, why: str) -> None:
    firm, at = day.world.firms[order.firm], day.at(order.firm, 9)
    for line in order.lines:
        pos = line["pos"]
        day.world.firm_stock(firm.no, line["item_no"], firm.shop).reserved -= order.reserved.pop(pos, 0)
        line["cancelled"] += order.open_qty[pos]
        line.update(reserved=0, missing=0)
        order.open_qty[pos] = 0
        day.book.put("erp.so_line", line, at)
    if order.deliveries == 0:
        order.row.update(state=CANCELLED, cancelled_at=at, cancel_why=why)
        day.book.put("erp.so_head", order.row, at)
        del day.world.orders[order.no]
