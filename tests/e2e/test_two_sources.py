"""The main job on real data: two sources in the same marts, equal to their own SQL, and changes that arrive."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from backoffice.landing import LocalBatchStore
from backoffice.validate.quarantine import list_quarantined

NET = "round(d.unit_price::numeric * d.quantity * (1 - d.discount::numeric), 2)"
FROM_SOURCE = "FROM order_details d JOIN orders o USING (order_id)"
ORDER = "INSERT INTO orders (order_id, customer_id, employee_id, order_date, freight)"
ADVENTUREWORKS = {
    "customer": 19_820,
    "department": 16,
    "department_history": 296,
    "employee": 290,
    "pay_history": 316,
    "product": 504,
    "product_subcategory": 37,
    "purchase_order_detail": 8_845,
    "purchase_order_header": 4_012,
    "sales_territory": 10,
    "store": 701,
    "vendor": 104,
}
"""Rows of each file."""
FACT = "FROM marts.fct_sales_order_lines AS f WHERE f.source_relation = 'northwind'"


@pytest.fixture(autouse=True)
def _published(platform: Any) -> None:
    platform.refresh()


def test_northwind_counts(platform: Any) -> None:
    current = "SELECT count(*) FROM marts.dim_{0} WHERE source_relation = 'northwind' AND is_current AND NOT is_deleted"
    counts = [platform.marts(current.format(name))[0][0] for name in ("customer", "employee", "product")]
    counts += platform.marts(f"SELECT count(DISTINCT f.order_id), count(*) {FACT}")[0]
    assert counts == [91, 9, 77, 830, 2155]


@pytest.mark.parametrize(
    ("source_key", "mart_key"),
    [
        ("extract(year from o.order_date)::int", "extract(year from f.order_date)::int"),
        ("o.employee_id::text", "f.employee_id"),
        ("o.customer_id", "f.customer_id"),
    ],
    ids=["year", "employee", "customer"],
)
def test_northwind_revenue_equals_the_source(platform: Any, source_key: str, mart_key: str) -> None:
    ours = platform.marts(f"SELECT {mart_key}, sum(f.net_amount) {FACT} GROUP BY 1 ORDER BY 1")
    theirs = platform.source(f"SELECT {source_key}, sum({NET}) {FROM_SOURCE} GROUP BY 1 ORDER BY 1")
    assert len(theirs) in (3, 9, 89)
    assert sorted(map(str, (tuple(map(_plain, row)) for row in ours))) == sorted(
        map(str, (tuple(map(_plain, row)) for row in theirs))
    )


def test_the_monthly_mart_equals_the_source(platform: Any) -> None:
    ours = platform.marts(
        """SELECT sales_month::text, customer_id, employee_id, order_count, net_amount
        FROM marts.mart_sales_by_month_customer_employee WHERE source_relation = 'northwind' ORDER BY 1, 2, 3"""
    )
    theirs = platform.source(
        f"""SELECT date_trunc('month', o.order_date)::date::text, o.customer_id, o.employee_id::text,
        count(DISTINCT o.order_id), sum({NET}) {FROM_SOURCE} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    )
    assert len(theirs) > 700
    assert [tuple(map(_plain, row)) for row in ours] == [tuple(map(_plain, row)) for row in theirs]


def test_adventureworks_rows_from_files(platform: Any) -> None:
    books = platform.marts(
        """SELECT table_name, landed_rows, accepted_rows, quarantined_rows, waiting_rows
        FROM marts.mart_data_freshness WHERE source = 'adventureworks' AND landed_rows > 0 ORDER BY 1"""
    )
    assert {row[0]: row[1] for row in books} == ADVENTUREWORKS
    assert [row for row in books if row[1:] != (row[1], row[1], 0, 0)] == []
    heads = platform.marts(
        """SELECT source_relation, sum(headcount) FROM marts.fct_headcount_daily
        WHERE work_date = (SELECT max(work_date) FROM marts.fct_headcount_daily) GROUP BY 1 ORDER BY 1"""
    )
    assert heads == [("adventureworks", 290), ("northwind", 9)]


def test_totals_of_both_sources_tie(platform: Any) -> None:
    found = platform.marts(
        "SELECT source, count(DISTINCT total), bool_and(ties), sum(abs(difference)) FROM marts.audit_source_totals "
        "GROUP BY source ORDER BY source"
    )
    assert found == [("adventureworks", 8, True, 0), ("northwind", 4, True, 0)]


