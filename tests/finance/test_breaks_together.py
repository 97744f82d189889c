"""Breaks that are there together do not hide each other: a rule passes over what is out of sight, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.finance import breaks, trade
from tests.finance import world as books
from tests.finance.world import invoice
from tests.warehouse.world import World

AS_OF = "2026-04-15 09:00:00+00"
EMPLOYED, MISSING, PAID_OUT = (
    "only_the_employed_are_paid_once",
    "no_bank_statement_is_missing",
    "settlements_are_paid_out",
)
STATUS, BILLED = "document_status_says_what_is_open", "what_is_shipped_is_billed"
ORDERS = "orders_come_every_day"


@pytest.fixture(scope="module")
def queries(framed: World) -> dict[str, str]:
    """The rules, which hold in a world without business."""
    return breaks.queries_of(framed, AS_OF, EMPLOYED, MISSING, PAID_OUT, STATUS, BILLED, ORDERS)


def row(table: str, **values: Any) -> str:
    """A row of a table; what is not told is null."""
    values = {"source_relation": "mini"} | values
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES {tuple(values.values())}".replace("None", "NULL")


def out(entity: str, told: str | None) -> str:
    """A row in quarantine, and what it says it belongs to."""
    identity = {"source": "mini", "table_name": entity, "batch_id": "b", "row_no": 9, "rule": "r", "generation": 1}
    return row("meta.quarantined", entity=entity, told=told, **identity)


def statement(account: str, number: int) -> str:
    own = {"bank_statement_key": f"00000000-0000-0000-0000-{number:012}", "statement_id": f"{account}/{number}"}
    return row("marts.fct_bank_statements", bank_account_id=account, sequence_number=number, **own)


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (None, [(2, 4)]),
        ('{"bank_account_id": "A", "sequence_number": "3"}', [(2, 2), (4, 4)]),
        ('{"bank_account_id": "B", "sequence_number": "3"}', [(2, 4)]),
    ],
)
def test_statements_in_quarantine_are_not_missing(
    framed: World, queries: dict[str, str], told: str | None, missing: list[tuple[int, int]]
) -> None:
    found = breaks.broken_by(
        framed, queries[MISSING], statement("A", 1), statement("A", 5), out("bank_statement", told)
    )
    rows = [(broken["first_missing"], broken["last_missing"]) for broken in found if broken["bank_account_id"] == "A"]
    assert sorted(rows) == missing


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ('{"employee_id": "E2"}', ["E1"]),
        ('{"employee_id": "E1"}', ["E2"]),
        (None, []),
    ],
)
def test_only_slips_of_whose_employment_is_out_are_passed_over(
    framed: World, queries: dict[str, str], told: str | None, named: list[str]
) -> None:
    slips = [
        slip
        for person in ("E1", "E2")
        for slip in (
            row("marts.fct_payslips", payslip_id=person, payslip_key=key(person), employee_id=person,
                employee_entity_key=key(person), company_id="DK", run_type="regular", run_status="paid",
                period_start="2026-01-01", period_end="2026-01-31", payroll_run_key=key("run")),
            row("base.base_payslip", payslip_id=person, payslip_key=key(person), is_deleted=False),
        )
    ]  # fmt: skip
    found = breaks.broken_by(framed, queries[EMPLOYED], *slips, out("employment", told))
    assert sorted(broken["payslip_id"] for broken in found) == named


def key(name: str) -> str:
    return f"00000000-0000-0000-0000-{sum(map(ord, name)):012}"


def item(number: str, batch: str, gross: int, fee: int) -> str:
    own = {"settlement_id": number, "settlement_key": key(number), "bank_transaction_id": batch}
    amounts = {"gross_amount": gross, "fee_amount": fee, "net_amount": gross - fee, "currency_code": "DKK"}
    return row(
        "marts.fct_settlements", provider="Kortnet", status="settled", bank_transaction_key=key(batch), **own, **amounts
    )


def payout(number: str, amount: int) -> str:
    own = {"bank_transaction_id": number, "bank_transaction_key": key(number), "bank_statement_key": key("S")}
    return row("marts.fct_bank_transactions", amount=amount, **own)


# a fiftieth and one crown: 3 of 100, 5 of 200, 9 of 400
RIGHT = [item("1", "T1", 100, 3), item("2", "T1", 200, 5), item("3", "T1", 400, 9), payout("T1", 683)]
SOUND = [row("marts.fct_bank_statements", bank_statement_key=key("S"), statement_id="S",
             opening_balance=0, closing_balance=0)]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        # the fee of one is not the usual one: of 300 it is 7
        ([item("4", "T2", 100, 3), item("5", "T2", 300, 9), payout("T2", 390)], ["5"]),
        # both fees are: who knows
        ([item("6", "T3", 100, 3), item("7", "T3", 200, 5), payout("T3", 290)], ["6", "7"]),
        # an item of another payout is out
        ([item("4", "T2", 100, 3), item("5", "T2", 300, 9), payout("T2", 390),
          out("settlement", '{"bank_transaction_id": "T1"}')], ["5"]),
        # an item of this one is
        ([item("4", "T2", 100, 3), item("5", "T2", 300, 9), payout("T2", 390),
          out("settlement", '{"bank_transaction_id": "T2"}')], []),
    ],
)  # fmt: skip
def test_of_a_payout_the_item_with_an_unusual_fee_is_named(
    framed: World, queries: dict[str, str], changes: list[str], named: list[str]
) -> None:
    total = (
        "UPDATE marts.fct_bank_statements SET closing_balance = (SELECT sum(amount) FROM marts.fct_bank_transactions)"
    )
    found = breaks.broken_by(framed, queries[PAID_OUT], *SOUND, *RIGHT, *changes, total)
    assert sorted(broken["settlement_id"] for broken in found) == named


@pytest.fixture(scope="module")
def sold(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two orders that are done and were never billed, and two invoices that say they are paid: all four are named."""
    world = books.copy_of(framed, tmp_path_factory.mktemp("together") / "home")
    for number in ("O1", "O2"):
        world.land(*trade.sold(number, 5, "invoiced", {f"D{number}": ("2026-04-10", 5)}))
    for number, party in (("S1", "C1"), ("S2", "C2")):
        world.land(*invoice(number, "2026-03-13", "2026-04-13", 100, status="paid", party_id=party))
    world.land(*books.paid("P2", "2026-03-20", 10, party_id="C2"))
    books.build_ungated(world)
    return world


