"""The stock ledger: every movement has a quantity, a worth at moving average cost, and a voucher of the same amount."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backoffice.simulate.company.accounts import CAPITAL, NOT_BILLED, SOLD, STOCK, STOCK_LOSS
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.ledger import Line, Voucher, post
from backoffice.simulate.company.money import RATE_ONE, amount, divide, unit_cost
from backoffice.simulate.company.world import Firm, Item

CONTRA = {"OP": CAPITAL, "RC": NOT_BILLED, "IS": SOLD, "RI": SOLD, "AD": STOCK_LOSS}
_WEDNESDAY = 2
_COUNTED_A_WEEK, _COUNT_ERRORS, _TOP_UP_DAYS = 6, 0.12, 14


@dataclass(frozen=True, slots=True)
class Move:
    """Pieces in (positive) or out; ``worth`` is given for what comes in from outside, in the firm's currency.

    Args:
        kind: OP, RC, IS, RI, TO, TI or AD.
        source: DL delivery line, PL purchase order line, CT count, TR transfer, MA by hand, with its number.
    """

    firm: int
    item: int
    place: str
    kind: str
    qty: int
    source: str
    source_no: str
    worth: int | None = None
    transfer: str | None = None


def move(day: Day, moved: Move, at: datetime) -> int:
    """Write a movement, without its voucher. Returns its signed worth in cents."""
    stock = day.world.firm_stock(moved.firm, moved.item, moved.place)
    worth = _worth(stock.qty, stock.worth, moved.qty) if moved.worth is None else moved.worth
    stock.qty += moved.qty
    stock.worth += worth
    if stock.qty < 0 or (not stock.qty and stock.worth):
        raise AssertionError(f"stock of {moved.item} at {moved.place} is {stock}")
    row = {
        "post_no": day.world.number("stock_post"),
        "firm": moved.firm,
        "item_no": moved.item,
        "place": moved.place,
        "kind": moved.kind,
        "posted_at": at,
        "keyed_at": at,
        "qty": moved.qty,
        "unit_cost": unit_cost(worth, moved.qty),
        "worth": amount(worth),
        "source": moved.source,
        "source_no": moved.source_no,
        "transfer": moved.transfer,
    }
    day.book.put("erp.stock_post", row, at)
    return worth


def _worth(qty: int, worth: int, moved: int) -> int:
    """At moving average; the last piece takes what is left."""
    return -worth if qty + moved == 0 else divide(worth * moved, qty)


def book_moves(day: Day, moves: list[Move], source_no: str, at: datetime, note: str) -> None:
    """Write movements of one kind and firm, with one voucher for all."""
    firm = day.world.firms[moves[0].firm]
    lines = []
    for moved in moves:
        worth = move(day, moved, at)
        lines.append(Line(STOCK, worth))
        lines.append(Line(STOCK if moved.transfer else CONTRA[moved.kind], 0 if moved.transfer else -worth))
    voucher = Voucher(firm.no, "ST", "ST", source_no, at, firm.currency, RATE_ONE, note)
    post(day, voucher, lines)


def transfer(day: Day, firm: Firm, item: Item, qty: int, at: datetime) -> None:
    """Bring pieces from the reserve to where orders are picked."""
    number = f"TR{day.world.number('transfer'):06d}"
    source = ("TR", number)
    out = Move(firm.no, item.no, firm.reserve, "TO", -qty, *source, transfer=number)
    worth = move(day, out, at)
    move(day, Move(firm.no, item.no, firm.shop, "TI", qty, *source, worth=-worth, transfer=number), at)
    voucher = Voucher(firm.no, "ST", "ST", number, at, firm.currency, RATE_ONE, "between warehouses")
    post(day, voucher, [Line(STOCK, worth), Line(STOCK, -worth)])


def step(day: Day) -> None:
    """On Wednesdays and when the shelf runs low: transfers; every working day: some items are counted."""
    if not day.is_workday:
        return
    for firm in day.firms():
        _top_up(day, firm)
        if day.today.weekday() == _WEDNESDAY:
            _count(day, firm)


def _top_up(day: Day, firm: Firm) -> None:
    for item in day.world.items:
        shelf, reserve = (day.world.firm_stock(firm.no, item.no, place) for place in (firm.shop, firm.reserve))
        wanted = max(3, round(item.demand[firm.no] * _TOP_UP_DAYS)) - shelf.free
        if wanted > 0 and reserve.free > 0:
            transfer(day, firm, item, min(reserve.free, max(wanted, 5)), day.at(firm.no, 6.5))


def _count(day: Day, firm: Firm) -> None:
    chance = day.chance("count", firm.no)
    counters = day.world.staff(firm.no, 30)
    for _ in range(_COUNTED_A_WEEK):
        item, at = chance.one_of(day.world.items), day.at(firm.no, chance.between(14, 16))
        stock = day.world.firm_stock(firm.no, item.no, firm.shop)
        found = stock.qty
        if chance.happens(_COUNT_ERRORS) and stock.free > 2:
            found += chance.one_of((-2, -1, -1, 1))
        take = day.world.number("take")
        row = {
            "take_no": take,
            "item_no": item.no,
            "place": firm.shop,
            "taken_at": at,
            "book_qty": stock.qty,
            "counted": found,
            "counter": chance.one_of(counters).no if counters else None,
        }
        day.book.put("erp.stock_take", row, at)
        if found != stock.qty:
            moved = Move(firm.no, item.no, firm.shop, "AD", found - stock.qty, "CT", str(take))
            book_moves(day, [moved], f"CT{take}", at, "stock count")
