"""The build over landed batches: history, waiting rows, deletes, and incremental equal to full."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.warehouse.world import HASHED, table_hashes

from backoffice.warehouse.connection import open_warehouse

PEOPLE = (
    ("employee", "c", {"employee_id": "E1"}),
    ("department", "c", {"department_id": "D1"}),
    ("employment", "c", {"employment_id": "J1", "employee_id": "E1"}),
    ("customer", "c", {"customer_id": "K1"}),
    ("product", "c", {"product_id": "P1"}),
)
ORDER = ("sales_order", "c", {"order_id": "O1", "customer_id": "K1", "salesperson_id": "E1"})
LINE = ("sales_order_line", "c", {"order_line_id": "L1", "order_id": "O1", "product_id": "P1"})


def test_nothing_landed_is_nothing_to_build(make_world: Callable[..., Any]) -> None:
    world = make_world()
    assert world.cycle() == 0
    assert world.query("SELECT count(*) FROM meta.generation") == [(0,)]


def test_a_line_waits_for_its_order_and_is_counted(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, LINE)
    world.cycle()
    assert world.query("SELECT count(*) FROM marts.fct_sales_order_lines") == [(0,)]
    assert world.query("SELECT entity, waits_for FROM meta.waiting") == [("sales_order_line", "sales_order O1")]
    books = "SELECT landed_rows, accepted_rows, waiting_rows FROM marts.mart_data_freshness WHERE table_name = '{}'"
    assert world.query(books.format("sales_order_line")) == [(1, 0, 1)]

    world.land(ORDER)
    world.cycle()
    assert world.query("SELECT order_line_id, net_amount FROM marts.fct_sales_order_lines") == [("L1", 20)]
    assert world.query("SELECT count(*) FROM meta.waiting") == [(0,)]
    assert world.query(books.format("sales_order_line")) == [(1, 1, 0)]


def test_an_old_version_admitted_late_does_not_replace_a_newer_one(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, ORDER, LINE)
    world.cycle()
    world.land(("sales_order_line", "u", LINE[2] | {"order_id": "O2", "net_amount": 1}))
    world.land(("sales_order_line", "u", LINE[2] | {"order_id": "O1", "net_amount": 33}))
    world.cycle()
    assert world.query("SELECT waits_for FROM meta.waiting") == [("sales_order O2",)]
    world.land(("sales_order", "c", {"order_id": "O2", "customer_id": "K1"}))
    world.cycle()
    assert world.query("SELECT count(*) FROM meta.waiting") == [(0,)]
    assert world.query("SELECT order_id, net_amount FROM marts.fct_sales_order_lines") == [("O1", 33)]


def test_no_model_or_test_compares_every_row_with_every_row(make_world: Callable[..., Any]) -> None:
    """DuckDB's blockwise loop: a left join on `stop is null or at < stop` is one, and quadratic."""
    world = make_world()
    world.land(*PEOPLE, ORDER, LINE)
    world.cycle()
    compiled = world.settings.home / "dbt" / "target" / "compiled"
    statements = {path: path.read_text() for path in compiled.rglob("*.sql")}
    assert {"fct_sales_order_lines.sql", "fct_sales_order_lines_ties_to_base.sql"} <= {path.name for path in statements}
    loops = []
    with open_warehouse(world.settings) as connection:
        for path, sql in statements.items():
            if "__arrivals" in sql:
                continue  # reads what a hook gathered for it
            ((_, plan),) = connection.execute(f"EXPLAIN {sql}").fetchall()
            if "BLOCKWISE_NL_JOIN" in plan:
                loops.append(path.name)
    assert not loops, " ".join(loops)


def test_history_keeps_old_values_and_yesterday(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, ORDER, LINE)
    world.cycle()
    report = """SELECT f.order_date, c.region, sum(f.net_amount) FROM marts.fct_sales_order_lines AS f
        JOIN marts.dim_customer AS c USING (customer_key) WHERE f.order_date = DATE '2026-03-02' GROUP BY ALL"""
    yesterday = world.query(report)
    world.now += timedelta(days=1)
    world.land(
        ("customer", "u", {"customer_id": "K1", "region": "South", "name": "Acme II"}),
        ("sales_order", "c", {"order_id": "O2", "customer_id": "K1", "received_at": world.now + timedelta(minutes=2)}),
        ("sales_order_line", "c", {"order_line_id": "L2", "order_id": "O2", "product_id": "P1"}),
    )
    world.cycle()
    assert world.query(report) == yesterday == [(yesterday[0][0], "North", 20)]
    versions = "SELECT region, is_current, changed_columns, customer_name FROM marts.dim_customer ORDER BY valid_from"
    assert world.query(versions) == [("North", False, None, "Acme II"), ("South", True, "region", "Acme II")]
    today = """SELECT c.region FROM marts.fct_sales_order_lines AS f JOIN marts.dim_customer AS c USING (customer_key)
        WHERE f.order_line_id = 'L2'"""
    assert world.query(today) == [("South",)]


