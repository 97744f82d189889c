"""What is sold, bought, owed and paid in the small world; the marts of it are worked out by hand."""

from __future__ import annotations

from typing import Any

from tests.finance.world import AP, AR, BANK, COSTS, GRNI, LOSSES, STOCK, Change, invoice, journal, paid


def applied(number: str, document: str, day: str, amount: Any, **values: Any) -> Change:
    """An application without a payment of its own row: of a credit note, of cash on account, or what is written off."""
    row = {"allocation_id": number, "invoice_id": document, "applied_date": day, "amount_applied": amount}
    return ("payment_allocation", "c", row | {"amount_applied_base": amount} | values)


def ordered(number: str, *lines: dict[str, Any], **values: Any) -> list[Change]:
    """A purchase order, its lines by number: ordered_qty, unit_price, received_qty."""
    changes: list[Change] = [("purchase_order", "c", {"purchase_order_id": number} | values)]
    for position, line in enumerate(lines, 1):
        row = {"po_line_id": f"{number}-{position}", "purchase_order_id": number, "line_number": position}
        row |= {"net_amount": line["ordered_qty"] * line["unit_price"], "expected_date": "2026-01-20"}
        changes.append(("purchase_order_line", "c", row | line))
    return changes


def received(line: str, day: str, quantity: int, price: int) -> list[Change]:
    """Goods of an order line come into stock, and are owed."""
    row = {"movement_id": f"M{line}", "posting_at": f"{day} 10:00:00+00", "entered_at": f"{day} 10:00:00+00"}
    row |= {"quantity": quantity, "unit_cost": price, "value_base": quantity * price}
    row |= {"source_document_type": "purchase_order_line", "source_document_id": line}
    worth = quantity * price
    posted = journal(f"R{line}", day, [(STOCK, worth), (GRNI, -worth)], ("stock_movement", f"M{line}"))
    return [("stock_movement", "c", row), *posted]


def billed(number: str, day: str, due: str, line: str, quantity: int, price: int, **values: Any) -> list[Change]:
    """A vendor bills goods of an order line."""
    net = quantity * price
    own = {"quantity": quantity, "unit_price": price, "net_amount": net, "order_line_id": line, "product_id": "P1"}
    values = {"direction": "payable", "party_id": "V1"} | values
    document = invoice(number, day, due, net, [own], post=False, order_id=line.rpartition("-")[0], **values)
    return [*document, *journal(f"J{number}", day, [(GRNI, net), (AP, -net)], ("invoice", number))]


def sold(
    number: str, ordered_qty: int, status: str, shipped: dict[str, tuple[str, int]], **values: Any
) -> list[Change]:
    """A sales order of one line at 10 kroner, and its deliveries: (day, quantity) by number."""
    net = ordered_qty * 10
    order = {"order_id": number, "status": status, "net_amount": net, "gross_amount": net} | values
    line = {"order_line_id": f"{number}-1", "order_id": number, "product_id": "P1", "ordered_qty": ordered_qty}
    changes: list[Change] = [
        ("sales_order", "c", order),
        ("sales_order_line", "c", line | {"unit_price": 10, "net_amount": net}),
    ]
    for delivery, (day, quantity) in shipped.items():
        changes.append(
            ("shipment", "c", {"shipment_id": delivery, "order_id": number, "shipped_at": f"{day} 12:00:00+00"})
        )
        own = {"shipment_line_id": f"{delivery}-1", "shipment_id": delivery, "order_line_id": f"{number}-1"}
        changes.append(("shipment_line", "c", own | {"quantity": quantity}))
    return changes


def receivables() -> list[Change]:
    """C1 pays S1 in part, gets credit for some of it, and pays S2 late and in euros at another rate. C2 pays 200 on
    account; 50 of them are used for S3 and taken back; S4 is written off. C1 has 500 on order, C2 an order on hold.
    """
    euros = {"currency_code": "EUR", "fx_rate": "7.5"}
    return [
        *invoice("S1", "2026-01-10", "2026-02-09", 100),
        *paid("P1", "2026-01-20", 60, [("S1", 60)]),
        *invoice("N1", "2026-02-10", "2026-02-10", -30, document_type="credit_note", status="paid"),
        applied("A1", "S1", "2026-02-15", 30, credit_note_id="N1"),
        *invoice("S2", "2026-02-01", "2026-03-03", 100, status="paid", **euros),
        *paid("P2", "2026-03-20", 100, [("S2", 100, 750, -10)], currency_code="EUR", fx_rate="7.4"),
        *paid("P3", "2026-03-01", 200, party_id="C2"),
        *invoice("S3", "2026-03-05", "2026-04-04", 300, party_id="C2"),
        applied("A3", "S3", "2026-03-10", 50, payment_id="P3", unapplied_date="2026-03-31"),
        *invoice("S4", "2026-01-05", "2026-01-15", 20, party_id="C2", status="written_off"),
        applied("A4", "S4", "2026-04-10", 20, writeoff_amount=20),
        *journal("W4", "2026-04-10", [(LOSSES, 20), (AR, -20)], ("allocation", "A4")),
        *sold("O1", 50, "confirmed", {}, confirmed_at="2026-04-14 09:00:00+00"),
        *sold("O2", 7, "on_hold", {}, customer_id="C2"),
    ]


def payables() -> list[Change]:
    """Of an order of two lines all of the first came in time and is billed and paid in time; of the second 3 of 4 came
    late, 2 are billed and paid late. V2 gives 2 % within 10 days: taken on B3, not on B4, which is disputed.
    """
    lines = (
        {"ordered_qty": 10, "unit_price": 5, "received_qty": 10},
        {"ordered_qty": 4, "unit_price": 20, "received_qty": 3},
    )
    out, v2 = {"direction": "outbound"}, {"direction": "payable", "party_id": "V2"}
    return [
        *ordered("PO1", *lines, status="partially_received"),
        *received("PO1-1", "2026-01-19", 10, 5),
        *received("PO1-2", "2026-01-22", 3, 20),
        *billed("B1", "2026-01-25", "2026-02-24", "PO1-1", 10, 5, status="paid"),
        *billed("B2", "2026-01-28", "2026-02-27", "PO1-2", 2, 20, status="paid"),
        *paid("Q1", "2026-02-20", 50, [("B1", 50)], reference="B1", **out),
        *paid("Q2", "2026-03-10", 40, [("B2", 40)], reference="B2", **out),
        *invoice("B3", "2026-03-01", "2026-03-31", 1000, status="paid", **v2),
        *paid("Q3", "2026-03-08", 980, post=False, party_id="V2", reference="B3", **out),
        applied("A5", "B3", "2026-03-08", 1000, payment_id="Q3", discount_taken=20),
        *journal("JQ3", "2026-03-08", [(AP, 1000), (BANK, -980), (COSTS, -20)], ("payment", "Q3")),
        *invoice("B4", "2026-03-05", "2026-04-04", 500, status="disputed", dispute_reason="not ordered", **v2),
    ]
