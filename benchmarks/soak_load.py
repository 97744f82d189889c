"""People who go on working while the database they work in is killed: what fails is left, what comes next is done."""

from __future__ import annotations

import itertools
import random
import threading
import time
from datetime import UTC, datetime

import psycopg

from backoffice.settings import Settings
from backoffice.simulate import connect
from backoffice.simulate.orders import Connection, buyers, correct_line, items_on_sale, place_order, progress_order
from backoffice.simulate.trade import Buyer, Item, new_order
from freshness_load import Change, plan

_AGAIN_SECONDS = 0.5
_BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)


class SteadyLoad:
    """Carries out a plan with several connections; what could not be done while the source was away is made up for.

    Args:
        settings: where the shop is.
        rate: rows changed a second.
        seconds: how long.
        writers: connections.
        seed: of the plan.
    """

    def __init__(self, settings: Settings, rate: float, seconds: float, writers: int, seed: int) -> None:
        self.rows = 0
        self.transactions = 0
        self.lost_connections = 0
        self._settings = settings
        self._changes = plan(random.Random(seed), rate, seconds)
        self._next = itertools.count()
        self._numbers: dict[int, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._guard, args=(place,), daemon=True) for place in range(writers)]

    def start(self) -> None:
        """Begin to write."""
        with connect(self._settings) as shop:
            self._items: list[Item] = items_on_sale(shop)
            self._buyers: list[Buyer] = buyers(shop)
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop writing.

        Raises:
            BaseException: what ended a writer.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if self._error is not None:
            raise self._error

    def _guard(self, place: int) -> None:
        rng = random.Random(place)
        try:
            while not self._stop.is_set():
                try:
                    with connect(self._settings) as shop:
                        self._work(shop, rng)
                    return
                except _BROKEN:
                    with self._lock:
                        self.lost_connections += 1
                    self._stop.wait(_AGAIN_SECONDS)
        except BaseException as error:  # handed to whoever stops us: a thread has nobody to raise it to
            self._error = error

    def _work(self, shop: Connection, rng: random.Random) -> None:
        while not self._stop.is_set() and (number := next(self._next)) < len(self._changes):
            change = self._changes[number]
            self._stop.wait(max(self._started + change.due - time.monotonic(), 0))
            rows = self._make(shop, rng, change)
            with self._lock:
                self.rows += rows
                self.transactions += bool(rows)

    def _make(self, shop: Connection, rng: random.Random, change: Change) -> int:
        if change.kind == "order":
            today = datetime.now(UTC).date()
            order = new_order(rng, rng.choice(self._buyers), self._items, today, change.lines)
            placed = place_order(shop, order, today)
            self._numbers[change.order] = placed.order_no
            return placed.rows
        order_no = self._numbers.get(change.order)
        if order_no is None:  # it could not be placed
            return 0
        return (correct_line if change.kind == "line" else progress_order)(shop, rng, order_no)
