"""Breaks planted among sound receivables and payables: each is found by its rule and named, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.finance import trade
from tests.finance import world as books
from tests.finance.world import AP, AR, BANK, COSTS, FX, SALES, Change, invoice, journal, paid
from tests.warehouse.world import World

NAMES = {
    "receivables_tie_to_their_control_account": "movement_date",
    "payables_tie_to_their_control_account": "movement_date",
    "control_account_fits_its_document": "journal_id",
    "document_is_posted_once": "invoice_id",
    "payment_is_posted_as_it_settles": "payment_id",
    "document_is_not_overapplied": "invoice_id",
    "document_status_says_what_is_open": "invoice_id",
    "payment_is_not_applied_beyond_its_amount": "payment_id",
    "credit_note_covers_its_applications": "invoice_id",
    "document_is_the_sum_of_its_lines": "invoice_id",
    "line_net_is_quantity_times_price": "invoice_id",
    "no_more_is_shipped_than_ordered": "order_id",
    "what_is_shipped_is_billed": "order_id",
    "what_is_shipped_is_billed_in_time": "shipment_id",
    "goods_receipts_tie_to_their_account": "company_id",
    "bill_matches_order_and_receipt": "invoice_id",
    "no_more_is_received_than_ordered": "purchase_order_id",
    "exchange_differences_tie_to_the_ledger": "payment_id",
    "payment_settles_documents_of_its_own_party": "allocation_id",
    "bill_comes_once": "invoice_id",
    "vendor_is_paid_once": "payment_id",
    "bank_details_changed_before_a_payment": "payment_id",
    "document_rate_is_of_its_day": "invoice_id",
    "carrier_tells_local_time": "event_id",
}
"""The rules, and which of a broken row's columns says what is broken."""

RECEIVABLES, PAYABLES = "receivables_tie_to_their_control_account", "payables_tie_to_their_control_account"
BILL = {"direction": "payable", "party_id": "V1"}
OUT = {"direction": "outbound"}


@dataclass(frozen=True)
class Break:
    """What is done to the books, and the (rule, what it names) pairs that follow."""

    changes: list[Change]
    named: dict[str, str] = field(default_factory=dict)


def lines(*amounts: int) -> list[dict[str, Any]]:
    return [{"unit_price": amount, "net_amount": amount} for amount in amounts]


def posted(number: str, day: str, amount: int, source: tuple[str, str]) -> list[Change]:
    return journal(number, day, [(AR, amount), (SALES, -amount)], source)


def settled_abroad() -> list[Change]:
    """100 euros at 7.5 are paid at 7.4; the ledger says that 8 were lost, the application 10."""
    euros = {"currency_code": "EUR"}
    both = [(BANK, 100, 742), (FX, 0, 8), (AR, -100, -750)]
    return [
        *invoice("S22", "2026-03-22", "2026-04-22", 100, status="paid", fx_rate="7.5", **euros),
        *paid("P22", "2026-03-22", 100, [("S22", 100, 750, -10)], post=False, fx_rate="7.42", **euros),
        *journal("JP22", "2026-03-22", both, ("payment", "P22"), **euros),
    ]


def scanned(event: str, shipment: str, clock: str, **values: Any) -> Change:
    """An event of the carrier's, on the 10th of April by UTC."""
    row = {"event_id": event, "shipment_id": shipment, "event_at": f"2026-04-10 {clock}+00"}
    return ("shipment_event", "c", row | values)


def goods(number: str, bought: int, came: int, billed: tuple[str, int, int] | None = None) -> list[Change]:
    """An order at 5 kroner; billed is (bill, quantity, price)."""
    line = {"ordered_qty": bought, "unit_price": 5, "received_qty": came}
    changes = [*trade.ordered(number, line), *trade.received(f"{number}-1", "2026-03-02", came, 5)]
    if billed:
        bill, quantity, price = billed
        changes += trade.billed(bill, "2026-03-03", "2026-04-03", f"{number}-1", quantity, price)
    return changes


