"""Cash, settlement and stock in a small world: every row worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tests.finance import breaks
from tests.finance import world as books
from tests.finance.world import AP, AR, BANK, COSTS, GRNI, STOCK, Change
from tests.warehouse.world import World

from backoffice.warehouse import dbt

EURO_BANK, CARDS, CAPITAL = "1010", "1050", "3000"
AS_OF = "2026-01-08 09:00:00+00"


def _accounts() -> list[Change]:
    told = [
        (EURO_BANK, "Bank, euro", "asset", "bank", "bank", "cash"),
        (CARDS, "Card clearing", "asset", "clearing", "settlement", "operating"),
        (CAPITAL, "Share capital", "equity", "equity", None, "financing"),
    ]
    rows: list[Change] = []
    for number, name, kind, account_type, controls, category in told:
        row = {"account_id": f"DK-{number}", "account_number": number, "account_name": name, "account_class": kind}
        row |= {"account_type": account_type, "normal_balance": "debit", "control_for": controls}
        rows.append(("gl_account", "c", row | {"cash_flow_category": category}))
    for number in (AR, AP, COSTS):
        account = dict(next(row for _, _, row in books.frame() if row.get("account_id") == f"DK-{number}"))
        rows.append(("gl_account", "u", account | {"cash_flow_category": "operating"}))
    euro = {"bank_account_id": "DK-EUR", "currency_code": "EUR", "gl_account_id": f"DK-{EURO_BANK}"}
    return [*rows, ("bank_account", "c", euro), ("location", "c", {"location_id": "W2"})]


def statement(name: str, number: int, days: tuple[str, str], balances: tuple[Any, Any], **values: Any) -> Change:
    """A statement: its number, first and last day, opening and closing balance."""
    row = {"statement_id": name, "sequence_number": number, "from_date": days[0], "to_date": days[1]}
    return ("bank_statement", "c", row | {"opening_balance": balances[0], "closing_balance": balances[1]} | values)


def entry(name: str, of: str, day: str, amount: Any, **values: Any) -> Change:
    """An entry of a statement."""
    row = {"bank_transaction_id": name, "statement_id": of, "booking_date": day, "amount": amount}
    return ("bank_transaction", "c", row | values)


def _documents() -> list[Change]:
    """What was bought, sold and paid between the 2nd and the 7th of January, with its vouchers."""
    bill = {"direction": "payable", "party_id": "V1"}
    out = {"direction": "outbound"}
    run = {**out, "run_id": "RUN-1", "payment_date": "2026-01-05"}
    card = {"method": "psp", "post": False}
    changes = books.journal("J0", "2026-01-01", [(BANK, 1000), (CAPITAL, -1000)], journal_type="opening")
    for number, amount, values in (
        ("I1", 100, {}), ("I7", 70, {"party_id": "C2"}), ("I8", 50, {}), ("B1", 90, bill), ("B2", 40, bill),
        ("B3", 20, bill), ("B6", 15, bill),
    ):  # fmt: skip
        changes += books.invoice(number, "2026-01-02", "2026-01-09", amount, **({"status": "paid"} | values))
    changes += books.paid("P1", "2026-01-02", 100, [("I1", 100)])
    changes += books.paid("P2", "2026-01-05", 90, [("B1", 90)], **out)
    changes += books.paid("P3", "2026-01-05", 40, [("B2", 40)], **run)
    changes += books.paid("P4", "2026-01-05", 20, [("B3", 20)], **run)
    changes += books.paid("P5", "2026-01-06", 70, [("I7", 70)], party_id="C2", reference="I7")
    changes += books.paid("P6", "2026-01-07", 15, [("B6", 15)], **out)
    changes += books.paid("P7", "2026-01-02", 50, [("I8", 50)], **card)
    changes += books.journal("JP7", "2026-01-02", [(CARDS, 50), (AR, -50)], ("payment", "P7"))
    changes += books.journal("JX1", "2026-01-06", [(BANK, 48), (COSTS, 2), (CARDS, -50)], ("settlement", "BATCH"))
    changes += books.journal("JT5", "2026-01-07", [(COSTS, 5), (BANK, -5)], ("bank_transaction", "T5"))
    moved = [(EURO_BANK, 10, 75), (BANK, -10, -75)]
    changes += books.journal("JT7", "2026-01-07", moved, ("manual", "sweep"), currency_code="EUR")
    item = {"settlement_id": "X1", "batch_id": "BATCH", "payment_id": "P7", "trade_date": "2026-01-02"}
    item |= {"expected_settlement_date": "2026-01-06", "settled_date": "2026-01-06", "bank_transaction_id": "T6"}
    return [*changes, ("settlement", "c", item | {"gross_amount": 50, "fee_amount": 2, "net_amount": 48})]


def _to_come() -> list[Change]:
    """What is open in April, and what the tax office gets each month."""
    changes = books.invoice("I9", "2026-04-01", "2026-04-25", 200)
    changes += books.invoice("I10", "2026-03-11", "2026-04-10", 300, party_id="C2")
    changes += books.invoice("B9", "2026-04-01", "2026-04-24", 80, direction="payable", party_id="V1")
    for name, day, amount in (("T-FEB", "2026-02-20", 30), ("T-MAR", "2026-03-20", 40)):
        tax = {"direction": "outbound", "party_type": "tax_authority", "party_id": None, "reference": f"VAT {day}"}
        changes += books.paid(name, day, amount, post=False, **tax)
        changes += books.journal(f"J{name}", day, [(COSTS, amount), (BANK, -amount)], ("payment", name))
    return changes


def _bank() -> list[Change]:
    euro = {"bank_account_id": "DK-EUR", "currency_code": "EUR"}
    return [
        statement("S1", 1, ("2026-01-02", "2026-01-05"), (1000, 1010)),
        entry("T1", "S1", "2026-01-02", 100, end_to_end_id="P1"),
        entry("T2", "S1", "2026-01-05", -60, end_to_end_id="P2"),
        entry("T3", "S1", "2026-01-05", -30, end_to_end_id="P2"),
        statement("S2", 2, ("2026-01-06", "2026-01-07"), (1010, 988)),
        entry("T4", "S2", "2026-01-06", -60, remittance_text="Payment run RUN-1"),
        entry("T9", "S2", "2026-01-06", 70, remittance_text="our invoice I7"),
        entry("T6", "S2", "2026-01-06", 48, remittance_text="Payout"),
        entry("T5", "S2", "2026-01-07", -5, remittance_text="Fee"),
        entry("T7", "S2", "2026-01-07", -75, remittance_text="To euro"),
        statement("E1", 1, ("2026-01-02", "2026-01-07"), (0, 10), **euro),
        entry("T8", "E1", "2026-01-07", 10, **euro),
    ]


def _stock() -> list[Change]:
    """Ten pieces at five are received; four go to the other place and are sold from there."""
    moves = [
        (
            "MV1",
            "W1",
            "receipt",
            10,
            50,
            {"source_document_type": "purchase_order_line", "source_document_id": "PO1-1"},
        ),
        ("MV2", "W1", "transfer_out", -4, -20, {"transfer_id": "TR1"}),
        ("MV3", "W2", "transfer_in", 4, 20, {"transfer_id": "TR1"}),
        ("MV4", "W2", "issue", -4, -20, {}),
    ]
    changes: list[Change] = [
        ("purchase_order", "c", {"purchase_order_id": "PO1"}),
        ("purchase_order_line", "c", {
            "po_line_id": "PO1-1", "purchase_order_id": "PO1", "ordered_qty": 10, "received_qty": 10, "unit_price": 5,
            "net_amount": 50,
        }),
    ]  # fmt: skip
    for day, (name, place, kind, quantity, worth, values) in enumerate(moves, 2):
        at = f"2026-01-{day:02d} 09:00:00+00"
        row = {"movement_id": name, "location_id": place, "movement_type": kind, "posting_at": at, "entered_at": at}
        row |= {"quantity": quantity, "unit_cost": 5, "value_base": worth}
        changes.append(("stock_movement", "c", row | values))
    posted = [("2026-01-02", [(STOCK, 50), (GRNI, -50)]), ("2026-01-03", [(STOCK, -20), (COSTS, 20)])]
    posted += [("2026-01-04", [(STOCK, 20), (COSTS, -20)]), ("2026-01-05", [(COSTS, 20), (STOCK, -20)])]
    for number, (day_posted, lines) in enumerate(posted, 1):
        changes += books.journal(f"JM{number}", day_posted, lines, ("stock_movement", f"MV{number}"))
    return changes


@pytest.fixture(scope="module")
def cash(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world with its bank, its card payment and its stock, built once."""
    world = books.copy_of(framed, tmp_path_factory.mktemp("cash") / "home")
    world.land(*_accounts(), *_documents(), *_to_come(), *_bank(), *_stock())
    world.cycle()
    return world


