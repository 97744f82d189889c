"""The made-up history: reproducible, exact, and as large as the demo needs."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.simulate.moment import NOW, SEED

from backoffice.simulate.orders import buyers, items_on_sale, place_order
from backoffice.simulate.prepare import create_shop
from backoffice.simulate.trade import new_order

pytestmark = pytest.mark.postgres

TABLES = ("staff", "team", "job", "pay_rate", "item", "client", "sales_order", "sales_order_line")


def one(connection, statement, *values):
    return connection.execute(statement, values).fetchone()[0]


def fingerprints(connection):
    return {
        table: one(connection, f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM shop.{table} AS t")
        for table in TABLES
    }


def test_the_same_seed_gives_the_same_rows(pg_server, pg_database, shop):
    with psycopg.connect(pg_server.url(pg_database), autocommit=True) as again:
        create_shop(again, SEED, NOW)
        assert fingerprints(again) == fingerprints(shop)
        assert create_shop(again, SEED, NOW) == {}


def test_another_seed_gives_other_orders(pg_server, pg_database, shop):
    with psycopg.connect(pg_server.url(pg_database), autocommit=True) as other:
        create_shop(other, SEED + 1, NOW)
        assert fingerprints(other)["sales_order_line"] != fingerprints(shop)["sales_order_line"]


def test_size_and_variety(shop):
    sizes = {table: one(shop, f"SELECT count(*) FROM shop.{table}") for table in TABLES}
    assert 3900 <= sizes["sales_order"] <= 4000
    assert 9000 <= sizes["sales_order_line"] <= 11000
    assert (sizes["client"], sizes["item"], sizes["team"], sizes["staff"]) == (120, 60, 5, 13)
    assert one(shop, "SELECT array_agg(DISTINCT region ORDER BY region) FROM shop.client") == ["AM", "EU"]
    assert one(shop, "SELECT array_agg(DISTINCT currency ORDER BY currency) FROM shop.sales_order") == [
        "DKK",
        "EUR",
        "USD",
    ]
    assert one(shop, "SELECT count(DISTINCT state) FROM shop.sales_order") >= 6


def test_the_history_is_eighteen_months_and_ends_now(shop):
    first, last, changed = shop.execute(
        "SELECT min(entered_at), max(entered_at), max(changed_at) FROM shop.sales_order"
    ).fetchone()
    assert first < NOW - timedelta(days=540)
    assert NOW - timedelta(days=2) < last < NOW
    assert changed < NOW


def test_old_orders_are_finished(shop):
    open_since = one(shop, "SELECT min(entered_at) FROM shop.sales_order WHERE state NOT IN (70, 90)")
    assert open_since > NOW - timedelta(days=8)


def test_totals_are_exact(shop):
    wrong = one(
        shop,
        """SELECT count(*) FROM shop.sales_order AS o
           WHERE o.net <> (SELECT sum(l.net) FROM shop.sales_order_line AS l WHERE l.order_no = o.order_no)
              OR o.total <> o.net + o.freight + o.vat""",
    )
    assert wrong == 0


def test_one_job_and_its_pay_begin_in_future(shop):
    jobs = shop.execute("SELECT staff_no, title FROM shop.job WHERE first_day > %s", (NOW.date(),)).fetchall()
    assert jobs == [(109, "Shift leader")]
    pay = "SELECT staff_no FROM shop.pay_rate WHERE first_day > %s AND kind = 'SAL'"
    assert shop.execute(pay, (NOW.date(),)).fetchall() == [(109,)]


@pytest.mark.parametrize(("table", "key"), [("job", "staff_no"), ("pay_rate", "staff_no, kind")])
def test_effective_dates_neither_overlap_nor_leave_gaps(shop, table, key):
    broken = one(
        shop,
        f"""SELECT count(*) FROM (
                SELECT last_day, lead(first_day) OVER (PARTITION BY {key} ORDER BY first_day) AS following
                FROM shop.{table}) AS t
            WHERE following IS NOT NULL AND following IS DISTINCT FROM last_day + 1""",
    )
    assert broken == 0


def test_new_orders_take_the_next_number(shop):
    import random

    last = one(shop, "SELECT max(order_no) FROM shop.sales_order")
    order = new_order(random.Random(1), buyers(shop)[0], items_on_sale(shop), NOW.date())
    assert place_order(shop, order, NOW.date()).order_no == last + 1
