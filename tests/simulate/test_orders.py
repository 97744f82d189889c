"""An order's life, transaction by transaction, and the totals that stay exact whoever changes a line."""

from __future__ import annotations

import random
import threading
from datetime import date
from decimal import Decimal

import psycopg
import pytest

from backoffice.simulate import orders
from backoffice.simulate.orders import CANCELLED, DRAFT, ENTERED, INVOICED, ON_HOLD, PICKED
from backoffice.simulate.trade import new_order

pytestmark = pytest.mark.postgres

TODAY = date(2026, 6, 17)


class NoDetour(random.Random):
    """Chance that never takes the rare way."""

    def random(self) -> float:
        return 0.999


def place(connection, *, lines=3, state=ENTERED):
    buyer = next(buyer for buyer in orders.buyers(connection) if buyer.country == "DK")
    order = new_order(random.Random(11), buyer, orders.items_on_sale(connection), TODAY, lines)
    return orders.place_order(connection, order, TODAY, state)


def header(connection, order_no, columns):
    return connection.execute(f"SELECT {columns} FROM shop.sales_order WHERE order_no = %s", (order_no,)).fetchone()


def lines(connection, order_no, columns):
    return connection.execute(
        f"SELECT {columns} FROM shop.sales_order_line WHERE order_no = %s ORDER BY pos", (order_no,)
    ).fetchall()


def assert_exact(connection, order_no):
    net, freight, rate, vat, total = header(connection, order_no, "net, freight, vat_rate, vat, total")
    assert net == sum(row[0] for row in lines(connection, order_no, "net"))
    assert vat == ((net + freight) * rate).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert total == net + freight + vat


def test_placing_writes_header_and_lines_once(shop):
    placed = place(shop)
    assert placed.rows == 4
    assert_exact(shop, placed.order_no)
    # the header is older than its lines in their transaction: the trigger found nothing to correct
    command = header(shop, placed.order_no, "cmin::text::int")[0]
    assert command < min(row[0] for row in lines(shop, placed.order_no, "cmin::text::int"))


def test_an_order_goes_its_way(shop):
    order_no = place(shop).order_no
    steps = 0
    while orders.progress_order(shop, NoDetour(), order_no):
        steps += 1
    state, *stamps = header(
        shop, order_no, "state, entered_at, checked_at, confirmed_at, shipped_at, delivered_at, invoiced_at"
    )
    assert (state, steps) == (INVOICED, 6)
    assert all(stamps)
    assert stamps == sorted(stamps)
    assert all(
        quantity == available == picked
        for quantity, available, picked in lines(shop, order_no, "quantity, available, picked")
    )


@pytest.mark.parametrize("detour", [orders.PARTLY_PICKED, ON_HOLD])
def test_detours_come_back(shop, detour):
    order_no = place(shop).order_no
    shop.execute("UPDATE shop.sales_order SET state = %s WHERE order_no = %s", (detour, order_no))
    while orders.progress_order(shop, NoDetour(), order_no):
        pass
    assert header(shop, order_no, "state")[0] == INVOICED


def test_a_partly_picked_line_misses_the_rest(shop):
    order_no = place(shop).order_no
    shop.execute("UPDATE shop.sales_order SET state = 30 WHERE order_no = %s", (order_no,))
    rng = NoDetour()
    rng.random = lambda: 0.0  # type: ignore[method-assign]
    orders.progress_order(shop, rng, order_no)
    assert header(shop, order_no, "state")[0] == orders.PARTLY_PICKED
    assert all(
        quantity == picked + missing for quantity, picked, missing in lines(shop, order_no, "quantity, picked, missing")
    )


def test_correcting_changes_one_line_and_the_total(shop):
    order_no = place(shop).order_no
    before, net = lines(shop, order_no, "quantity"), header(shop, order_no, "net")
    assert orders.correct_line(shop, random.Random(2), order_no) == 2
    changed = [pair for pair in zip(before, lines(shop, order_no, "quantity"), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    assert header(shop, order_no, "net") != net
    assert_exact(shop, order_no)


def test_what_is_picked_is_not_corrected_or_cancelled(shop):
    order_no = place(shop).order_no
    shop.execute("UPDATE shop.sales_order SET state = %s WHERE order_no = %s", (PICKED, order_no))
    assert orders.correct_line(shop, random.Random(2), order_no) == 0
    assert orders.cancel_order(shop, random.Random(2), order_no) == 0


def test_cancelling_marks_header_and_lines(shop):
    order_no = place(shop).order_no
    assert orders.cancel_order(shop, random.Random(2), order_no) == 4
    state, at, reason = header(shop, order_no, "state, cancelled_at, cancel_reason")
    assert state == CANCELLED and at and reason
    assert all(quantity == cancelled for quantity, cancelled in lines(shop, order_no, "quantity, cancelled"))
    assert_exact(shop, order_no)


def test_only_drafts_are_deleted(shop):
    draft, entered = place(shop, state=DRAFT).order_no, place(shop).order_no
    assert orders.delete_draft(shop, draft) == 4
    assert orders.delete_draft(shop, entered) == 0
    assert header(shop, draft, "state") is None
    assert lines(shop, draft, "pos") == []
    assert len(lines(shop, entered, "pos")) == 3


def test_open_orders_are_those_of_the_state_that_rested(shop):
    order_no = place(shop, state=DRAFT).order_no
    assert order_no in orders.open_orders(shop, (DRAFT,))
    assert order_no not in orders.open_orders(shop, (DRAFT,), rested=3600)
    assert order_no not in orders.open_orders(shop, (ENTERED,))


def test_changes_by_hand_are_priced_and_stamped(shop):
    order_no = place(shop).order_no
    before = header(shop, order_no, "changed_at")[0]
    shop.execute("UPDATE shop.sales_order_line SET quantity = 7, discount = 0.333 WHERE order_no = %s", (order_no,))
    assert_exact(shop, order_no)
    assert header(shop, order_no, "changed_at")[0] > before
    shop.execute("DELETE FROM shop.sales_order_line WHERE order_no = %s AND pos = 2", (order_no,))
    assert_exact(shop, order_no)


def test_a_line_stays_with_its_order(shop):
    first, second = place(shop).order_no, place(shop).order_no
    with pytest.raises(psycopg.errors.RaiseException, match="stays with its order"):
        shop.execute(
            "UPDATE shop.sales_order_line SET order_no = %s, pos = 9 WHERE order_no = %s AND pos = 1", (second, first)
        )


def test_two_lines_changed_at_once_are_both_in_the_total(pg_server, shop, shop_database):
    order_no = place(shop).order_no
    change = "UPDATE shop.sales_order_line SET quantity = quantity + 1 WHERE order_no = %s AND pos = %s"

    def second() -> None:
        with psycopg.connect(pg_server.url(shop_database)) as other:
            other.execute(change, (order_no, 2))

    with shop.transaction():
        shop.execute(change, (order_no, 1))
        thread = threading.Thread(target=second)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
        while not shop.execute(waiting).fetchone()[0]:
            assert thread.is_alive()
    thread.join()
    assert_exact(shop, order_no)
