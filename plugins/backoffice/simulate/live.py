"""The demo company's present: orders keep coming in and everything keeps changing, by the clock on the wall."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg

from backoffice.settings import Settings
from backoffice.simulate import changes, orders
from backoffice.simulate.orders import Connection
from backoffice.simulate.prepare import connect, refuse_external
from backoffice.simulate.trade import Buyer, Item, new_order

log = logging.getLogger(__name__)

_PAUSE_LOCK = 7_203_002  # any number no other program locks in this database
_PAUSED_SECONDS = 0.2
_REPORT_SECONDS = 60.0
_REFRESH_SECONDS = 60.0
_RESTED_SECONDS = 15.0  # an order stays in a state at least this long
_DRAFT_SHARE = 0.05
_FIRST_BACKOFF = 0.5
_LONGEST_BACKOFF = 15.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens again and again.

    Args:
        happen: does it in one transaction; returns how many rows changed, 0 when there was nothing to do it to.
        weight: how often, an order placed being 1.
    """

    name: str
    weight: float
    happen: Callable[[Shop], int]


class Shop:
    """The running shop: its connection, its chance, and what it knows of clients and items.

    Nothing here outlives a transaction that matters: after a kill the next process goes on from the database.
    """

    def __init__(self, connection: Connection, rng: random.Random) -> None:
        self.connection = connection
        self.rng = rng
        self._read_at = -_REFRESH_SECONDS
        self._items: list[Item] = []
        self._buyers: list[Buyer] = []

    @property
    def today(self) -> date:
        """The day in UTC."""
        return datetime.now(UTC).date()

    @property
    def items(self) -> list[Item]:
        """What is on sale; at most a minute old."""
        self._refresh()
        return self._items

    @property
    def buyers(self) -> list[Buyer]:
        """Who may order; at most a minute old."""
        self._refresh()
        return self._buyers

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at >= _REFRESH_SECONDS:
            self._items = orders.items_on_sale(self.connection)
            self._buyers = orders.buyers(self.connection)
            self._read_at = time.monotonic()

    def one_of(self, *states: int, rested: float = 0) -> int | None:
        """Number of some order in one of the states."""
        found = orders.open_orders(self.connection, states, rested=rested)
        return self.rng.choice(found) if found else None


def _place(shop: Shop) -> int:
    state = orders.DRAFT if shop.rng.random() < _DRAFT_SHARE else orders.ENTERED
    order = new_order(shop.rng, shop.rng.choice(shop.buyers), shop.items, shop.today)
    return orders.place_order(shop.connection, order, shop.today, state).rows


def _progress(shop: Shop) -> int:
    order_no = shop.one_of(*orders.NEXT_STATE, rested=_RESTED_SECONDS)
    return orders.progress_order(shop.connection, shop.rng, order_no) if order_no else 0


def _correct(shop: Shop) -> int:
    order_no = shop.one_of(*orders.CHANGEABLE)
    return orders.correct_line(shop.connection, shop.rng, order_no) if order_no else 0


def _cancel(shop: Shop) -> int:
    order_no = shop.one_of(*orders.CHANGEABLE, orders.ON_HOLD)
    return orders.cancel_order(shop.connection, shop.rng, order_no) if order_no else 0


def _delete_draft(shop: Shop) -> int:
    order_no = shop.one_of(orders.DRAFT)
    return orders.delete_draft(shop.connection, order_no) if order_no else 0


def _change_client(shop: Shop) -> int:
    return changes.change_client(shop.connection, shop.rng, shop.rng.choice(shop.buyers).client_no)


def _change_price(shop: Shop) -> int:
    return changes.change_price(shop.connection, shop.rng, shop.rng.choice(shop.items).item_no)


def _add_client(shop: Shop) -> int:
    return changes.add_client(shop.connection, shop.rng, shop.today)


def _raise_pay(shop: Shop) -> int:
    return changes.raise_pay(shop.connection, shop.rng, shop.today)


EVENTS = (
    Event("orders placed", 1.0, _place),
    # an order takes six steps and a detour now and then; more often than that, so that none pile up
    Event("steps", 7.5, _progress),
    Event("lines corrected", 0.3, _correct),
    Event("orders cancelled", 0.04, _cancel),
    Event("drafts deleted", 0.01, _delete_draft),
    Event("clients changed", 0.02, _change_client),
    Event("prices changed", 0.02, _change_price),
    Event("clients added", 0.004, _add_client),
    Event("pay rises", 0.004, _raise_pay),
)
_WEIGHTS = tuple(event.weight for event in EVENTS)


def run(settings: Settings, stop: threading.Event) -> None:
    """Keep the shop busy until ``stop`` is set: ``settings.demo_orders_per_second`` orders a second, on average.

    A lost connection is made again with growing pauses.

    Raises:
        SettingsError: the source is an external server.
    """
    refuse_external(settings)
    backoff = _FIRST_BACKOFF
    while not stop.is_set():
        try:
            with connect(settings) as connection:
                backoff = _FIRST_BACKOFF
                _keep_busy(connection, settings.demo_orders_per_second, stop)
        except psycopg.OperationalError as error:
            log.warning("no shop (%s); trying again in %.1f s", _one_line(error), backoff)
            stop.wait(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)


def _keep_busy(connection: Connection, orders_per_second: float, stop: threading.Event) -> None:
    shop = Shop(connection, random.Random())
    rate = orders_per_second * sum(_WEIGHTS)
    due = reported = time.monotonic()
    done: Counter[str] = Counter()
    while rate > 0 and not stop.wait(max(due - time.monotonic(), 0)):
        event = shop.rng.choices(EVENTS, _WEIGHTS)[0]
        done[event.name] += bool(_happen(shop, event, stop))
        # after an outage the missed time is not made up for: it would be a burst nobody ordered
        due = max(due + shop.rng.expovariate(rate), time.monotonic() - 1)
        if time.monotonic() - reported >= _REPORT_SECONDS:
            log.info("%s", ", ".join(f"{count} {name}" for name, count in done.items()))
            done, reported = Counter(), time.monotonic()
    stop.wait()  # a rate of nought is a shop that is closed


def _happen(shop: Shop, event: Event, stop: threading.Event) -> int:
    """Do it in a transaction that also holds the shared lock :func:`paused` waits for."""
    while not stop.is_set():
        try:
            with shop.connection.transaction():
                if _is_open(shop.connection):
                    return event.happen(shop)
        except psycopg.OperationalError as error:
            if shop.connection.closed:
                raise
            # somebody else changed the same row; there will be other orders
            log.info("%s given up: %s", event.name, _one_line(error))
            return 0
        stop.wait(_PAUSED_SECONDS)
    return 0


def _is_open(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", (_PAUSE_LOCK,)).fetchone()
    return bool(row and row[0])


@contextmanager
def paused(connection: Connection) -> Iterator[None]:
    """Stop the demo from changing anything while the block runs, as a benchmark needs it.

    The lock is the connection's: when its process dies, the demo goes on.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (_PAUSE_LOCK,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_PAUSE_LOCK,))


def _one_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
