"""Changes of clients, items and pay."""

from __future__ import annotations

import random
from datetime import date

import pytest

from backoffice.simulate import changes

pytestmark = pytest.mark.postgres


def row(connection, statement, *values):
    return connection.execute(statement, values).fetchone()


def test_clients_change_street_region_and_segment(shop):
    client_no = row(shop, "SELECT client_no FROM shop.client WHERE segment = 'S' AND state = 'A' LIMIT 1")[0]
    columns = "SELECT street, region, segment, keeper_no FROM shop.client WHERE client_no = %s"
    before, seen = row(shop, columns, client_no), set()
    rng = random.Random(4)
    for _ in range(30):
        assert changes.change_client(shop, rng, client_no) == 1
        after = row(shop, columns, client_no)
        seen |= {place for place in range(3) if after[place] != before[place]}
        seller = row(shop, "SELECT country = 'US' FROM shop.staff WHERE staff_no = %s", after[3])[0]
        assert seller == (after[1] == "AM")
    assert seen == {0, 1, 2}


def test_a_client_that_is_gone_is_left_alone(shop):
    assert changes.change_client(shop, random.Random(1), 1) == 0


def test_a_new_client_gets_the_next_number(shop):
    last = row(shop, "SELECT max(client_no) FROM shop.client")[0]
    assert changes.add_client(shop, random.Random(1), date(2026, 6, 17)) == 1
    number, code, state, since = row(
        shop, "SELECT client_no, client_code, state, since FROM shop.client ORDER BY client_no DESC LIMIT 1"
    )
    assert (number, code, state, since) == (last + 1, f"C{last + 1}", "A", date(2026, 6, 17))


def test_prices_stay_above_cost_and_in_bounds(shop):
    rng = random.Random(9)
    for _ in range(200):
        assert changes.change_price(shop, rng, 1) == 1
        cost, price = row(shop, "SELECT cost, price FROM shop.item WHERE item_no = 1")
        assert 5 <= cost <= 5000
        assert cost < price < 2 * cost
    assert changes.change_price(shop, rng, 9999) == 0


def test_a_pay_rise_closes_the_old_rate_the_day_before(shop):
    today = date(2026, 6, 17)
    before = {pay for (pay,) in shop.execute("SELECT pay_no FROM shop.pay_rate").fetchall()}
    assert changes.raise_pay(shop, random.Random(1), today) == 2
    pay_no, staff_no, cents, first_day = row(
        shop, "SELECT pay_no, staff_no, cents, first_day FROM shop.pay_rate ORDER BY pay_no DESC LIMIT 1"
    )
    assert pay_no not in before
    assert first_day == date(2026, 7, 1)
    old = "SELECT cents FROM shop.pay_rate WHERE staff_no = %s AND kind = 'SAL' AND last_day = '2026-06-30'"
    assert row(shop, old, staff_no)[0] < cents


def test_nobody_gets_two_rises_for_one_month(shop):
    rng = random.Random(1)
    risen = 0
    while changes.raise_pay(shop, rng, date(2026, 6, 17)):
        risen += 1
    assert risen == 11  # everybody but the one who left and the one whose pay changes then anyway