def test_deletes_key_changes_and_truncates(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, ORDER, LINE, ("sales_order_line", "c", LINE[2] | {"order_line_id": "L2", "line_number": 2}))
    world.cycle()
    world.land(
        ("sales_order_line", "d", {"order_line_id": "L1"}), ("sales_order_line", "c", LINE[2] | {"order_line_id": "L7"})
    )
    world.cycle()
    lines = "SELECT order_line_id FROM marts.fct_sales_order_lines ORDER BY ALL"
    assert world.query(lines) == [("L2",), ("L7",)]
    removed = "SELECT count(*) FROM meta.removed_row WHERE model = 'fct_sales_order_lines'"
    assert world.query(removed)[0][0] >= 2

    world.land(
        ("sales_order_line", "t", {}), ("sales_order_line", "c", LINE[2] | {"order_line_id": "L7", "net_amount": 5})
    )
    world.cycle()
    assert world.query("SELECT order_line_id, net_amount FROM marts.fct_sales_order_lines") == [("L7", 5)]
    assert world.query("SELECT count(*) FROM meta.audit_result WHERE NOT passed") == [(0,)]


def test_a_full_image_deletes_what_it_does_not_hold(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, ("product", "c", {"product_id": "P2"}))
    world.cycle()
    world.land(("product", "r", {"product_id": "P2", "name": "Nut"}), full=frozenset({"product"}))
    world.cycle()
    current = "SELECT product_id, product_name, is_deleted FROM marts.dim_product WHERE is_current ORDER BY ALL"
    assert world.query(current) == [("P1", "Bolt", True), ("P2", "Nut", False)]


def test_a_row_deleted_again_keeps_its_last_values(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE, ("product", "c", {"product_id": "P2", "name": "Nut"}))
    world.cycle()
    for changes in (
        [("product", "d", {"product_id": "P2"})],
        [
            ("product", "u", {"product_id": "P2", "name": None}),
            ("product", "d", {"product_id": "P2"}),
        ],  # never accepted
        [("product", "d", {"product_id": "P2"})],
    ):
        world.land(*changes)
        world.cycle()
        history = "SELECT product_name, status, is_deleted FROM marts.dim_product WHERE product_id = 'P2' ORDER BY ALL"
        assert world.query(history) == [("Nut", "active", False), ("Nut", "active", True)]