def _rows(world: World, sql: str) -> list[tuple[str, ...]]:
    return [
        tuple("" if value is None else str(value).removesuffix(".0000") for value in row) for row in world.query(sql)
    ]


def test_each_entry_finds_its_document_by_the_first_rule_that_does(cash: World) -> None:
    found = _rows(
        cash,
        """SELECT coalesce(bank_transaction_id, ''), document_type, document_id, match_state, match_rule, journal_id,
            entry_amount, document_amount, matched_amount, difference_amount, is_reconciled
        FROM marts.mart_bank_reconciliation ORDER BY ALL""",
    )
    assert found == [
        # the bank has not booked P6 yet
        ("", "payment", "P6", "unmatched_payment", "", "", "", "-15", "0", "15", "False"),
        ("", "payment", "T-FEB", "unmatched_payment", "", "", "", "-30", "0", "30", "False"),
        ("", "payment", "T-MAR", "unmatched_payment", "", "", "", "-40", "0", "40", "False"),
        ("T1", "payment", "P1", "matched", "end_to_end_id", "JP1", "100", "100", "100", "0", "True"),
        # one payment, two entries: 60 and 30 are 90
        ("T2", "payment", "P2", "matched", "end_to_end_id", "JP2", "-60", "-90", "-60", "0", "True"),
        ("T3", "payment", "P2", "matched", "end_to_end_id", "JP2", "-30", "-90", "-30", "0", "True"),
        # one entry, two payments: 40 and 20 are 60
        ("T4", "payment", "P3", "matched", "payment_run", "JP3", "-60", "-40", "-40", "0", "True"),
        ("T4", "payment", "P4", "matched", "payment_run", "JP4", "-60", "-20", "-20", "0", "True"),
        ("T5", "journal", "JT5", "matched", "ledger_reference", "JT5", "-5", "-5", "-5", "0", "True"),
        ("T6", "settlement", "X1", "matched", "settlement", "JX1", "48", "48", "48", "0", "True"),
        # 75 kroner become 10 euro: one journal, an entry on each account
        ("T7", "journal", "JT7", "matched", "amount_and_day", "JT7", "-75", "-75", "-75", "0", "True"),
        ("T8", "journal", "JT7", "matched", "amount_and_day", "JT7", "10", "10", "10", "0", "True"),
        ("T9", "payment", "P5", "matched", "reference_and_amount", "JP5", "70", "70", "70", "0", "True"),
    ]


