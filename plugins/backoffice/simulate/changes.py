"""What happens to clients, items and pay in the demo shop, each as one transaction.

The functions return how many rows they changed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal

from psycopg import sql

from backoffice.simulate.orders import Connection
from backoffice.simulate.people import BOSS, keeper, month_start
from backoffice.simulate.trade import new_client, new_street


def change_client(connection: Connection, rng: random.Random, client_no: int) -> int:
    """A client moves house, is served by the other territory or grows into another segment."""
    with connection.transaction():
        row = connection.execute(
            "SELECT country, region, segment FROM shop.client WHERE client_no = %s FOR NO KEY UPDATE", (client_no,)
        ).fetchone()
        return 0 if row is None else rng.choice(_CLIENT_CHANGES)(connection, rng, client_no, *row)


def _move(connection: Connection, rng: random.Random, client_no: int, country: str, _region: str, _segment: str) -> int:
    statement = "UPDATE shop.client SET street = %s WHERE client_no = %s"
    return connection.execute(statement, (new_street(rng, country), client_no)).rowcount


def _change_region(
    connection: Connection, rng: random.Random, client_no: int, _country: str, region: str, _segment: str
) -> int:
    other = "AM" if region == "EU" else "EU"
    statement = "UPDATE shop.client SET region = %s, keeper_no = %s WHERE client_no = %s"
    return connection.execute(statement, (other, keeper(rng, other), client_no)).rowcount


def _change_segment(
    connection: Connection, _rng: random.Random, client_no: int, _country: str, _region: str, segment: str
) -> int:
    other = {"S": "L", "L": "S"}.get(segment)
    if other is None:  # people and public bodies stay what they are
        return 0
    statement = "UPDATE shop.client SET segment = %s WHERE client_no = %s"
    return connection.execute(statement, (other, client_no)).rowcount


_ClientChange = Callable[[Connection, random.Random, int, str, str, str], int]
_CLIENT_CHANGES: tuple[_ClientChange, ...] = (_move, _change_region, _change_segment)


def add_client(connection: Connection, rng: random.Random, today: date) -> int:
    """A new client."""
    client = new_client(rng)
    values = asdict(client) | {"keeper_no": keeper(rng, client.region), "since": today, "state": "A"}
    with connection.transaction():
        # numbers are drawn one by one, so the code cannot be taken
        statement = sql.SQL(
            """WITH drawn AS (SELECT nextval(pg_get_serial_sequence('shop.client', 'client_no')) AS number)
               INSERT INTO shop.client (client_no, client_code, {})
               SELECT number, 'C' || number, {} FROM drawn"""
        ).format(
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        return connection.execute(statement, list(values.values())).rowcount


def change_price(connection: Connection, rng: random.Random, item_no: int) -> int:
    """An item gets dearer or cheaper to buy, and its price follows. Cost stays within sane bounds for ever."""
    factor, margin = Decimal(rng.randint(96, 104)) / 100, Decimal(rng.randint(130, 190)) / 100
    statement = """
        UPDATE shop.item AS i SET cost = c.cost, price = round(c.cost * %s, 2)
        FROM (SELECT item_no, least(greatest(round(cost * %s, 4), 5), 5000) AS cost FROM shop.item) AS c
        WHERE i.item_no = %s AND c.item_no = i.item_no"""
    with connection.transaction():
        return connection.execute(statement, (margin, factor, item_no)).rowcount


def raise_pay(connection: Connection, rng: random.Random, today: date) -> int:
    """Somebody's salary rises from the first of next month, unless it changes in future already."""
    start = month_start(today, 1)
    with connection.transaction():
        people = connection.execute(
            """SELECT p.pay_no FROM shop.pay_rate AS p JOIN shop.staff AS s USING (staff_no)
               WHERE p.kind = 'SAL' AND p.last_day IS NULL AND p.first_day < %s AND s.state IN (1, 2)
               ORDER BY p.pay_no FOR NO KEY UPDATE OF p""",
            (start,),
        ).fetchall()
        if not people:
            return 0
        pay_no = rng.choice(people)[0]
        connection.execute(
            """INSERT INTO shop.pay_rate (staff_no, kind, per, cents, currency, first_day, approved_by)
               SELECT staff_no, kind, per, round(cents * %s), currency, %s, %s FROM shop.pay_rate WHERE pay_no = %s""",
            (Decimal(rng.randint(101, 103)) / 100, start, BOSS, pay_no),
        )
        connection.execute(
            "UPDATE shop.pay_rate SET last_day = %s WHERE pay_no = %s", (start - timedelta(days=1), pay_no)
        )
    return 2
