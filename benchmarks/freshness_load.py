"""Writing changes into the shop at a fixed rate, by a schedule that does not wait for what is late."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from backoffice.settings import Settings
from backoffice.simulate import connect
from backoffice.simulate.orders import (
    Connection,
    buyers,
    correct_line,
    items_on_sale,
    place_order,
    progress_order,
)
from backoffice.simulate.trade import Buyer, Item, line_count, new_order

Kind = Literal["order", "line", "state"]
_KINDS: dict[Kind, int] = {"order": 40, "line": 30, "state": 30}
_STEPS = 2  # an order is checked (its lines change too), then confirmed
_SETTLED_SECONDS = 1.0  # a change to an order comes at least this long after the order


@dataclass(frozen=True, slots=True)
class Change:
    """A planned transaction.

    Args:
        due: seconds after the start.
        kind: an order with its lines, the quantity of a line, or an order's state.
        order: place of the order in the plan's orders.
        lines: lines of a new order.
        rows: rows it changes.
    """

    due: float
    kind: Kind
    order: int
    lines: int
    rows: int


def plan(rng: random.Random, rate: float, seconds: float) -> list[Change]:
    """Transactions for a while, one every so often that they change ``rate`` rows a second."""
    changes: list[Change] = []
    placed: list[tuple[float, int]] = []  # when an order is due, and its lines
    steps: dict[int, int] = {}
    rows = 0
    while (due := rows / rate) < seconds:
        kind = rng.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]
        order = _settled(rng, placed, due)
        if order is None or (kind == "state" and steps.get(order, 0) >= _STEPS):
            kind = "order"
        if kind == "order" or order is None:
            order, lines = len(placed), line_count(rng)
            placed.append((due, lines))
            change = Change(due, "order", order, lines, 1 + lines)
        elif kind == "line":
            change = Change(due, "line", order, 0, 2)  # and the order's total
        else:
            steps[order] = steps.get(order, 0) + 1
            change = Change(due, "state", order, 0, 1 + placed[order][1] if steps[order] == 1 else 1)
        changes.append(change)
        rows += change.rows
    return changes


def _settled(rng: random.Random, placed: list[tuple[float, int]], due: float) -> int | None:
    """One of the newest orders that are old enough."""
    newest = [
        place for place in range(max(len(placed) - 200, 0), len(placed)) if placed[place][0] <= due - _SETTLED_SECONDS
    ]
    return rng.choice(newest) if newest else None


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made. Unix seconds."""

    due: float
    committed: float
    rows: int


@dataclass
class LoadResult:
    """What was written."""

    started: float
    done: list[Done] = field(default_factory=list)
    skipped: int = 0
    probes: dict[int, float] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows changed."""
        return sum(change.rows for change in self.done)

    @property
    def rate(self) -> float:
        """Rows a second, until the last commit."""
        return self.rows / (max(change.committed for change in self.done) - self.started)

    @property
    def lateness(self) -> list[float]:
        """Seconds from when each change was due until it was committed."""
        return [change.committed - change.due for change in self.done]


class Load:
    """Carries out a plan with several connections.

    Args:
        settings: where the shop is.
        changes: the plan.
        on_order: told the number of each new order once it is committed.
    """

    def __init__(self, settings: Settings, changes: list[Change], on_order: Callable[[int], None]) -> None:
        self._settings = settings
        self._changes = changes
        self._on_order = on_order
        self._next = itertools.count()
        self._numbers: dict[int, int] = {}
        self._lock = threading.Lock()
        self._result = LoadResult(started=0.0)
        self._items: list[Item] = []
        self._buyers: list[Buyer] = []
        self._stop = threading.Event()

    def run(self, writers: int) -> LoadResult:
        """Write until the plan is done; an error of one writer ends all and is raised."""
        with connect(self._settings) as connection:
            self._items, self._buyers = items_on_sale(connection), buyers(connection)
        connections = [connect(self._settings) for _ in range(writers)]
        self._result.started = time.time()
        try:
            with ThreadPoolExecutor(writers) as pool:
                for future in [pool.submit(self._work, place, own) for place, own in enumerate(connections)]:
                    future.result()
        finally:
            self._stop.set()
            for own in connections:
                own.close()
        return self._result

    def _work(self, place: int, connection: Connection) -> None:
        rng = random.Random(place)
        try:
            while not self._stop.is_set() and (number := next(self._next)) < len(self._changes):
                change = self._changes[number]
                due = self._result.started + change.due
                self._stop.wait(max(due - time.time(), 0))
                rows = self._make(connection, rng, change, due)
                with self._lock:
                    self._result.skipped += not rows
                    self._result.done.append(Done(due, time.time(), rows))
        except BaseException:
            self._stop.set()
            raise

    def _make(self, connection: Connection, rng: random.Random, change: Change, due: float) -> int:
        if change.kind == "order":
            return self._place(connection, rng, change, due)
        order_no = self._numbers.get(change.order)
        if order_no is None:  # its order is so late that it is not there yet
            return 0
        if change.kind == "line":
            return correct_line(connection, rng, order_no)
        return progress_order(connection, rng, order_no)

    def _place(self, connection: Connection, rng: random.Random, change: Change, due: float) -> int:
        today = _today()
        order = new_order(rng, rng.choice(self._buyers), self._items, today, change.lines)
        placed = place_order(connection, order, today)
        self._numbers[change.order] = placed.order_no
        self._result.probes[placed.order_no] = due
        self._on_order(placed.order_no)
        return placed.rows


def _today() -> date:
    return datetime.now(UTC).date()