def test_unit_tests_of_the_models(cash: World) -> None:
    models = ("int_bank__matches", "fct_stock_movements", "mart_payroll_summary")
    results = dbt.run_dbt(cash.settings, ["test", "--select", *(f"{model},test_type:unit" for model in models)], {})
    assert [str(result.status) for result in results] == ["pass"] * 3, [result.message for result in results]


def test_cash_flow_has_a_row_a_day_and_keeps_transfers_apart(cash: World) -> None:
    found = _rows(
        cash,
        """SELECT bank_account_id, cash_date, opening_balance, cash_in, cash_out, operating_flow, transfers_in,
            transfers_out, closing_balance, closing_balance_base
        FROM marts.mart_cash_flow WHERE entry_count > 0 ORDER BY ALL""",
    )
    assert found == [
        ("DK-BANK", "2026-01-02", "1000", "100", "0", "100", "0", "0", "1100", "1100"),
        ("DK-BANK", "2026-01-05", "1100", "0", "90", "-90", "0", "0", "1010", "1010"),
        # in: 70 and 48; out: the run of 60
        ("DK-BANK", "2026-01-06", "1010", "118", "60", "58", "0", "0", "1068", "1068"),
        # out: the fee; the 75 that became euro are no money out
        ("DK-BANK", "2026-01-07", "1068", "0", "5", "-5", "0", "75", "988", "988"),
        ("DK-EUR", "2026-01-07", "0", "0", "0", "0", "10", "0", "10", "75"),
    ]
    assert cash.query("SELECT count(*) FROM marts.mart_cash_flow") == [(12,)]  # six days of two accounts