def test_a_value_the_source_did_not_resend_is_carried_over(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(*PEOPLE)
    world.cycle()
    world.land(("customer", "u", {"customer_id": "K1", "name": None, "city": "Aarhus", "_unchanged": ["name"]}))
    world.land(("customer", "u", {"customer_id": "K1", "name": None, "city": "Odense", "_unchanged": ["name"]}))
    world.cycle()
    assert world.query("SELECT customer_name, city FROM marts.dim_customer WHERE is_current") == [("Acme", "Odense")]


def test_a_failed_build_is_made_up_for(make_world: Callable[..., Any]) -> None:
    """A generation that was loaded and never published is built by the next one, with what came since."""
    from backoffice.sources import load_sources
    from backoffice.warehouse import dbt
    from backoffice.warehouse.connection import open_warehouse
    from backoffice.warehouse.load import load

    world = make_world()
    world.land(*PEOPLE, ORDER, LINE)
    world.cycle()
    world.land(("sales_order_line", "u", LINE[2] | {"net_amount": 44}))
    with open_warehouse(world.settings) as connection:
        sources = load_sources(world.settings.sources_dir)
        load(connection, world.store, sources, fingerprint=dbt.fingerprint(world.settings), holder="killed")
    world.land(("customer", "u", {"customer_id": "K1", "region": "East"}))
    world.cycle()
    assert world.query("SELECT net_amount FROM marts.fct_sales_order_lines") == [(44,)]
    assert world.query("SELECT count(*) FROM marts.dim_customer") == [(2,)]


def _random_batch(world: Any, rng: random.Random) -> list[tuple[str, str, dict[str, Any]]]:
    changes: list[tuple[str, str, dict[str, Any]]] = []
    for _ in range(rng.randint(1, 8)):
        key = rng.randint(1, 4)
        kind = rng.choice(["customer", "product", "employee", "employment", "order", "line", "line", "delete"])
        if kind in ("customer", "product", "employee"):
            tracked = {"customer": "region", "product": "category", "employee": "status"}[kind]
            value = rng.choice(["active", "on_leave"]) if kind == "employee" else rng.choice("NSEW")
            changes.append((kind, "u", {f"{kind}_id": f"{kind[0].upper()}{key}", tracked: value}))
        elif kind == "employment":
            starts = f"202{rng.randint(4, 6)}-0{rng.randint(1, 9)}-01"
            person = f"E{rng.randint(1, 4)}"
            values = {"employment_id": f"J{key}", "employee_id": person, "effective_from": starts}
            changes.append((kind, "u", values | {"fte_pct": rng.choice([50, 100])}))
        elif kind == "order":
            received = world.now - timedelta(days=rng.randint(0, 90))
            values = {"order_id": f"O{rng.randint(1, 9)}", "customer_id": f"C{key}", "salesperson_id": f"E{key}"}
            status = rng.choice(["received", "shipped", "cancelled"])
            changes.append(("sales_order", "u", values | {"received_at": received, "status": status}))
        elif kind == "line":
            values = {"order_line_id": f"L{rng.randint(1, 20)}", "order_id": f"O{rng.randint(1, 9)}"}
            amount = {"product_id": f"P{key}", "net_amount": rng.randint(1, 999)}
            changes.append(("sales_order_line", "u", values | amount))
        else:
            table, column, name = rng.choice(
                [
                    ("sales_order_line", "order_line_id", "L"),
                    ("sales_order", "order_id", "O"),
                    ("customer", "customer_id", "C"),
                ]
            )
            changes.append((table, "d", {column: f"{name}{rng.randint(1, 9)}"}))
    return changes


@pytest.mark.slow  # a longer one of its kind, through whole cycles, is in tests/ops
@pytest.mark.parametrize("seed", [1, 2])
def test_incremental_equals_full(make_world: Callable[..., Any], seed: int) -> None:
    """Many small cycles, some never published, end with the same rows as one full build over the same landing."""
    rng = random.Random(seed)
    world = make_world("steps")
    world.land(
        ("department", "c", {"department_id": "D1"}), *(("employee", "c", {"employee_id": f"E{n}"}) for n in (1, 2))
    )
    for _ in range(8):
        for _ in range(rng.randint(1, 2)):
            world.land(*_random_batch(world, rng))
        world.cycle(published=rng.random() < 0.7)
    whole = make_world("whole")
    whole.store = world.store
    whole.cycle()
    steps, full = table_hashes(world), table_hashes(whole)
    for model in HASHED:
        assert steps[model] == full[model], model
    assert steps["fct_sales_order_lines"], "the random world has no lines: the comparison would be empty"
    waiting = "SELECT entity, key, batch_id, row_no, waits_for FROM meta.waiting ORDER BY ALL"
    assert world.query(waiting) == whole.query(waiting)


def test_a_line_that_moves_leaves_the_order_it_was_in(make_world: Callable[..., Any]) -> None:
    world = make_world()
    other = ("sales_order", "c", {"order_id": "O2", "customer_id": "K1"})
    world.land(*PEOPLE, ORDER, other, LINE)
    world.cycle()
    world.land(("sales_order_line", "u", LINE[2] | {"order_id": "O2"}))
    world.cycle()
    assert world.query("SELECT order_line_id, order_id FROM marts.fct_sales_order_lines") == [("L1", "O2")]
    world.land(("sales_order_line", "u", LINE[2]), ("sales_order", "d", {"order_id": "O1"}))
    world.cycle()
    assert world.query("SELECT count(*) FROM marts.fct_sales_order_lines") == [(0,)]
    assert world.query("SELECT count(*) FROM marts.mart_sales_by_month_customer_employee") == [(0,)]


def test_a_line_that_moves_twice_before_it_is_published_leaves_both_orders(make_world: Callable[..., Any]) -> None:
    """The order it passed through was only seen by a build that readers never saw."""
    world = make_world()
    others = [("sales_order", "c", {"order_id": order, "customer_id": "K1"}) for order in ("O2", "O3")]
    stays = ("sales_order_line", "c", LINE[2] | {"order_line_id": "L2"})
    world.land(*PEOPLE, ORDER, *others, LINE, stays)
    world.cycle()
    for order in ("O2", "O3"):
        world.land(("sales_order_line", "u", LINE[2] | {"order_id": order}))
        world.cycle(published=order == "O3")
    rows = world.query("SELECT order_line_id, order_id FROM marts.fct_sales_order_lines ORDER BY ALL")
    assert rows == [("L1", "O3"), ("L2", "O1")]


def test_an_assignment_that_moves_changes_both_people_and_their_orders(make_world: Callable[..., Any]) -> None:
    """A version of the salesperson that an assignment splits, or no longer splits, is another version to the order."""
    world = make_world()
    world.land(*PEOPLE, ("employee", "c", {"employee_id": "E2"}), ORDER, LINE)
    world.cycle()
    in_force = """SELECT e.valid_from, e.department_id FROM marts.fct_sales_order_lines AS f
        JOIN marts.dim_employee AS e USING (employee_key)"""
    before = world.query(in_force)
    world.land(("employment", "u", {"employment_id": "J1", "employee_id": "E2"}))
    world.cycle()
    after = world.query(in_force)
    assert before[0][1] == "D1" and after[0][1] is None and after[0][0] < before[0][0]
    people = "SELECT employee_id, department_id FROM marts.dim_employee WHERE is_current ORDER BY ALL"
    assert world.query(people) == [("E1", None), ("E2", "D1")]
