"""Prices and rates outside the database."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from backoffice.simulate.trade import COUNTRIES, Buyer, Item, Line, exchange_rate, new_client, new_order

ITEMS = [Item(number, Decimal(100 * number)) for number in range(1, 20)]


@pytest.mark.postgres
def test_a_line_is_rounded_as_the_database_rounds(pg_server):
    import psycopg

    rng = random.Random(3)
    lines = [
        Line(
            1,
            Decimal(rng.randint(1, 25)),
            Decimal(rng.randint(1, 99999)) / 100,
            Decimal(1),
            Decimal(rng.choice((5, 10, 15, 125))) / 1000,
        )
        for _ in range(2000)
    ]
    assert any((line.quantity * line.price * (1 - line.discount) * 1000) % 10 == 5 for line in lines)  # a half cent
    with psycopg.connect(pg_server.url("postgres")) as connection:
        rows = connection.execute(
            """SELECT round(q * p * (1 - d), 2) FROM unnest(%s::numeric[], %s::numeric[], %s::numeric[])
               WITH ORDINALITY AS l (q, p, d, place) ORDER BY place""",
            (
                [line.quantity for line in lines],
                [line.price for line in lines],
                [line.discount for line in lines],
            ),
        ).fetchall()
    assert [line.net for line in lines] == [row[0] for row in rows]


def test_rates_are_positive_and_stay_near_their_base():
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(1500)]
    assert {exchange_rate("DKK", day) for day in days} == {Decimal(100)}
    assert all(Decimal(660) < exchange_rate("USD", day) < Decimal(720) for day in days)
    assert exchange_rate("USD", days[0]) != exchange_rate("USD", days[40])


def test_danish_orders_carry_vat_and_exports_do_not():
    rng = random.Random(1)
    at_home = new_order(rng, Buyer(1, "DK", "DKK", 102), ITEMS, date(2026, 1, 5))
    abroad = new_order(rng, Buyer(2, "US", "USD", 106), ITEMS, date(2026, 1, 5))
    assert at_home.vat == ((at_home.net + at_home.freight) * Decimal("0.25")).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert abroad.vat == 0
    assert abroad.lines[0].price < ITEMS[-1].price  # dollars, not kroner


def test_lines_can_be_asked_for():
    order = new_order(random.Random(1), Buyer(1, "DK", "DKK", None), ITEMS, date(2026, 1, 5), lines=4)
    assert len(order.lines) == 4


def test_clients_agree_with_their_country():
    rng = random.Random(5)
    clients = [new_client(rng) for _ in range(300)]
    assert {client.country for client in clients} == set(COUNTRIES)
    assert all(client.currency == COUNTRIES[client.country].currency for client in clients)
    assert all((client.segment == "C") == (client.kind == "P") for client in clients)
