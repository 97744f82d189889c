"""Shipping: what was promised is sent, the carrier tells where it is, and some of it comes back."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from backoffice.simulate.company import invoicing, orders
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day, workday, workdays_after
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.range_of_goods import cost_for, item_of
from backoffice.simulate.company.stock import Move, book_moves
from backoffice.simulate.company.world import Delivery, Firm, Order

CARRIERS = {10: (("Pakkepost", 0.6), ("Nordfragt", 0.4)), 20: (("Parcelway", 0.55), ("Blue Mile", 0.45))}
_HUBS = {10: ("Taulov", "Brøndby", "Aarhus Nord"), 20: ("Louisville", "Indianapolis", "Memphis")}
_COST = {"DKK": (4_500, 19_000), "USD": (700, 3_200)}
_EXCEPTIONS = {"Pakkepost": 0.02, "Nordfragt": 0.035, "Parcelway": 0.02, "Blue Mile": 0.03}
_RETURNED, _BILLED_LATE = 0.04, 0.08
_REASONS = ("damaged", "wrong item", "not as expected", "ordered too many")


def ship(day: Day, number: int) -> None:
    """Send what is reserved for an order."""
    order = day.world.orders.get(number)
    if order is None or not any(order.reserved.values()):
        return
    firm, chance = day.world.firms[order.firm], day.chance("ship", number)
    picked, shipped = day.at(firm.no, chance.between(7, 11)), day.at(firm.no, chance.between(12, 15.5))
    delivery = _delivery(day, firm, order, chance, picked, shipped=shipped)
    _take_from_stock(day, firm, order, delivery, shipped)
    left = any(order.open_qty.values())
    order.row["state"] = orders.PARTLY if left else orders.SHIPPED
    day.book.put("erp.so_head", order.row, shipped)
    for line in order.lines:
        day.book.put("erp.so_line", line, shipped)
    late = chance.whole(1, 5) if chance.happens(_BILLED_LATE) else 0
    day.world.later(workday(day.today + timedelta(days=late)), "invoice", (order.no, delivery.no))
    _send_off(day, firm, delivery, chance, shipped)


def _delivery(day: Day, firm: Firm, order: Order, chance: Chance, picked: datetime, *, shipped: datetime) -> Delivery:
    number = day.world.number("delivery", 800_001)
    carrier = chance.weighted(CARRIERS[firm.no])
    order.deliveries += 1
    qty = {pos: count for pos, count in order.reserved.items() if count}
    row = {
        "delivery_no": number,
        "so_no": order.no,
        "way": "O",
        "place": firm.shop,
        "carrier": carrier,
        "tracking": f"{carrier[:2].upper()}{number:09d}",
        "picked_at": picked,
        "shipped_at": shipped,
        "promised_on": order.row["promised_on"],
        "delivered_at": None,
        "state": "S",
        "freight_cost": amount(chance.whole(*_COST[firm.currency])),
        "currency": firm.currency,
    }
    day.book.put("erp.delivery", row, shipped)
    delivery = Delivery(number, order.no, qty, row)
    day.world.deliveries[number] = delivery
    order.unbilled[number] = dict(qty)
    return delivery


def _take_from_stock(day: Day, firm: Firm, order: Order, delivery: Delivery, at: datetime) -> None:
    moves = []
    for index, (pos, qty) in enumerate(delivery.qty.items(), 1):
        line = order.lines[pos - 1]
        day.world.firm_stock(firm.no, line["item_no"], firm.shop).reserved -= qty
        order.reserved[pos] = 0
        order.open_qty[pos] -= qty
        line["reserved"] -= qty
        moves.append(_move(firm, delivery.no, index, line["item_no"], "IS", qty=-qty))
        row = {
            "delivery_no": delivery.no,
            "pos": index,
            "so_no": order.no,
            "so_pos": pos,
            "qty": qty,
            "return_why": None,
        }
        day.book.put("erp.delivery_line", row, at)
    book_moves(day, moves, f"DL{delivery.no}", at, "shipped")


def _move(firm: Firm, delivery: int, pos: int, item: int, kind: str, *, qty: int) -> Move:
    return Move(firm.no, item, firm.shop, kind, qty, "DL", f"{delivery}-{pos}")


def _send_off(day: Day, firm: Firm, delivery: Delivery, chance: Chance, shipped: datetime) -> None:
    scan(day, delivery, shipped - timedelta(minutes=30), "LBL", firm.shop)
    scan(day, delivery, shipped, "PUP", firm.shop)
    hub, night = chance.one_of(_HUBS[firm.no]), timedelta(hours=chance.between(6, 9))
    day.moment(_clock(day, firm, shipped + night), "scan", (delivery.no, "HUB", hub))
    arrives = workdays_after(day.today, 1 + min(chance.poisson(0.55), 3))
    if chance.happens(_EXCEPTIONS[delivery.row["carrier"]]):
        day.moment(_noon(arrives, firm, chance), "scan", (delivery.no, "EXC", hub))
        arrives = workdays_after(arrives, chance.whole(1, 4))
    day.world.later(arrives, "deliver", delivery.no)


def _clock(day: Day, firm: Firm, at: datetime) -> datetime:
    """Moved into the next morning, so that it lies within a day of the simulation."""
    return at if at.date() > day.today else max(at, day.at(firm.no, 17))


def _noon(on: date, firm: Firm, chance: Chance) -> datetime:
    hours = chance.between(9, 12) if firm.land == "DK" else chance.between(15, 18)
    return datetime.fromisoformat(f"{on}T00:00:00+00:00") + timedelta(seconds=round(hours * 3600))


def scan(day: Day, delivery: Delivery, at: datetime, code: str, place: str) -> None:
    """The carrier saw the parcel."""
    number = day.world.number("scan")
    row = {
        "scan_id": f"{delivery.row['tracking']}-{number}",
        "tracking": delivery.row["tracking"],
        "reference": str(delivery.no),
        "code": code,
        "place": place,
        "at": at,
        "firm": day.world.orders[delivery.order].firm if delivery.order in day.world.orders else 0,
    }
    day.book.tell("carrier.scan", row, at)


def scanned(day: Day, what: tuple[datetime, tuple[int, str, str]]) -> None:
    """A scan on a later day; the ERP learns of it."""
    at, (number, code, place) = what
    delivery = day.world.deliveries[number]
    scan(day, delivery, at, code, place)
    delivery.row["state"] = "E" if code == "EXC" else "T"
    day.book.put("erp.delivery", delivery.row, at + timedelta(minutes=5))


def deliver(day: Day, number: int) -> None:
    """The parcel arrives; a few things come back a week later."""
    delivery = day.world.deliveries.pop(number)
    order = day.world.orders[delivery.order]
    firm, chance = day.world.firms[order.firm], day.chance("deliver", number)
    at = day.at(firm.no, chance.between(9.5, 16))
    scan(day, delivery, day.at(firm.no, 7), "OFD", "")
    scan(day, delivery, at, "DEL", "")
    delivery.row.update(delivered_at=at, state="D")
    day.book.put("erp.delivery", delivery.row, at + timedelta(minutes=5))
    order.delivered += 1
    if not any(order.open_qty.values()) and order.delivered == order.deliveries:
        order.row["state"] = orders.DELIVERED
        day.book.put("erp.so_head", order.row, at + timedelta(minutes=5))
    if at.date() > order.row["promised_on"]:
        day.later(0, "complain", (order.no, "late delivery"))
    if chance.happens(_RETURNED):
        back = workday(day.today + timedelta(days=chance.poisson(6) + 3))
        pos = chance.one_of(sorted(delivery.qty))
        day.world.later(back, "come_back", (order.no, pos, chance.whole(1, delivery.qty[pos]), chance.one_of(_REASONS)))
    invoicing.finish(day, order, at + timedelta(minutes=10))


def come_back(day: Day, what: tuple[int, int, int, str]) -> None:
    """A return: the goods are taken in again and a credit note is made."""
    order_no, pos, qty, why = what
    order = day.world.orders.get(order_no)
    if order is None:
        return
    firm, at = day.world.firms[order.firm], day.at(order.firm, 13)
    number = day.world.number("delivery", 800_001)
    chance = day.chance("return", number)
    carrier = chance.weighted(CARRIERS[firm.no])
    row = {
        "delivery_no": number,
        "so_no": order_no,
        "way": "R",
        "place": firm.shop,
        "carrier": carrier,
        "tracking": f"{carrier[:2].upper()}{number:09d}",
        "picked_at": None,
        "shipped_at": at - timedelta(days=2),
        "promised_on": None,
        "delivered_at": at,
        "state": "R",
        "freight_cost": amount(chance.whole(*_COST[firm.currency])),
        "currency": firm.currency,
    }
    day.book.put("erp.delivery", row, at)
    line = {"delivery_no": number, "pos": 1, "so_no": order_no, "so_pos": pos, "qty": qty, "return_why": why}
    day.book.put("erp.delivery_line", line, at)
    scan(day, Delivery(number, order_no, {pos: qty}, row), at, "RET", firm.shop)
    item = order.lines[pos - 1]["item_no"]
    stock = day.world.firm_stock(firm.no, item, firm.shop)
    worth = None if stock.qty else qty * cost_for(day, item_of(day, item), firm.currency)
    back = Move(firm.no, item, firm.shop, "RI", qty, "DL", f"{number}-1", worth)
    book_moves(day, [back], f"DL{number}", at, "returned")
    invoicing.credit(day, order, pos, qty, at + timedelta(hours=2))
    if why in ("damaged", "wrong item"):
        day.later(0, "complain", (order_no, why))