def test_the_forecast_takes_customers_as_they_are(cash: World) -> None:
    found = _rows(
        cash,
        """SELECT week_number, week_start, line, amount FROM marts.mart_cash_forecast_13w
        WHERE amount <> 0 AND (
            line NOT IN ('opening', 'closing') OR week_number = 13 OR (line = 'opening' AND week_number = 1)
        )
        ORDER BY week_number, line_number""",
    )
    assert found == [
        # 988 kroner and 10 euro at 7.5
        ("1", "2026-04-15", "opening", "1063"),
        # C1 pays seven days early: 200 on the 18th; C2 three, which is past: 300 today
        ("1", "2026-04-15", "receipts", "500"),
        # VAT is paid a month after the last, with the amount of the last: April, May and June 20th
        ("1", "2026-04-15", "tax", "-40"),
        ("2", "2026-04-22", "payables", "-80"),
        ("6", "2026-05-20", "tax", "-40"),
        ("10", "2026-06-17", "tax", "-40"),
        ("13", "2026-07-08", "opening", "1363"),
        ("13", "2026-07-08", "closing", "1363"),
    ]
    assert _rows(cash, "SELECT company_id, value FROM marts.m22_cash_forecast_min") == [("DK", "1363")]


def test_metrics_of_cash_are_sums_of_the_days(cash: World) -> None:
    month = "SELECT currency_code, value FROM marts.{} WHERE company_id = 'DK' ORDER BY ALL"
    assert _rows(cash, month.format("m17_cash_in")) == [("DKK", "218"), ("EUR", "0")]
    assert _rows(cash, month.format("m18_cash_out")) == [("DKK", "155"), ("EUR", "0")]
    assert _rows(cash, month.format("m19_cash_balance")) == [("DKK", "75"), ("DKK", "988")]
    # nine of nine entries found a document; the only item settled in time
    ratio = "SELECT numerator, denominator, value FROM marts.{}"
    assert _rows(cash, ratio.format("m25_auto_match_rate")) == [("9", "9", "100")]
    assert _rows(cash, ratio.format("m24_settlement_on_time_pct")) == [("1", "1", "100")]