BREAKS: dict[str, Break] = {
    "a header of 100 over a line of 90": Break(
        invoice("S10", "2026-03-10", "2026-04-10", 100, lines(90)), {"document_is_the_sum_of_its_lines": "S10"}
    ),
    "three at 10 are 31": Break(
        invoice("S11", "2026-03-11", "2026-04-11", 31, [{"quantity": 3, "unit_price": 10, "net_amount": 31}]),
        {"line_net_is_quantity_times_price": "S11"},
    ),
    "150 applied to 100": Break(
        [*invoice("S12", "2026-03-12", "2026-04-12", 100), *paid("P12", "2026-03-12", 150, [("S12", 150)])],
        {"document_is_not_overapplied": "S12"},
    ),
    "paid, says its status, and nothing was": Break(
        invoice("S13", "2026-03-13", "2026-04-13", 100, status="paid"), {"document_status_says_what_is_open": "S13"}
    ),
    "a payment of 100 settles twice 60": Break(
        [
            *invoice("S14", "2026-03-14", "2026-04-14", 60, status="paid"),
            *invoice("S15", "2026-03-14", "2026-04-14", 60, status="paid"),
            *paid("P14", "2026-03-14", 100, [("S14", 60), ("S15", 60)]),
        ],
        {"payment_is_not_applied_beyond_its_amount": "P14"},
    ),
    "80 of a credit note of 50 are used": Break(
        [
            *invoice("N16", "2026-03-15", "2026-03-15", -50, document_type="credit_note"),
            *invoice("S16", "2026-03-15", "2026-04-15", 80, status="paid"),
            trade.applied("A16", "S16", "2026-03-15", 80, credit_note_id="N16"),
        ],
        {"credit_note_covers_its_applications": "N16"},
    ),
    "a credit note that is positive": Break(
        invoice("N17", "2026-03-16", "2026-03-16", 20, document_type="credit_note"),
        {"credit_note_covers_its_applications": "N17"},
    ),
    "never posted": Break(
        invoice("S17", "2026-03-17", "2026-04-17", 100, post=False),
        {"document_is_posted_once": "S17", RECEIVABLES: "2026-03-17"},
    ),
    "posted twice": Break(
        [
            *invoice("S18", "2026-03-18", "2026-04-18", 100),
            *posted("JS18-2", "2026-03-18", 100, ("invoice", "S18")),
        ],
        {"document_is_posted_once": "S18", RECEIVABLES: "2026-03-18"},
    ),
    "posted with another amount": Break(
        [
            *invoice("B19", "2026-03-19", "2026-04-19", 100, post=False, **BILL),
            *journal("JB19", "2026-03-19", [(AP, -90), (COSTS, 90)], ("invoice", "B19")),
        ],
        {"document_is_posted_once": "B19", PAYABLES: "2026-03-19"},
    ),
    "a bill on the receivables": Break(
        [
            *invoice("B20", "2026-03-20", "2026-04-20", 70, post=False, **BILL),
            *journal("JB20", "2026-03-20", [(AR, -70), (COSTS, 70)], ("invoice", "B20")),
        ],
        {"control_account_fits_its_document": "JB20", RECEIVABLES: "2026-03-20", PAYABLES: "2026-03-20"},
    ),
    "a payment posted with another amount": Break(
        [
            *invoice("S21", "2026-03-01", "2026-04-01", 100, status="paid"),
            *paid("P21", "2026-03-21", 100, [("S21", 100)], post=False),
            *journal("JP21", "2026-03-21", [(BANK, 90), (AR, -90)], ("payment", "P21")),
        ],
        {"payment_is_posted_as_it_settles": "P21", RECEIVABLES: "2026-03-21"},
    ),
    "another exchange difference": Break(settled_abroad(), {"exchange_differences_tie_to_the_ledger": "P22"}),
    "cash of C2 on an invoice of C1": Break(
        [
            *invoice("S23", "2026-03-23", "2026-04-23", 100, status="paid"),
            *paid("P23", "2026-03-23", 100, [("S23", 100)], party_id="C2"),
        ],
        {"payment_settles_documents_of_its_own_party": "P23-1"},
    ),
    "billed above the price of the order": Break(
        goods("PO2", 10, 10, ("B24", 10, 6)),
        {"bill_matches_order_and_receipt": "B24", "goods_receipts_tie_to_their_account": "DK"},
    ),
    "billed beyond what came": Break(
        goods("PO3", 10, 5, ("B25", 6, 5)),
        {"bill_matches_order_and_receipt": "B25", "goods_receipts_tie_to_their_account": "DK"},
    ),
    "received beyond the order": Break(goods("PO4", 5, 6), {"no_more_is_received_than_ordered": "PO4"}),
    "receipts that the ledger does not know": Break(
        [change for change in goods("PO5", 5, 5) if change[0] != "gl_entry"],
        {"goods_receipts_tie_to_their_account": "DK"},
    ),
    "a bill twice, its number written otherwise": Break(
        [
            *invoice("B26", "2026-03-26", "2026-04-26", 70, invoice_number="V1-0026", **BILL),
            *invoice("B27", "2026-03-27", "2026-04-27", 70, invoice_number="v1 0026", **BILL),
            *invoice("B29", "2026-03-27", "2026-04-27", 71, invoice_number="V1 0026.", **BILL),
        ],
        {"bill_comes_once": "B27"},
    ),
    "a vendor paid twice, not in instalments": Break(
        [
            *invoice("B28", "2026-03-05", "2026-04-05", 100, status="paid", **BILL),
            *paid("Q28", "2026-03-28", 100, [("B28", 100)], reference="B28", **OUT),
            *paid("R28", "2026-03-29", 100, reference="B28", **OUT),
            *invoice("B30", "2026-03-05", "2026-04-05", 100, status="paid", **BILL),
            *paid("Q30", "2026-03-28", 50, [("B30", 50)], reference="B30", **OUT),
            *paid("R30", "2026-03-29", 50, [("B30", 50)], reference="B30", **OUT),
        ],
        {"vendor_is_paid_once": "R28"},
    ),
    "bank details changed before a payment": Break(
        [
            ("vendor", "c", {"vendor_id": "V3", "vendor_number": "V3", "iban_changed_at": "2026-04-05 09:00:00+00"}),
            *paid("Q31", "2026-04-04", 10, party_id="V3", **OUT),
            *paid("Q32", "2026-04-10", 10, party_id="V3", **OUT),
        ],
        {"bank_details_changed_before_a_payment": "Q32"},
    ),
    "6 of 5 shipped": Break(
        trade.sold("O33", 5, "shipped", {"D33": ("2026-04-10", 6)}), {"no_more_is_shipped_than_ordered": "O33"}
    ),
    "4 of 5 billed of an order that is done": Break(
        [
            *trade.sold("O34", 5, "invoiced", {"D34": ("2026-04-10", 5)}),
            *invoice("S34", "2026-04-10", "2026-05-10", 40, [
                {"quantity": 4, "unit_price": 10, "net_amount": 40, "order_line_id": "O34-1", "product_id": "P1"},
            ], order_id="O34"),
        ],
        {"what_is_shipped_is_billed": "O34"},
    ),
    "done, and never billed": Break(
        trade.sold("O35", 5, "invoiced", {"D35": ("2026-04-10", 5)}), {"what_is_shipped_is_billed": "O35"}
    ),
    "billed before it is shipped": Break(
        [
            *trade.sold("O36", 5, "confirmed", {}),
            *invoice("S36", "2026-04-10", "2026-05-10", 10, [
                {"quantity": 1, "unit_price": 10, "net_amount": 10, "order_line_id": "O36-1", "product_id": "P1"},
            ], order_id="O36"),
        ],
        {"what_is_shipped_is_billed": "O36"},
    ),
    "the rate of an invoice turned around": Break(
        [
            ("fx_rate", "c", {"from_currency": "EUR", "to_currency": "DKK", "rate_date": "2026-03-16", "rate": "7.5"}),
            *invoice("S41", "2026-03-23", "2026-04-23", 100, currency_code="EUR", fx_rate="0.2"),
            *invoice("S42", "2026-03-23", "2026-04-23", 100, currency_code="EUR", fx_rate="8"),
            *invoice("S43", "2026-03-24", "2026-04-24", 100, currency_code="EUR", fx_rate="0.2"),  # too long after it
        ],
        {"document_rate_is_of_its_day": "S41"},
    ),
    "a parcel taken two hours before it was sent": Break(
        [
            *trade.sold("O38", 5, "shipped", {"D38": ("2026-04-10", 5)}),
            scanned("E38", "D38", "10:00:40"),
            scanned("E39", "D38", "12:01:10"),
            scanned("E40", "D38", "10:30:00"),
            scanned("E41", "D38", "11:00:00", event_type="label"),
        ],
        {"carrier_tells_local_time": "E38"},
    ),
    "shipped four weeks ago and not billed": Break(
        trade.sold("O37", 5, "delivered", {"D37": ("2026-03-20", 5)}), {"what_is_shipped_is_billed_in_time": "D37"}
    ),
}  # fmt: skip


