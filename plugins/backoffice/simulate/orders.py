"""What happens to an order in the demo shop, each as one transaction.

The functions return how many rows they changed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg

from backoffice.simulate import words
from backoffice.simulate.trade import Buyer, Item, Order

Connection = psycopg.Connection[tuple[Any, ...]]

DRAFT, ENTERED, CHECKED, CONFIRMED, PARTLY_PICKED, PICKED = 5, 10, 20, 30, 35, 40
SHIPPED, DELIVERED, INVOICED, CANCELLED, ON_HOLD = 50, 60, 70, 90, 95
CHANGEABLE = (DRAFT, ENTERED, CHECKED, CONFIRMED)  # lines may still change

NEXT_STATE = {
    DRAFT: ENTERED,
    ENTERED: CHECKED,
    CHECKED: CONFIRMED,
    CONFIRMED: PICKED,
    PARTLY_PICKED: PICKED,
    PICKED: SHIPPED,
    SHIPPED: DELIVERED,
    DELIVERED: INVOICED,
    ON_HOLD: CONFIRMED,
}
_DETOURS = {CHECKED: (ON_HOLD, 0.02), CONFIRMED: (PARTLY_PICKED, 0.1)}

# what a state writes into the order, and into its lines
_STAMP: dict[int, LiteralString] = {
    CHECKED: ", checked_at = coalesce(checked_at, now())",
    CONFIRMED: ", confirmed_at = coalesce(confirmed_at, now())",
    SHIPPED: ", shipped_at = now()",
    DELIVERED: ", delivered_at = now()",
    INVOICED: ", invoiced_at = now()",
}
_LINES: dict[int, LiteralString] = {
    CHECKED: "available = quantity, missing = 0",
    PARTLY_PICKED: "picked = trunc(quantity / 2), missing = quantity - trunc(quantity / 2)",
    PICKED: "picked = quantity, missing = 0",
}


@dataclass(frozen=True, slots=True)
class Placed:
    """A new order: its number, and how many rows it took."""

    order_no: int
    rows: int


def place_order(connection: Connection, order: Order, today: date, state: int = ENTERED) -> Placed:
    """Insert an order with its lines."""
    promised = today + timedelta(days=7)
    with connection.transaction():
        row = connection.execute(
            """INSERT INTO shop.sales_order (client_no, seller_no, channel, state, currency, exchange_rate, wanted_on,
                   promised_on, net, freight, vat_rate, vat, total)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING order_no""",
            (
                order.buyer.client_no,
                order.buyer.keeper_no,
                order.channel,
                state,
                order.buyer.currency,
                order.exchange_rate,
                order.wanted_on,
                promised,
                order.net,
                order.freight,
                order.vat_rate,
                order.vat,
                order.total,
            ),
        ).fetchone()
        assert row is not None  # RETURNING of one inserted row
        order_no = int(row[0])
        # one statement for all lines: the trigger adds them up once, and finds the total right
        connection.execute(
            """INSERT INTO shop.sales_order_line
                   (order_no, pos, item_no, quantity, price, list_price, discount, currency, promised_on)
               SELECT %s, l.pos, l.item_no, l.quantity, l.price, l.list_price, l.discount, %s, %s
               FROM unnest(%s::integer[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[])
                   WITH ORDINALITY AS l (item_no, quantity, price, list_price, discount, pos)""",
            (
                order_no,
                order.buyer.currency,
                promised,
                [line.item_no for line in order.lines],
                [line.quantity for line in order.lines],
                [line.price for line in order.lines],
                [line.list_price for line in order.lines],
                [line.discount for line in order.lines],
            ),
        )
    return Placed(order_no, 1 + len(order.lines))


def progress_order(connection: Connection, rng: random.Random, order_no: int) -> int:
    """Take an order one step further."""
    with connection.transaction():
        state = _locked_state(connection, order_no)
        if state is None or state not in NEXT_STATE:
            return 0
        following = NEXT_STATE[state]
        detour, chance = _DETOURS.get(state, (following, 0.0))
        return _set_state(connection, order_no, detour if rng.random() < chance else following)


def correct_line(connection: Connection, rng: random.Random, order_no: int) -> int:
    """Change the quantity of one line of an order that is not being picked; its net and the order's total follow."""
    with connection.transaction():
        if _locked_state(connection, order_no) not in CHANGEABLE:
            return 0
        lines = connection.execute(
            "SELECT pos, quantity FROM shop.sales_order_line WHERE order_no = %s ORDER BY pos", (order_no,)
        ).fetchall()
        if not lines:
            return 0
        pos, before = rng.choice(lines)
        quantity = rng.choice([number for number in range(1, 26) if number != before])
        connection.execute(
            "UPDATE shop.sales_order_line SET quantity = %s WHERE order_no = %s AND pos = %s", (quantity, order_no, pos)
        )
    return 2


def cancel_order(connection: Connection, rng: random.Random, order_no: int) -> int:
    """Cancel an order that is not being picked."""
    with connection.transaction():
        if _locked_state(connection, order_no) not in (*CHANGEABLE, ON_HOLD):
            return 0
        connection.execute(
            "UPDATE shop.sales_order SET state = %s, cancelled_at = now(), cancel_reason = %s WHERE order_no = %s",
            (CANCELLED, rng.choice(words.CANCEL_REASONS), order_no),
        )
        lines = connection.execute(
            "UPDATE shop.sales_order_line SET cancelled = quantity WHERE order_no = %s", (order_no,)
        )
        return 1 + lines.rowcount


def delete_draft(connection: Connection, order_no: int) -> int:
    """Delete an order that is a draft still, with its lines."""
    with connection.transaction():
        if _locked_state(connection, order_no) != DRAFT:
            return 0
        row = connection.execute(
            "SELECT count(*) FROM shop.sales_order_line WHERE order_no = %s", (order_no,)
        ).fetchone()
        connection.execute("DELETE FROM shop.sales_order WHERE order_no = %s", (order_no,))  # the lines go with it
        return 1 + (row[0] if row else 0)


def open_orders(connection: Connection, states: tuple[int, ...] = tuple(NEXT_STATE), *, rested: float = 0) -> list[int]:
    """Numbers of the oldest orders in these states.

    Args:
        connection: to the shop.
        states: codes.
        rested: seconds an order must have been left alone.
    """
    rows = connection.execute(
        """SELECT order_no FROM shop.sales_order
           WHERE state NOT IN (70, 90) AND state = ANY (%s) AND changed_at <= now() - make_interval(secs => %s)
           ORDER BY order_no LIMIT 50""",
        (list(states), rested),
    ).fetchall()
    return [row[0] for row in rows]


def items_on_sale(connection: Connection) -> list[Item]:
    """Items that can be ordered, the best-selling first."""
    rows = connection.execute("SELECT item_no, price FROM shop.item WHERE state = 'A' ORDER BY item_no").fetchall()
    return [Item(*row) for row in rows]


def buyers(connection: Connection) -> list[Buyer]:
    """Clients that may order."""
    rows = connection.execute(
        "SELECT client_no, country, currency, keeper_no FROM shop.client WHERE state = 'A' ORDER BY client_no"
    ).fetchall()
    return [Buyer(*row) for row in rows]


def _locked_state(connection: Connection, order_no: int) -> int | None:
    """The order's state; the order stays locked. Always the order before its lines, so that nobody deadlocks."""
    row = connection.execute(
        "SELECT state FROM shop.sales_order WHERE order_no = %s FOR NO KEY UPDATE", (order_no,)
    ).fetchone()
    return row[0] if row else None


def _set_state(connection: Connection, order_no: int, state: int) -> int:
    connection.execute(
        "UPDATE shop.sales_order SET state = %s" + _STAMP.get(state, "") + " WHERE order_no = %s", (state, order_no)
    )
    if state not in _LINES:
        return 1
    lines = connection.execute(
        "UPDATE shop.sales_order_line SET " + _LINES[state] + " WHERE order_no = %s", (order_no,)
    )
    return 1 + lines.rowcount