BREAKS: list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]] = [
    # test, what is changed, what is named with what was expected and what is there
    (
        "stock_is_never_negative",
        ("UPDATE marts.fct_stock_movements SET quantity = -5 WHERE movement_id = 'MV4'",),
        [("W2", "0", "-1")],
    ),
    (
        "stock_value_is_inventory_account",
        ("UPDATE marts.fct_stock_movements SET value_base = -19 WHERE movement_id = 'MV4'",),
        [("2026-01-05", "30", "31")],
    ),
    (
        "receipts_are_in_the_stock_ledger",
        ("DELETE FROM marts.fct_stock_movements WHERE movement_id = 'MV1'",),
        [("PO1-1", "10", "0")],
    ),
    (
        "nothing_in_stock_is_worth_nothing",
        ("UPDATE marts.fct_stock_movements SET value_base = -19 WHERE movement_id = 'MV4'",),
        [("W2", "0", "1")],
    ),
    (
        "transfers_net_to_zero",
        ("UPDATE marts.fct_stock_movements SET quantity = 5 WHERE movement_id = 'MV3'",),
        [("MV2", "0", "1"), ("MV3", "0", "1")],
    ),
    (
        "bank_statement_adds_up",
        ("UPDATE marts.fct_bank_transactions SET amount = 80 WHERE bank_transaction_id = 'T9'",),
        [("S2", "988", "998")],
    ),
    (
        "bank_statements_chain",
        (
            "UPDATE marts.fct_bank_statements SET opening_balance = 1000 WHERE statement_id = 'S2'",
            "UPDATE marts.fct_bank_statements SET closing_balance = 978 WHERE statement_id = 'S2'",
        ),
        [("S2", "1010", "1000")],
    ),
    (
        "no_bank_statement_is_missing",
        ("UPDATE marts.fct_bank_statements SET sequence_number = 4 WHERE statement_id = 'S2'",),
        [("DK-BANK", "0", "2")],
    ),
    (
        "bank_account_is_statement_and_outstanding",
        ("UPDATE intermediate.int_bank__ledger_lines SET amount = 99 WHERE journal_id = 'JP1'",),
        [("DK-1000", "1100", "1099")],
    ),
    (
        "bank_books_what_was_paid",
        ("UPDATE marts.fct_payments SET amount = 91 WHERE payment_id = 'P2'",),
        [("P2", "-90", "-91")],
    ),
    (
        "settlement_is_gross_less_fee",
        ("UPDATE marts.fct_settlements SET fee_amount = 3 WHERE settlement_id = 'X1'",),
        [("X1", "47", "48")],
    ),
    (
        "clearing_account_is_unsettled_payments",
        ("DELETE FROM marts.fct_settlements WHERE settlement_id = 'X1'",),
        [("2026-01-06", "50", "0")],
    ),
    (
        "settlements_are_paid_out",
        ("UPDATE marts.fct_settlements SET fee_amount = 3, net_amount = 47 WHERE settlement_id = 'X1'",),
        [("X1", "48", "47")],
    ),
]
NAMED = (
    *("location_id", "account_id", "day", "po_line_id", "movement_id", "statement_id", "bank_account_id", "payment_id"),
    "settlement_id",
)


@pytest.fixture(scope="module")
def queries(cash: World) -> dict[str, str]:
    """The invariants of cash, settlement and stock, all of which hold in the small world."""
    return breaks.queries_of(cash, AS_OF, *(test for test, _, _ in BREAKS))


@pytest.mark.parametrize(("test", "changes", "named"), BREAKS, ids=[test for test, _, _ in BREAKS])
def test_a_planted_break_is_named(
    cash: World, queries: dict[str, str], test: str, changes: tuple[str, ...], named: list[tuple[str, ...]]
) -> None:
    rows = breaks.broken_by(cash, queries[test], *changes)
    told = [(next(row[n] for n in NAMED if n in row), row["expected"], row["actual"]) for row in rows]
    assert sorted(tuple(str(value).removesuffix(".0000") for value in row) for row in told) == named


