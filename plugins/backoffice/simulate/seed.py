"""The demo company's past: its people, clients, items and eighteen months of orders, reproducible from a seed."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from psycopg import sql

from backoffice.simulate import orders as states
from backoffice.simulate import people, words
from backoffice.simulate.orders import Connection
from backoffice.simulate.people import Row
from backoffice.simulate.trade import Buyer, Item, Order, new_client, new_order

log = logging.getLogger(__name__)

CLIENTS = 120
ITEMS = 60
ORDERS = 4000
_DAYS = 548
_FIRST_CLIENT = 1001
_FIRST_ORDER = 500_001
_WEEKDAYS = (1.15, 1.15, 1.0, 1.0, 0.9, 0.35, 0.35)
_JULY, _NOVEMBER = 7, 11

# step, and the hours it takes at least and at most
_PATH: tuple[tuple[int, float, float], ...] = (
    (states.CHECKED, 0.2, 3),
    (states.CONFIRMED, 0.5, 10),
    (states.PICKED, 4, 30),
    (states.SHIPPED, 2, 24),
    (states.DELIVERED, 24, 72),
    (states.INVOICED, 1, 20),
)
_STAMPED = (states.CHECKED, states.CONFIRMED, states.SHIPPED, states.DELIVERED, states.INVOICED)
_CANCELLED_SHARE = 0.04

_COLUMNS = {
    "staff": "staff_no, badge, first_name, last_name, mail, born, country, language, engagement, hired_on, left_on, "
    "left_why, state, created_at, changed_at",
    "team": "team_code, title, function, above, head_no, created_at, changed_at",
    "job": "staff_no, team_code, boss_no, title, grade, place, share, weekly_hours, first_day, last_day, reason, "
    "created_at, changed_at",
    "pay_rate": "staff_no, kind, per, cents, currency, first_day, last_day, approved_by, created_at, changed_at",
    "item": "item_no, code, title, item_group, unit, cost, price, is_stocked, reorder_at, safety_stock, lead_days, "
    "state, created_at, changed_at",
    "client": "client_no, client_code, name, kind, vat_no, mail, phone, street, zip, city, country, region, segment, "
    "language, currency, credit_limit, pay_days, newsletter, keeper_no, since, state, created_at, changed_at",
    "sales_order": "order_no, client_no, seller_no, channel, state, currency, exchange_rate, wanted_on, promised_on, "
    "net, freight, vat_rate, vat, total, entered_at, created_at, checked_at, confirmed_at, shipped_at, delivered_at, "
    "invoiced_at, cancelled_at, cancel_reason, changed_at",
    "sales_order_line": "order_no, pos, item_no, quantity, available, picked, missing, cancelled, price, list_price, "
    "discount, currency, promised_on, created_at, changed_at",
}
_NUMBERED = {"client": "client_no", "sales_order": "order_no"}  # the other identities number themselves


def fill(connection: Connection, seed: int, now: datetime) -> dict[str, int]:
    """Fill an empty schema ``shop``.

    Args:
        connection: in a transaction; nothing is committed here.
        seed: the same seed and ``now`` give the same rows.
        now: where the history ends; UTC.

    Returns:
        rows written, by table.
    """
    started = time.monotonic()
    rows = _all_rows(random.Random(seed), now)
    written = {table: _copy(connection, table, table_rows) for table, table_rows in rows.items()}
    for table, column in _NUMBERED.items():
        connection.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence(%s, %s), max({})) FROM {}").format(
                sql.Identifier(column), sql.Identifier("shop", table)
            ),
            (f"shop.{table}", column),
        )
    log.info("wrote %d rows in %.1f s", sum(written.values()), time.monotonic() - started)
    return written


def _all_rows(rng: random.Random, now: datetime) -> dict[str, Iterable[Row]]:
    today = now.date()
    items = _item_rows(rng, now)
    clients = _client_rows(rng, today)
    headers, lines = _order_rows(rng, now, clients, items)
    return {  # parents first
        "staff": people.staff_rows(today),
        "team": people.team_rows(today),
        "job": people.job_rows(today),
        "pay_rate": people.pay_rows(today),
        "item": items,
        "client": clients,
        "sales_order": headers,
        "sales_order_line": lines,
    }


def _copy(connection: Connection, table: str, rows: Iterable[Row]) -> int:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier("shop", table),
        sql.SQL(", ").join(sql.Identifier(name.strip()) for name in _COLUMNS[table].split(",")),
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _item_rows(rng: random.Random, now: datetime) -> list[Row]:
    kinds = [
        (group, unit, stocked, f"{article}, {variant}")
        for group, unit, stocked, articles, variants in words.ITEMS
        for article in articles
        for variant in variants
    ]
    entered = now - timedelta(days=_DAYS + 30)
    return [_item(rng, number, kind, entered) for number, kind in enumerate(rng.sample(kinds, ITEMS), 1)]


def _item(rng: random.Random, number: int, kind: tuple[str, str, bool, str], entered: datetime) -> Row:
    group, unit, stocked, title = kind
    cost = Decimal(rng.randint(800, 250_000)) / 100
    price = (cost * Decimal(rng.randint(130, 190)) / 100).quantize(Decimal("0.01"))
    stock = (Decimal(40), Decimal(15), rng.randint(4, 14)) if stocked else (None, None, None)
    state = "D" if number in (ITEMS - 1, ITEMS) else "A"
    return (
        number,
        f"{group[:2].upper()}-{number:03d}",
        title,
        group,
        unit,
        cost,
        price,
        stocked,
        *stock,
        state,
        entered,
        entered,
    )


def _client_rows(rng: random.Random, today: date) -> list[Row]:
    rows = []
    for place in range(CLIENTS):
        client = new_client(rng)
        since = today - timedelta(days=_DAYS + rng.randint(1, 900))
        entered = datetime(since.year, since.month, since.day, rng.randint(7, 15), rng.randrange(60), tzinfo=UTC)
        number = _FIRST_CLIENT + place
        state = rng.choices("ALHX", (92, 3, 3, 2))[0]
        rows.append(
            (number, f"C{number}", *astuple(client), people.keeper(rng, client.region), since, state, entered, entered)
        )
    return rows


def _order_rows(
    rng: random.Random, now: datetime, clients: Sequence[Row], items: Sequence[Row]
) -> tuple[list[Row], list[Row]]:
    column = {name.strip(): place for place, name in enumerate(_COLUMNS["client"].split(","))}
    buyers = [
        Buyer(*(row[column[name]] for name in ("client_no", "country", "currency", "keeper_no")))
        for row in clients
        if row[column["state"]] in "AX"
    ]
    weights = [(place + 1) ** -0.6 for place in range(len(buyers))]
    on_sale = [Item(item_no=row[0], price=row[6]) for row in items if row[11] == "A"]
    headers: list[Row] = []
    lines: list[Row] = []
    for place, entered in enumerate(_instants(rng, now)):
        order = new_order(rng, rng.choices(buyers, weights)[0], on_sale, entered.date())
        header, own = _order(rng, _FIRST_ORDER + place, order, entered, now)
        headers.append(header)
        lines.extend(own)
    return headers, lines


def _instants(rng: random.Random, now: datetime) -> list[datetime]:
    """When the orders came in: more on weekdays, in November and from month to month, fewer in July."""
    days = [now.date() - timedelta(days=_DAYS - place) for place in range(_DAYS + 1)]
    seasons = {_JULY: 0.6, _NOVEMBER: 1.4}
    weights = [
        _WEEKDAYS[day.weekday()] * seasons.get(day.month, 1.0) * (1 + 0.4 * place / _DAYS)
        for place, day in enumerate(days)
    ]
    found = []
    for day in rng.choices(days, weights, k=ORDERS):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found.append(midnight + timedelta(hours=7, seconds=rng.randrange(11 * 3600)))
    return sorted(instant for instant in found if instant < now)


def _order(
    rng: random.Random, number: int, order: Order, entered: datetime, now: datetime
) -> tuple[Row, Iterator[Row]]:
    steps = _steps(rng, entered, now)
    state = max(steps, key=lambda step: steps[step], default=states.ENTERED)
    changed = max(steps.values(), default=entered)
    promised = entered.date() + timedelta(days=7)
    seller = None if order.channel in "WK" and rng.random() < 0.4 else order.buyer.keeper_no
    cancelled = steps.get(states.CANCELLED)
    header = (
        *(number, order.buyer.client_no, seller, order.channel, state, order.buyer.currency, order.exchange_rate),
        *(
            order.wanted_on,
            promised,
            order.net,
            order.freight,
            order.vat_rate,
            order.vat,
            order.total,
            entered,
            entered,
        ),
        *(steps.get(step) for step in _STAMPED),
        *(cancelled, rng.choice(words.CANCEL_REASONS) if cancelled else None, changed),
    )
    return header, _lines(number, order, steps, entered, changed)


def _steps(rng: random.Random, entered: datetime, now: datetime) -> dict[int, datetime]:
    """How far the order has come, and when it took each step."""
    path = _PATH
    if rng.random() < _CANCELLED_SHARE:
        path = (*_PATH[: rng.randint(0, 2)], (states.CANCELLED, 1, 30))
    taken: dict[int, datetime] = {}
    at = entered
    for state, shortest, longest in path:
        at += timedelta(hours=rng.uniform(shortest, longest))
        if at >= now:
            break
        taken[state] = at
    return taken


def _lines(
    number: int, order: Order, steps: dict[int, datetime], entered: datetime, changed: datetime
) -> Iterator[Row]:
    checked, picked, cancelled = (step in steps for step in (states.CHECKED, states.PICKED, states.CANCELLED))
    promised = entered.date() + timedelta(days=7)
    for pos, line in enumerate(order.lines, 1):
        yield (
            *(number, pos, line.item_no, line.quantity),
            line.quantity if checked else None,
            line.quantity if picked else None,
            0 if checked else None,
            line.quantity if cancelled else 0,
            *(line.price, line.list_price, line.discount, order.buyer.currency, promised, entered, changed),
        )
