"""Items, prices and the stock the firms begin with."""

from __future__ import annotations

from datetime import date, timedelta

from backoffice.simulate import words
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance, cumulated
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.fx import rate
from backoffice.simulate.company.money import RATE_ONE, amount, divide
from backoffice.simulate.company.stock import Move, book_moves
from backoffice.simulate.company.world import Firm, Item

UNITS_AN_ORDER = 3.2
_FIRST_ITEM = 5001
_PRICES_FROM = date(2020, 1, 1)
_OPENING_DAYS, _LEAD_DAYS = 40, 7
_COSTS = {"Desks": 4200, "Chairs": 2100, "Lighting": 720, "Storage": 1560, "Supplies": 180, "Coffee": 135}
_CURRENCIES = ("DKK", "EUR", "USD")
LISTS = {"DKK": "DK", "EUR": "EU", "USD": "US"}
_RISES_A_MONTH = 0.06


def introduce(day: Day) -> None:
    """All items with their price lists."""
    chance = day.chance("items")
    for group, unit, stocked, articles, variants in words.ITEMS:
        for title in (f"{article} {variant}" for article in articles if stocked for variant in variants):
            day.world.items.append(_item(day, chance, group, title, unit))
    weights = {firm.no: [(rank + 1) ** -0.7 for rank in _shuffled(day, firm)] for firm in day.firms()}
    day.world.popular = {number: cumulated(shares) for number, shares in weights.items()}
    for firm in day.firms():
        total = sum(weights[firm.no])
        for item, weight in zip(day.world.items, weights[firm.no], strict=True):
            item.demand[firm.no] = firm.orders_a_day * UNITS_AN_ORDER * weight / total
    for item in day.world.items:
        item.row = _item_row(item, group_of(item))
        day.book.put("erp.item", item.row, day.opens)
        for currency in _CURRENCIES:
            _price(day, item, currency, _PRICES_FROM)


def _shuffled(day: Day, firm: Firm) -> list[int]:
    return [int(rank) for rank in day.chance("popular", firm.no).generator.permutation(len(day.world.items))]


def group_of(item: Item) -> str:
    """The group an item belongs to."""
    return next(group for group, _, _, articles, _ in words.ITEMS if any(item.title.startswith(a) for a in articles))


def _item(day: Day, chance: Chance, group: str, title: str, unit: str) -> Item:
    cost = round(_COSTS[group] * chance.between(0.7, 1.4)) * 100
    factor = chance.between(1.5, 2.1)
    prices = {
        currency: divide(round(cost * factor) * RATE_ONE, rate(day, currency, "DKK")) // 100 * 100 + 95
        for currency in _CURRENCIES
    }
    vendors = {
        firm.no: chance.one_of([c.no for c in day.world.creditors.values() if c.firm == firm.no and c.trade == "goods"])
        for firm in day.firms()
    }
    return Item(day.world.number("item", _FIRST_ITEM), title, unit, cost, {}, vendors, prices)


def cost_for(day: Day, item: Item, currency: str) -> int:
    """What a vendor asks for one, in cents of the currency."""
    return max(1, divide(item.cost * RATE_ONE, rate(day, currency, "DKK")))


def item_of(day: Day, number: int) -> Item:
    """The item with a number."""
    return day.world.items[number - _FIRST_ITEM]


def _item_row(item: Item, group: str) -> Row:
    demand = sum(item.demand.values())
    return {
        "item_no": item.no,
        "code": f"{group[:3].upper()}-{item.no}",
        "title": item.title,
        "item_group": group,
        "unit": item.unit,
        "cost": f"{amount(item.cost)}00",
        "cost_currency": "DKK",
        "reorder_at": amount(round(demand * 16) * 100),
        "safety": amount(round(demand * 6) * 100),
        "lead_days": _LEAD_DAYS,
        "on_sale": True,
    }


def _price(day: Day, item: Item, currency: str, first: date) -> None:
    if (before := item.price_rows.get(currency)) is not None:
        before["last_day"] = first - timedelta(days=1)
        day.book.put("erp.price", before, day.opens)
    row: Row = {
        "price_no": day.world.number("price"),
        "item_no": item.no,
        "list": LISTS[currency],
        "currency": currency,
        "price": amount(item.prices[currency]),
        "from_qty": "1.00",
        "first_day": first,
        "last_day": None,
    }
    item.price_rows[currency] = row
    day.book.put("erp.price", row, day.opens)


def step(day: Day) -> None:
    """On the first of a month a few prices rise."""
    if day.today.day != 1 or day.today == day.world.born:
        return
    chance = day.chance("prices")
    for item in day.world.items:
        if chance.happens(_RISES_A_MONTH):
            factor = chance.between(1.02, 1.06)
            for currency in _CURRENCIES:
                item.prices[currency] = round(item.prices[currency] * factor) // 100 * 100 + 95
                _price(day, item, currency, day.today)


def stock_up(day: Day, firm: Firm) -> None:
    """Opening stock: half of it where orders are picked, half in reserve."""
    for place in (firm.shop, firm.reserve):
        moves = []
        for item in day.world.items:
            qty = max(6, round(item.demand[firm.no] * _OPENING_DAYS))
            worth = qty * cost_for(day, item, firm.currency)
            moves.append(Move(firm.no, item.no, place, "OP", qty, "MA", f"opening-{place}", worth))
        book_moves(day, moves, f"opening-{place}", day.opens, "opening stock")
