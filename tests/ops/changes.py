"""Random small batches with everything a source does: late parents, deletes, full images, truncates, bad rows."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

Change = tuple[str, str, dict[str, Any]]

BEGINNING: tuple[Change, ...] = (
    ("department", "c", {"department_id": "D1"}),
    *(("employee", "c", {"employee_id": f"E{n}"}) for n in (1, 2, 3)),
    *(("customer", "c", {"customer_id": f"C{n}"}) for n in (1, 2, 3)),
    *(("product", "c", {"product_id": f"P{n}"}) for n in (1, 2, 3)),
)


def land_random(world: Any, rng: random.Random) -> None:
    """Land one batch: mostly changes, sometimes a whole table, a truncate or the batch before once more."""
    kind = rng.random()
    if kind < 0.06:
        rows = [("product", "r", {"product_id": f"P{n}", "category": rng.choice("NSEW")}) for n in (1, 2, 3, 4)]
        world.land(*rng.sample(rows, rng.randint(2, 4)), full=frozenset({"product"}))
    elif kind < 0.09:
        world.land(("sales_order_line", "t", {}))
    elif kind < 0.16 and getattr(world, "last_changes", None):
        world.land(*world.last_changes)  # delivered twice
    elif kind < 0.22 and getattr(world, "last_changes", None):
        now, world.now = world.now, world.now - timedelta(hours=20)  # an old file that comes late
        world.land(*_changes(world, rng))
        world.now = now + timedelta(minutes=1)
    else:
        world.last_changes = _changes(world, rng)
        world.land(*world.last_changes)


def _changes(world: Any, rng: random.Random) -> list[Change]:
    makers = (_entity, _entity, _employment, _order, _line, _line, _delete, _key_change, _unchanged, _bad)
    return [change for _ in range(rng.randint(1, 6)) for change in rng.choice(makers)(world, rng)]


def _entity(world: Any, rng: random.Random) -> list[Change]:
    table, column, values = rng.choice(
        [
            ("customer", "region", "NSEW"),
            ("product", "category", "NSEW"),
            ("employee", "status", ("active", "on_leave")),
        ]
    )
    return [(table, "u", {f"{table}_id": f"{table[0].upper()}{rng.randint(1, 5)}", column: rng.choice(values)})]


def _employment(world: Any, rng: random.Random) -> list[Change]:
    starts = f"202{rng.randint(4, 6)}-0{rng.randint(1, 9)}-01"
    values = {"employment_id": f"J{rng.randint(1, 5)}", "employee_id": f"E{rng.randint(1, 4)}"}
    return [("employment", "u", values | {"effective_from": starts, "fte_pct": rng.choice([50, 100])})]


def _order(world: Any, rng: random.Random) -> list[Change]:
    values = {
        "order_id": f"O{rng.randint(1, 9)}",
        "customer_id": f"C{rng.randint(1, 5)}",
        "salesperson_id": f"E{rng.randint(1, 3)}",
        "received_at": world.now - timedelta(days=rng.randint(0, 90)),
        "status": rng.choice(["received", "shipped", "cancelled"]),
    }
    return [("sales_order", "u", values)]


def _line(world: Any, rng: random.Random) -> list[Change]:
    values = {"order_line_id": f"L{rng.randint(1, 20)}", "order_id": f"O{rng.randint(1, 9)}"}
    amounts = {"product_id": f"P{rng.randint(1, 5)}", "net_amount": rng.randint(1, 999)}
    return [("sales_order_line", "u", values | amounts)]


def _delete(world: Any, rng: random.Random) -> list[Change]:
    table, column, letter = rng.choice(
        [
            ("sales_order_line", "order_line_id", "L"),
            ("sales_order", "order_id", "O"),
            ("customer", "customer_id", "C"),
            ("employment", "employment_id", "J"),
        ]
    )
    return [(table, "d", {column: f"{letter}{rng.randint(1, 9)}"})]


def _key_change(world: Any, rng: random.Random) -> list[Change]:
    """A source that changes a key sends a delete of the old one and the row under the new one."""
    old, new = rng.sample(range(1, 10), 2)
    return [
        ("sales_order_line", "d", {"order_line_id": f"L{old}"}),
        ("sales_order_line", "u", {"order_line_id": f"L{new}", "order_id": "O1", "product_id": "P1"}),
    ]


def _unchanged(world: Any, rng: random.Random) -> list[Change]:
    values = {"customer_id": f"C{rng.randint(1, 3)}", "name": None, "_unchanged": ["name"], "city": rng.choice("AB")}
    return [("customer", "u", values)]


def _bad(world: Any, rng: random.Random) -> list[Change]:
    """Rows the landing gate keeps out: a null key, a value that is not in its list, a number that is missing."""
    return [
        rng.choice(
            [
                ("customer", "u", {"customer_id": f"C{rng.randint(1, 5)}", "status": "asleep"}),
                ("sales_order_line", "u", {"order_line_id": f"L{rng.randint(1, 20)}", "order_id": None}),
                ("product", "u", {"product_id": f"P{rng.randint(1, 5)}", "name": None}),
            ]
        )
    ]