def test_an_altered_entry_takes_its_statement_out_and_leaves_the_rest(
    cash: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through the whole pipeline: the statement is named, and no total is judged that it is a part of."""
    world = books.copy_of(cash, tmp_path_factory.mktemp("altered") / "home")
    world.land(
        statement("S3", 3, ("2026-01-08", "2026-01-08"), (988, 1000)),
        entry("T10", "S3", "2026-01-08", 13, remittance_text="interest"),
        statement("S4", 4, ("2026-01-09", "2026-01-09"), (1000, 985)),
        entry("T11", "S4", "2026-01-09", -15, end_to_end_id="P6"),
        *_settled_badly(),
    )
    generation = world.cycle()
    verdicts = "SELECT document_key, rule FROM meta.verdict WHERE gate = 'mart'"
    assert world.query(verdicts) == [("S3", "bank_statement_adds_up")]
    assert _rows(world, "SELECT statement_id FROM marts.fct_bank_statements WHERE sequence_number > 2") == [("S4",)]
    # what S3 moved is told as such: 985 = 988 + 12 - 15
    flow = "SELECT cash_date, untold_flow, closing_balance FROM marts.mart_cash_flow WHERE cash_date > '2026-01-07'"
    assert _rows(world, flow + " AND bank_account_id = 'DK-BANK' ORDER BY ALL") == [
        ("2026-01-08", "0", "988"),
        ("2026-01-09", "12", "985"),
    ]
    failed = f"SELECT * FROM meta.audit_result WHERE generation = {generation} AND NOT passed"
    assert world.query(failed) == []
    breaks_found = _rows(
        world,
        """SELECT document_id, break_type, age_days, expected_amount, actual_amount, break_amount
        FROM marts.mart_settlement_breaks ORDER BY ALL""",
    )
    assert breaks_found == [
        ("X2", "missing", "97", "59", "0", "-59"),  # due on January 8th, today is April 15th
        ("X4", "late", "4", "29", "29", "29"),  # due on the 8th, settled on the 12th
        ("X5", "duplicate", "99", "0", "48", "48"),  # P7 was settled with X1
        ("X5", "missing", "99", "48", "0", "-48"),
    ]
    metric = "SELECT measure, value FROM marts.m23_settlement_breaks WHERE company_id = 'DK' ORDER BY 1"
    assert _rows(world, metric) == [("amount", "107"), ("count", "2")]


def _settled_badly() -> list[Change]:
    """X2 is never settled, X4 four days late, X5 tells of P7 again."""
    changes: list[Change] = []
    for invoice, payment, amount in (("I11", "P8", 60), ("I12", "P9", 30)):
        changes += books.invoice(invoice, "2026-01-06", "2026-01-09", amount, status="paid")
        changes += books.paid(payment, "2026-01-06", amount, [(invoice, amount)], method="psp", post=False)
        changes += books.journal(f"J{payment}", "2026-01-06", [(CARDS, amount), (AR, -amount)], ("payment", payment))
    changes += books.journal("JX4", "2026-01-12", [(BANK, 29), (COSTS, 1), (CARDS, -30)], ("settlement", "LATE"))
    due = {"trade_date": "2026-01-06", "expected_settlement_date": "2026-01-08"}
    late = {"settlement_id": "X4", "batch_id": "LATE", "payment_id": "P9", "settled_date": "2026-01-12"}
    again = {"settlement_id": "X5", "batch_id": "AGAIN", "payment_id": "P7", "status": "pending"}
    again |= {"trade_date": "2026-01-02", "expected_settlement_date": "2026-01-06"}
    never = {"settlement_id": "X2", "batch_id": "NEVER", "payment_id": "P8", "status": "pending"}
    return [
        *changes,
        ("settlement", "c", due | never | {"gross_amount": 60, "fee_amount": 1, "net_amount": 59}),
        ("settlement", "c", due | late | {"gross_amount": 30, "fee_amount": 1, "net_amount": 29}),
        ("settlement", "c", again | {"gross_amount": 50, "fee_amount": 2, "net_amount": 48}),
    ]
