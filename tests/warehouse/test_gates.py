"""The three gates: a document goes and comes back as a whole, its rest is published, and no row is lost on the way.

A cycle costs seconds, so that many documents meet their fates in the same few cycles.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.warehouse.world import table_hashes

from backoffice.errors import AuditError
from backoffice.landing import Manifest
from backoffice.validate import rounds

Change = tuple[str, str, dict[str, Any]]
PARENTS: tuple[Change, ...] = (
    *(("customer", "c", {"customer_id": f"K{number}"}) for number in (1, 2, 3)),
    *(("product", "c", {"product_id": f"P{number}"}) for number in (1, 2)),
)
OUT = "SELECT DISTINCT table_name, rule, key FROM meta.quarantined ORDER BY ALL"
BLOCKED = "SELECT document, document_key, because FROM meta.blocked_document ORDER BY ALL"
BAD = {"ordered_qty": -1}
NEGATIVE = "sales_order_line.ordered_qty.minimum"
BACK = {"O1": ["L1", "L11", "L21"], "O4": ["L4"]} | {f"O{n}": [f"L{n}"] for n in (2, 5, 6, 7, 8)}
SUM = "sales_order_net_is_the_sum_of_its_lines"


def order(number: int, *, op: str = "c", **values: Any) -> Change:
    """An order, of customer K1."""
    return ("sales_order", op, {"order_id": f"O{number}", "customer_id": "K1"} | values)


def line(number: int, of: int, *, op: str = "c", **values: Any) -> Change:
    """A line of an order, of product P1."""
    known = {"order_line_id": f"L{number}", "order_id": f"O{of}", "product_id": "P1", "line_number": number}
    return ("sales_order_line", op, known | values)


def published(world: Any) -> dict[str, list[str]]:
    """Lines readers see, by order."""
    found = world.query(
        "SELECT order_id, list(order_line_id ORDER BY order_line_id) FROM marts.fct_sales_order_lines GROUP BY 1"
    )
    return dict(sorted(found))


def step(world: Any, *changes: Change) -> None:
    """Land, build, and balance the books: landed = accepted + quarantined + waiting."""
    if changes:
        world.land(*changes)
    world.cycle()
    counts = "landed_rows, accepted_rows, quarantined_rows, waiting_rows"
    sums = ", ".join(f"sum({name})" for name in counts.split(", "))
    assert world.query("SELECT * FROM meta.books WHERE accepted_rows < 0") == []
    mart = f"SELECT source, table_name, {counts} FROM marts.mart_data_freshness WHERE landed_rows > 0 ORDER BY ALL"
    assert world.query(mart) == world.query(
        f"SELECT source, table_name, {sums} FROM meta.books GROUP BY ALL ORDER BY ALL"
    )


def rebuilt(world: Any, make_world: Callable[..., Any]) -> None:
    """A warehouse made from landing alone holds the same, and judges nothing again."""
    verdicts = world.store.last("_verdicts").seq
    again = make_world("again", wait=world.wait)
    again.store = world.store
    again.cycle()
    assert world.store.last("_verdicts").seq == verdicts
    for query in (OUT, BLOCKED):
        assert again.query(query) == world.query(query)
    one, other = table_hashes(world), table_hashes(again)
    for model, rows in one.items():
        assert other[model] == rows, model


def eight_orders(world: Any) -> None:
    """A line each; O1 and O4 have a second one."""
    numbers = range(1, 9)
    orders = [order(n, customer_id="K2" if n == 7 else "K1") for n in numbers]
    step(world, *PARENTS, *orders, *(line(n, n) for n in numbers), line(11, 1), line(14, 4))
    assert published(world) == {f"O{n}": [f"L{n}"] for n in numbers} | {"O1": ["L1", "L11"], "O4": ["L14", "L4"]}


def bad_versions_come(world: Any) -> Manifest:
    """They go with their documents; K2 and O6 are held by a person."""
    bad = world.land(
        line(11, 1, op="u", **BAD),  # O1 was published: it goes with its header and its good line
        line(12, 2, **BAD),  # O2 gets a new line that is bad
        line(14, 3, op="u"),  # moves from O4 to O3 …
        line(3, 3, op="u", **BAD),  # … which is out: L14 must not fall back to O4
        line(5, 5, op="u", **BAD),
        line(8, 8, op="u", **BAD),
        ("customer", "u", {"customer_id": "K1", "name": "Bad", "country_code": None}),
        ("customer", "u", {"customer_id": "K3", "status": "?", "region": "East"}),
    )
    world.decide("hold", document="sales_order", document_key="O6", source_relation=None)
    world.decide("hold", document="customer", document_key="K2")
    step(world, ("customer", "u", {"customer_id": "K3", "region": "West"}))
    assert published(world) == {"O4": ["L4"]}
    assert world.query(BLOCKED) == [
        ("customer", "K2", "hold"),
        *(("sales_order", f"O{n}", NEGATIVE) for n in (1, 2, 3, 5)),
        ("sales_order", "O6", "hold"),
        ("sales_order", "O8", NEGATIVE),
    ]
    of_first = "SELECT DISTINCT table_name, rule, key FROM meta.quarantined WHERE document_key = 'O1' ORDER BY ALL"
    assert world.query(of_first) == [
        ("sales_order", "document", "O1"),
        ("sales_order_line", "document", "L1"),
        ("sales_order_line", "document", "L11"),
        ("sales_order_line", NEGATIVE, "L11"),
    ]
    assert world.query("SELECT waits_for FROM meta.waiting WHERE entity = 'sales_order'") == [("customer K2",)]
    names = "SELECT customer_id, customer_name, region FROM marts.dim_customer WHERE is_current ORDER BY ALL"
    assert world.query(names) == [("K1", "Acme", "North"), ("K3", "Acme", "West")]
    return bad


def they_come_back(world: Any, bad: Manifest) -> None:
    """Released, fixed, corrected by the source, or no longer held; O3 stays out."""
    world.decide("release", batch_id=bad.batch_id, row_no=5, rule=NEGATIVE)
    world.decide("unhold", document="sales_order", document_key="O6")
    world.decide("unhold", document="customer", document_key="K2")
    east = ("customer", "u", {"customer_id": "K3", "region": "East"})
    world.fix(bad, (6, line(8, 8, op="u")), (8, east))
    step(
        world,
        line(21, 1),  # lands for a blocked order, and goes along …
        line(11, 1, op="u", ordered_qty=5),  # … until the source corrects the bad line
        ("sales_order_line", "d", {"order_line_id": "L12"}),
        line(23, 3),  # O3 stays out
    )
    assert published(world) == BACK
    assert world.query(BLOCKED) == [("sales_order", "O3", NEGATIVE)]
    regions = "SELECT region FROM marts.dim_customer WHERE customer_id = 'K3' ORDER BY valid_from"
    assert world.query(regions) == [("North",), ("East",), ("West",)], "a fix takes the place of its original"
    fixed = "SELECT table_name, key FROM meta.quarantined WHERE rule = 'fix' ORDER BY ALL"
    assert world.query(fixed) == [("customer", "K3"), ("sales_order_line", "L8")]


def test_documents_at_the_landing_gate(make_world: Callable[..., Any]) -> None:
    world = make_world()
    eight_orders(world)
    they_come_back(world, bad_versions_come(world))
    step(world, line(5, 5, op="u", net_amount=7), line(3, 3, op="u"))
    assert published(world) == BACK | {"O3": ["L14", "L23", "L3"]}
    rebuilt(world, make_world)


def test_documents_at_the_base_and_mart_gate(make_world: Callable[..., Any]) -> None:
    world = make_world(wait="3650 days")
    step(
        world,
        *PARENTS,
        order(1, order_number="N1", net_amount=20),
        line(1, 1),
        line(11, 1, product_id="P9"),
        order(2, net_amount=50),  # its lines add up to 40
        line(2, 2),
        line(12, 2),
    )
    assert published(world) == {"O1": ["L1"]}
    assert world.query("SELECT waits_for FROM meta.waiting") == [("product P9",)]
    assert world.query(BLOCKED) == [("sales_order", "O2", SUM)]
    ((gate, row),) = world.query("SELECT gate, row_json FROM meta.verdict")
    assert gate == "mart" and '"lines_net_amount":40' in row

    now, world.now = world.now, datetime(2010, 1, 1, tzinfo=UTC)  # received longer ago than they may wait
    world.land(order(3, received_at=world.now), line(3, 3), line(13, 3, product_id="P8"), line(4, 4))
    world.now = now
    step(
        world,
        order(5, order_number="N1"),  # the later of two with one number is to blame
        line(5, 5),
        ("customer", "c", {"customer_id": "K4", "customer_number": "K2"}),
    )
    assert published(world) == {"O1": ["L1"]}
    blocked = [
        ("sales_order", "O2", SUM),
        ("sales_order", "O3", "sales_order_line.product_id.reference"),
        ("sales_order", "O4", "sales_order_line.order_id.reference"),
        ("sales_order", "O5", "sales_order.order_number.unique"),
    ]
    assert world.query(BLOCKED) == blocked
    assert world.query("SELECT count(*) FROM marts.dim_customer WHERE customer_id = 'K4'") == [(0,)]
    verdicts = "SELECT count(*) FROM meta.verdict"
    assert world.query(verdicts) == [(5,)]

    step(  # the parents come, the number is free again, the order is judged again and still wrong
        world,
        ("product", "c", {"product_id": "P8"}),
        order(4),
        order(1, op="u", order_number="N7", net_amount=20),
        order(2, op="u", net_amount=41),
    )
    assert published(world) == {"O1": ["L1"], "O3": ["L13", "L3"], "O4": ["L4"], "O5": ["L5"]}
    assert world.query(BLOCKED) == [("sales_order", "O2", SUM)]
    assert world.query(verdicts) == [(6,)]

    world.decide("release", rule=SUM)  # of whatever breaks it now
    step(world)
    assert published(world)["O2"] == ["L12", "L2"]
    step(world, order(2, op="u", net_amount=42))  # a release ends with the next version
    assert "O2" not in published(world)
    step(world, order(2, op="u", net_amount=40))
    assert published(world)["O2"] == ["L12", "L2"]
    assert world.query("SELECT sum(net_amount) FROM marts.mart_sales_by_month_customer_employee") == [(140,)]
    rebuilt(world, make_world)


def test_killed_after_landing_verdicts_nothing_is_judged_twice(
    make_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    world = make_world()
    step(world, *PARENTS, order(1, order_number="N1"), line(1, 1))
    world.land(order(2, order_number="N1"), line(2, 2))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(rounds, "apply_verdicts", killed)
        world.cycle()
    step(world)
    assert published(world) == {"O1": ["L1"]}
    assert world.query("SELECT rule FROM meta.verdict") == [("sales_order.order_number.unique",)]


def test_a_break_that_names_nothing_withholds_publication(make_world: Callable[..., Any]) -> None:
    world = make_world()
    step(world, *PARENTS, order(1), line(1, 1))
    wrong = "select 'nobody' as source_relation, 7 as fact_net_amount"
    with world.changed_test("mart_sales_ties_to_fact", wrong):
        world.land(line(1, 1, op="u", net_amount=9))
        with pytest.raises(AuditError, match=r'mart_sales_ties_to_fact(.|\n)*"fact_net_amount":7'):
            world.cycle()
    step(world)
    assert world.query("SELECT net_amount FROM marts.fct_sales_order_lines") == [(9,)]


def _mixed(rng: random.Random) -> list[Change]:
    """Good and bad rows, orphans, doubled numbers, moves and deletes of a few orders, in any order."""
    changes: list[Change] = []
    for _ in range(rng.randint(3, 9)):
        number, of = rng.randint(1, 8), rng.randint(1, 5)
        kind = rng.choice(["line", "line", "line", "bad line", "order", "bad order", "parent", "delete"])
        if kind == "line":
            product, amount = f"P{rng.choice((1, 1, 1, 2, 3))}", rng.choice((10, 20))
            changes.append(line(number, of, op="u", product_id=product, net_amount=amount))
        elif kind == "bad line":
            changes.append(line(number, of, op="u", **BAD))
        elif kind == "order":
            numbered = {"order_number": f"N{rng.randint(1, 6)}", "net_amount": rng.choice((None, None, 20, 30))}
            changes.append(order(of, op="u", customer_id=f"K{rng.randint(1, 3)}", **numbered))
        elif kind == "bad order":
            changes.append(order(of, op="u", currency_code="?"))
        elif kind == "parent":
            table, letter, column = rng.choice((("customer", "K", "region"), ("product", "P", "category")))
            values = {f"{table}_id": f"{letter}{rng.randint(1, 3)}", column: rng.choice("NSEW")}
            changes.append((table, "u", values | ({"status": "?"} if rng.random() < 0.3 else {})))
        else:
            gone = {"order_line_id": f"L{number}"} if rng.random() < 0.7 else {"order_id": f"O{of}"}
            changes.append(("sales_order_line" if "order_line_id" in gone else "sales_order", "d", gone))
    return changes


def _decide(world: Any, rng: random.Random) -> None:
    """A person holds, lets go, or releases everything an order is out for."""
    decision = rng.choice(("hold", "unhold", "release"))
    names = {"document": "sales_order", "document_key": f"O{rng.randint(1, 5)}"}
    if decision != "release" and rng.random() < 0.3:
        names = {"document": "customer", "document_key": f"K{rng.randint(1, 3)}"}
    world.decide(decision, **names)


def _random_sequence(make_world: Callable[..., Any], seed: int, cycles: int) -> None:
    rng = random.Random(seed)
    world = make_world("steps")
    step(world, *PARENTS[:2], PARENTS[3])
    for _ in range(cycles):
        for _ in range(rng.randint(1, 2)):
            world.land(*_mixed(rng))
        if rng.random() < 0.5:
            _decide(world, rng)
        step(world)
    assert world.query("SELECT count(*) FROM meta.verdict")[0][0] > cycles / 2
    rebuilt(world, make_world)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 8))
def test_many_random_sequences_end_as_a_rebuild_does(make_world: Callable[..., Any], seed: int) -> None:
    _random_sequence(make_world, seed, 15)