@pytest.mark.parametrize(
    ("rule", "name", "outs", "named"),
    [
        (BILLED, "order_id", [], ["O1", "O2"]),
        (BILLED, "order_id", [("invoice", '{"order_id": "O1"}')], ["O2"]),
        (BILLED, "order_id", [("invoice", '{"order_id": null}')], ["O1", "O2"]),
        (BILLED, "order_id", [("invoice", None)], []),
        (STATUS, "invoice_id", [], ["S1", "S2"]),
        (STATUS, "invoice_id", [("payment_allocation", '{"payment_id": "P2", "invoice_id": "S9"}')], ["S1"]),
        (STATUS, "invoice_id", [("payment_allocation", '{"payment_id": "P9", "invoice_id": "S1"}')], ["S2"]),
    ],
)
def test_only_what_a_row_that_is_out_belongs_to_is_passed_over(
    sold: World, queries: dict[str, str], rule: str, name: str, outs: list[tuple[str, str | None]], named: list[str]
) -> None:
    found = breaks.broken_by(sold, queries[rule], *(out(*one) for one in outs))
    assert sorted(broken[name] for broken in found) == named


def order(number: int, day: str) -> str:
    own = {"order_id": str(number), "sales_order_key": key(f"O{number}"), "is_deleted": False, "company_id": "DK"}
    return row("base.base_sales_order", received_at=f"{day} 10:00:00+00", **own)


def test_a_day_without_orders_is_told_when_there_use_to_be_some(framed: World, queries: dict[str, str]) -> None:
    days = [f"2026-03-{day:02}" for day in range(2, 32) if day != 24]
    rows = [order(100 * place + count, day) for place, day in enumerate(days) for count in range(10)]
    found = breaks.broken_by(framed, queries[ORDERS], *rows)
    # a Tuesday without one; from April on there are none at all, which is told until none are usual
    assert [str(broken["order_date"]) for broken in found if broken["order_date"].month == 3] == ["2026-03-24"]
    assert sorted(broken["order_date"].day for broken in found if broken["order_date"].month == 4) == [1, 2, 3, 4, 5, 6]