def test_changes_arrive_and_history_stays(platform: Any) -> None:
    past = """SELECT f.order_date, c.region, sum(f.net_amount)
        FROM marts.fct_sales_order_lines AS f JOIN marts.dim_customer AS c USING (customer_key)
        WHERE f.customer_id = 'ALFKI' AND f.order_date < '1998-01-01' GROUP BY 1, 2 ORDER BY 1"""
    before = platform.marts(past)
    total = platform.marts(f"SELECT sum(f.net_amount) {FACT}")[0][0]
    platform.source("UPDATE customers SET region = 'Brandenburg', city = 'Potsdam' WHERE customer_id = 'ALFKI'")
    platform.source(  # one transaction over three tables
        "INSERT INTO customers (customer_id, company_name, country) VALUES ('NEWCO', 'New Company', 'Denmark')",
        f"{ORDER} VALUES (20001, 'NEWCO', 1, '2026-11-01', 5)",
        "INSERT INTO order_details VALUES (20001, 11, 10, 3, 0.1), (20001, 42, 9.8, 10, 0)",
    )
    platform.until(f"SELECT sum(f.net_amount) {FACT}", [(total + Decimal("27.0000") + Decimal("98.0000"),)])
    versions = (
        """SELECT region, city, is_current FROM marts.dim_customer WHERE customer_id = 'ALFKI' ORDER BY valid_from"""
    )
    assert platform.marts(versions) == [(None, "Potsdam", False), ("Brandenburg", "Potsdam", True)]
    assert platform.marts(past) == before and len(before) > 0

    platform.source("DELETE FROM order_details WHERE order_id = 20001 AND product_id = 42")
    platform.until(f"SELECT sum(f.net_amount) {FACT}", [(total + Decimal("27.0000"),)])
    platform.source("UPDATE order_details SET product_id = 43 WHERE order_id = 20001 AND product_id = 11")  # key change
    lines = "SELECT order_line_id FROM marts.fct_sales_order_lines WHERE order_id = '20001' ORDER BY 1"
    platform.until(lines, [("20001-43",)])
    assert platform.marts(f"SELECT sum(f.net_amount) {FACT}") == [(total + Decimal("27.0000"),)]
    platform.source("DELETE FROM order_details WHERE order_id = 20001", "DELETE FROM orders WHERE order_id = 20001")
    platform.until(f"SELECT sum(f.net_amount) {FACT}", [(total,)])


def test_bad_rows_are_diverted_and_the_rest_is_published(platform: Any) -> None:
    lines = platform.marts(f"SELECT count(*) {FACT}")[0][0]
    platform.source(
        f"{ORDER} VALUES (20002, 'ALFKI', 1, '2026-11-02', 5)",
        "INSERT INTO order_details VALUES (20002, 11, 10, -3, 0), (20002, 42, 9.8, 1, 0)",  # negative quantity
        f"{ORDER} VALUES (20003, NULL, 1, '2026-11-02', 5)",
        "INSERT INTO order_details VALUES (20003, 11, 10, 1, 0)",  # its order has no customer
        f"{ORDER} VALUES (20004, 'ALFKI', 1, '2026-11-02', 5)",
        "INSERT INTO order_details VALUES (20004, 11, 10, 1, 0)",
        "INSERT INTO customers (customer_id, company_name, country) VALUES ('BADCO', 'Bad Country', 'Atlantis')",
    )
    platform.until(f"SELECT count(*) {FACT}", [(lines + 1,)])
    found = list_quarantined(LocalBatchStore(platform.settings.landing_dir))
    assert sorted((v.rule, v.table, v.value) for v in found) == [
        ("customer.country_code.pattern", "customers", "UNMAPPED:Atlantis"),
        ("sales_order.customer_id.required", "orders", None),
        ("sales_order_line.ordered_qty.minimum", "order_details", "-3.0000"),
    ]
    assert {v.row["order_id"] for v in found if v.table == "orders"} == {20003}
    # an order is out as a whole: both lines of the one, the line of the other
    books = platform.marts(
        """SELECT table_name, quarantined_rows, waiting_rows FROM marts.mart_data_freshness
        WHERE source = 'northwind' AND (quarantined_rows > 0 OR waiting_rows > 0) ORDER BY 1"""
    )
    assert books == [("customers", 1, 0), ("order_details", 3, 0), ("orders", 2, 0)]
    balance = (
        "SELECT bool_and(landed_rows = accepted_rows + quarantined_rows + waiting_rows) FROM marts.mart_data_freshness"
    )
    assert platform.marts(balance) == [(True,)]
    assert platform.marts("SELECT count(*) FROM marts.dim_customer WHERE customer_id = 'BADCO'") == [(0,)]
    platform.source("DELETE FROM order_details WHERE order_id IN (20002, 20003, 20004)")
    platform.source(
        "DELETE FROM orders WHERE order_id IN (20002, 20003, 20004)",
        "DELETE FROM customers WHERE customer_id = 'BADCO'",
    )
    platform.until(f"SELECT count(*) {FACT}", [(lines,)])


def test_every_channel_shows_the_version(platform: Any) -> None:
    result = platform.refresh()
    ((version,),) = platform.marts("SELECT version FROM marts.publication WHERE is_current")
    status = json.loads((platform.settings.status_dir / "status.json").read_text())
    assert (status["state"], status["version"]) == ("published", version), result
    with duckdb.connect(str(platform.settings.marts_dir / "marts.duckdb"), read_only=True) as file:
        assert file.execute("SELECT count(*) FROM marts.dim_date").fetchone() == (21915,)
        assert file.execute("SELECT count(*) FROM marts.publication").fetchone() == (1,)


def _plain(value: Any) -> Any:
    return value.quantize(Decimal("0.01")) if isinstance(value, Decimal) else value