TOTALS = (RECEIVABLES, PAYABLES, "goods_receipts_tie_to_their_account")
GATED = (
    "a header of 100 over a line of 90",
    "paid, says its status, and nothing was",
    "never posted",
    "a bill on the receivables",
    "a payment posted with another amount",
    "cash of C2 on an invoice of C1",
    "billed above the price of the order",
    "a bill twice, its number written otherwise",
    "a vendor paid twice, not in instalments",
    "the rate of an invoice turned around",
    "done, and never billed",
)


@pytest.fixture(scope="module")
def found(framed: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """All breaks among sound books, in one build without gates: what each rule names."""
    world = books.copy_of(framed, tmp_path_factory.mktemp("broken") / "home")
    world.land(*trade.receivables(), *trade.payables())
    for planted in BREAKS.values():
        world.land(*planted.changes)
    books.build_ungated(world)
    rows = books.failing(world, str(world.as_of), *NAMES)
    yield {rule: {str(row[NAMES[rule]]) for row in broken} for rule, broken in rows.items()}


@pytest.mark.parametrize("title", BREAKS)
def test_a_planted_break_is_found_and_named(found: dict[str, set[str]], title: str) -> None:
    for rule, name in BREAKS[title].named.items():
        assert name in found.get(rule, set()), rule


def test_nothing_else_is_named(found: dict[str, set[str]]) -> None:
    planted: dict[str, set[str]] = {}
    for planned in BREAKS.values():
        for rule, name in planned.named.items():
            planted.setdefault(rule, set()).add(name)
    assert found == planted
    assert set(planted) == set(NAMES), "every rule has its break"


def test_what_breaks_is_taken_out_and_the_rest_holds(framed: World, tmp_path: Path) -> None:
    """Eleven breaks and an unbalanced journal go through the gates at once: each is named once, by its own rule, and
    the totals hold over what is left.
    """
    world = books.copy_of(framed, tmp_path / "gated")
    world.land(*trade.receivables(), *trade.payables())
    for title in GATED:
        world.land(*BREAKS[title].changes)
    world.land(*invoice("S40", "2026-03-30", "2026-04-30", 100, post=False))
    world.land(*journal("JS40", "2026-03-30", [(AR, 100), (SALES, -99)], ("invoice", "S40")))
    world.cycle()
    assert world.query("SELECT check_name, failures FROM meta.audit_result WHERE NOT passed") == []
    named = """SELECT v.rule, coalesce(v.document_key, p.payment_id, a.allocation_id)
        FROM meta.verdict AS v
        LEFT JOIN raw.mini__payment AS p ON v.table_name = 'payment'
            AND p._batch_id = v.batch_id AND p._row_no = v.row_no
        LEFT JOIN raw.mini__payment_allocation AS a ON v.table_name = 'payment_allocation'
            AND a._batch_id = v.batch_id AND a._row_no = v.row_no
        WHERE v.severity = 'error'"""
    planted = {pair for title in GATED for pair in BREAKS[title].named.items() if pair[0] not in TOTALS}
    unbalanced = {("journal_is_balanced", "JS40"), ("journal_is_balanced_in_its_currency", "JS40")}
    assert sorted(world.query(named)) == sorted(planted | unbalanced)
    belongs = "SELECT told ->> 'payment_id', told ->> 'invoice_id' FROM meta.quarantined"
    assert ("P23", "S23") in world.query(belongs), "what a row that is out belongs to is known"
    left = "SELECT DISTINCT invoice_id FROM marts.mart_ar_aging WHERE invoice_id IN ('S10', 'S17', 'S40') ORDER BY 1"
    assert world.query(left) == [("S40",)], "the journal is out, its invoice is not"
