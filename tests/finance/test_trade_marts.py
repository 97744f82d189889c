"""Receivables and payables of a few documents, through the real pipeline, to rows worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.finance import trade
from tests.finance import world as books
from tests.warehouse.world import World

JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
END = {JAN: date(2026, 1, 31), FEB: date(2026, 2, 28), MAR: date(2026, 3, 31), APR: date(2026, 4, 15)}


@pytest.fixture(scope="module")
def traded(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = books.copy_of(framed, tmp_path_factory.mktemp("traded") / "home")
    world.land(*trade.receivables(), *trade.payables())
    world.cycle()
    return world


def rows(world: World, sql: str) -> list[tuple[Any, ...]]:
    """Rows, decimals as numbers without needless zeros."""
    return [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in world.query(sql)]


def test_nothing_breaks(traded: World) -> None:
    assert traded.query("SELECT check_name FROM meta.audit_result WHERE NOT passed") == []
    assert traded.query("SELECT entity, waits_for FROM meta.waiting") == []


AGED = """SELECT as_of_date, {party}, item_type, coalesce(invoice_id, payment_id), days_past_due, bucket, currency_code,
    open_amount, open_amount_base FROM marts.{mart}
    WHERE as_of_date IN ('2026-01-31', '2026-02-28', '2026-03-31', '2026-04-15') ORDER BY 1, 2, 4"""


def test_receivables_by_age_on_any_day(traded: World) -> None:
    assert rows(traded, AGED.format(mart="mart_ar_aging", party="customer_id")) == [
        # 100 less 60 paid; S4 is due since the 15th
        (END[JAN], "C1", "invoice", "S1", -9, "current", "DKK", 40, 40),
        (END[JAN], "C2", "invoice", "S4", 16, "1-30", "DKK", 20, 20),
        # another 30 by the credit note, which is used up; 100 euros at 7.5
        (END[FEB], "C1", "invoice", "S1", 19, "1-30", "DKK", 10, 10),
        (END[FEB], "C1", "invoice", "S2", -3, "current", "EUR", 100, 750),
        (END[FEB], "C2", "invoice", "S4", 44, "31-60", "DKK", 20, 20),
        # S2 is paid; what P3 settled of S3 was taken back on that day: all its 200 are on account
        (END[MAR], "C1", "invoice", "S1", 50, "31-60", "DKK", 10, 10),
        (END[MAR], "C2", "unapplied_cash", "P3", None, "unapplied", "DKK", -200, -200),
        (END[MAR], "C2", "invoice", "S3", -4, "current", "DKK", 300, 300),
        (END[MAR], "C2", "invoice", "S4", 75, "61-90", "DKK", 20, 20),
        # S4 is written off
        (END[APR], "C1", "invoice", "S1", 65, "61-90", "DKK", 10, 10),
        (END[APR], "C2", "unapplied_cash", "P3", None, "unapplied", "DKK", -200, -200),
        (END[APR], "C2", "invoice", "S3", 11, "1-30", "DKK", 300, 300),
    ]
    before = (
        "SELECT item_type, open_amount FROM marts.mart_ar_aging WHERE customer_id = 'C2' AND as_of_date = '2026-03-30'"
    )
    assert sorted(rows(traded, before)) == [("invoice", 20), ("invoice", 250), ("unapplied_cash", -150)]


def test_payables_by_age_on_any_day(traded: World) -> None:
    assert rows(traded, AGED.format(mart="mart_ap_aging", party="vendor_id")) == [
        (END[JAN], "V1", "invoice", "B1", -24, "current", "DKK", 50, 50),
        (END[JAN], "V1", "invoice", "B2", -27, "current", "DKK", 40, 40),
        (END[FEB], "V1", "invoice", "B2", 1, "1-30", "DKK", 40, 40),
        # 980 and the discount of 20 settle B3
        (END[MAR], "V2", "invoice", "B4", -4, "current", "DKK", 500, 500),
        (END[APR], "V2", "invoice", "B4", 11, "1-30", "DKK", 500, 500),
    ]


@pytest.mark.parametrize(("mart", "control", "sign"), [("mart_ar_aging", "1100", 1), ("mart_ap_aging", "2000", -1)])
def test_the_ageing_of_every_day_is_the_control_account(traded: World, mart: str, control: str, sign: int) -> None:
    differences = f"""SELECT a.as_of_date, a.aged, g.posted
        FROM (SELECT as_of_date, sum(open_amount_base) AS aged FROM marts.{mart} GROUP BY 1) AS a,
            LATERAL (SELECT {sign} * sum(e.amount_base) AS posted FROM marts.fct_gl_entries AS e
                WHERE e.account_id = 'DK-{control}' AND e.posting_date <= a.as_of_date) AS g
        WHERE a.aged <> g.posted"""
    assert traded.query(differences) == []
    assert len(traded.query(f"SELECT DISTINCT as_of_date FROM marts.{mart}")) > 30


def test_collections_of_each_month(traded: World) -> None:
    columns = """customer_id, month_start, as_of_date, opening_amount, billed_amount, credited_amount, collected_amount,
        written_off_amount, open_amount, overdue_amount, cei_numerator, cei_denominator, settled_invoices,
        settled_late_invoices, days_late_total, days_to_pay_total"""
    assert rows(traded, f"SELECT {columns} FROM marts.mart_collections ORDER BY 1, 2") == [
        ("C1", JAN, END[JAN], 0, 100, 0, 60, 0, 40, 0, 60, 60, 0, 0, 0, 0),
        ("C1", FEB, END[FEB], 40, 750, 30, 0, 0, 760, 10, 30, 40, 0, 0, 0, 0),
        # S2 of February 1st, due March 3rd, is paid on the 20th: 17 days late, 47 after its date
        ("C1", MAR, END[MAR], 760, 0, 0, 750, 0, 10, 10, 750, 760, 1, 1, 17, 47),
        ("C1", APR, END[APR], 10, 0, 0, 0, 0, 10, 10, 0, 10, 0, 0, 0, 0),
        ("C2", JAN, END[JAN], 0, 20, 0, 0, 0, 20, 20, 0, 20, 0, 0, 0, 0),
        ("C2", FEB, END[FEB], 20, 0, 0, 0, 0, 20, 20, 0, 20, 0, 0, 0, 0),
        # 50 applied and taken back
        ("C2", MAR, END[MAR], 20, 300, 0, 0, 0, 320, 20, 0, 20, 0, 0, 0, 0),
        ("C2", APR, END[APR], 320, 0, 0, 0, 20, 300, 300, 20, 320, 0, 0, 0, 0),
    ]


def test_exposure_against_the_credit_limit(traded: World) -> None:
    columns = """customer_id, as_of_date, open_amount, overdue_amount, unapplied_amount, uninvoiced_amount,
        exposure_amount, credit_limit_amount, utilisation_pct, overdue_pct, uninvoiced_orders, orders_on_hold,
        settled_invoices, days_late_total"""
    assert rows(traded, f"SELECT {columns} FROM marts.mart_credit_exposure ORDER BY 1") == [
        ("C1", END[APR], 10, 10, 0, 500, 510, 1000, 51, 100, 1, 0, 1, 17),
        ("C2", END[APR], 300, 300, 200, 0, 300, 500, 60, 100, 0, 1, 0, 0),
    ]


def test_order_receipt_and_bill_side_by_side(traded: World) -> None:
    columns = """po_line_id, ordered_qty, received_qty, stock_qty, billed_qty, bills, order_price, highest_billed_price,
        billed_net_amount, price_variance_amount, billed_beyond_received_qty, match_status, is_matched"""
    assert rows(traded, f"SELECT {columns} FROM marts.mart_three_way_match ORDER BY 1") == [
        ("PO1-1", 10, 10, 10, 10, 1, 5, 5, 50, 0, 0, "matched", True),
        ("PO1-2", 4, 3, 3, 2, 1, 20, 20, 40, 0, -1, "partly_billed", True),
    ]


def test_how_vendors_are_paid_and_deliver(traded: World) -> None:
    columns = """vendor_id, month_start, bills_due, bills_on_time, due_amount, on_time_amount, bills, billed_amount,
        disputed_bills, lines_expected, lines_on_time, price_variance_amount, discount_offered_amount,
        discount_captured_amount, discount_lost_amount"""
    assert rows(traded, f"SELECT {columns} FROM marts.mart_vendor_performance ORDER BY 1, 2") == [
        ("V1", JAN, 0, 0, 0, 0, 2, 90, 0, 2, 1, 0, 0, 0, 0),
        ("V1", FEB, 2, 1, 90, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        # 2 % of 1,000 are taken; of 500 they are lost since March 15th
        ("V2", MAR, 1, 1, 1000, 1000, 2, 1500, 1, 0, 0, 0, 30, 20, 10),
        ("V2", APR, 1, 0, 500, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    ]


def test_a_late_payment_changes_its_own_days_only(traded: World, tmp_path: Path) -> None:
    """A payment of March that is entered in April: before it nothing changes, and the books tie on every day."""
    world = books.copy_of(traded, tmp_path / "late")
    at_end = "SELECT sum(open_amount_base) FROM marts.mart_ar_aging WHERE as_of_date = '{}'"
    before = [world.query(at_end.format(END[month]))[0][0] for month in (JAN, FEB, MAR, APR)]
    world.land(
        *books.paid("P9", "2026-03-25", 10, [("S1", 10)]), ("invoice", "u", {**_invoice(world, "S1"), "status": "paid"})
    )
    world.cycle()
    after = [world.query(at_end.format(END[month]))[0][0] for month in (JAN, FEB, MAR, APR)]
    assert [b - a for a, b in zip(after, before, strict=True)] == [0, 0, 10, 10]
    assert world.query("SELECT check_name FROM meta.audit_result WHERE NOT passed") == []


def _invoice(world: World, number: str) -> dict[str, Any]:
    columns = [column.name for column in world.contracts.named("invoice").columns]  # type: ignore[union-attr]
    (row,) = world.query(f"SELECT {', '.join(columns)} FROM base.base_invoice WHERE invoice_id = '{number}'")
    return dict(zip(columns, row, strict=True))


METRICS: dict[str, list[tuple[Any, ...]]] = {
    "m03_ar_open": [(END[JAN], 60), (END[FEB], 780), (END[MAR], 330), (END[APR], 310)],
    # 310 open, of 750 - 30 + 300 in the last 90 days
    "m05_dso": [(END[JAN], 45), (END[FEB], 83.5714), (END[MAR], 26.0526), (END[APR], 27.3529)],
    "m06_invoice_timeliness_pct": [],
    "m07_unapplied_cash": [(END[JAN], 0), (END[FEB], 0), (END[MAR], 200), (END[APR], 200)],
    "m08_misapplied_cash": [(date(2026, 1, 20), 0), (date(2026, 2, 20), 0), (date(2026, 3, 20), 0)],
    # of both customers together: 60 of 80, 30 of 60, 750 of 780, 20 of 330
    "m09_collection_effectiveness": [(END[JAN], 75), (END[FEB], 50), (END[MAR], 96.1538), (END[APR], 6.0606)],
    "m11_ap_open": [(END[JAN], 90), (END[FEB], 40), (END[MAR], 500), (END[APR], 500)],
    "m12_dpo": [(END[JAN], 90), (END[FEB], 40), (END[MAR], 28.3019), (END[APR], 28.3019)],
    "m14_discount_capture_pct": [(END[MAR], 66.6667)],
    "m16_three_way_match_rate": [(date(2026, 1, 28), 100)],
    "m29_fx_gain_loss": [(date(2026, 1, 20), 0), (date(2026, 2, 20), 0), (date(2026, 3, 20), -10)],
}


@pytest.mark.parametrize("metric", METRICS)
def test_metrics(traded: World, metric: str) -> None:
    months = rows(traded, f"SELECT period_end, value FROM marts.{metric} ORDER BY 1")
    if metric in ("m08_misapplied_cash", "m29_fx_gain_loss"):
        months = [row for row in months if row[0] < APR]  # in April only the write-off
    assert months == METRICS[metric]


def test_metrics_by_what_they_tell_apart(traded: World) -> None:
    told = "SELECT {}, value FROM marts.{} WHERE period_end = '2026-04-15' ORDER BY 1"
    buckets = [("1-30", 300), ("61-90", 10), ("unapplied", -200)]
    assert rows(traded, told.format("bucket", "m04_ar_aging")) == buckets
    assert rows(traded, told.format("customer_id", "m10_credit_utilisation")) == [("C1", 51), ("C2", 60)]
    assert rows(traded, told.format("measure", "m13_on_time_payment_pct")) == [("amount", 0), ("count", 0)]
    assert traded.query("SELECT DISTINCT value FROM marts.m15_duplicate_exposure") == [(0,)]
    earlier = "SELECT measure, value FROM marts.m13_on_time_payment_pct WHERE period_end = '2026-02-28' ORDER BY 1"
    assert rows(traded, earlier) == [("amount", 55.5556), ("count", 50)]
