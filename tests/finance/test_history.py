"""A late, a corrected, a deleted and a back-dated document change their own periods and no other row; what was reported
before they came can be asked for again.

Two steps of documents that do not meet; the rows of each are compared with those of the step before, to the row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from tests.finance import trade
from tests.finance import world as books
from tests.finance.known import AGING, AS_KNOWN
from tests.finance.ledger import account
from tests.finance.world import AR, COSTS, LOSSES, SALES, Change, invoice, journal, paid
from tests.warehouse.world import World

TRIAL_BALANCE = """SELECT company_id, account_number, month_start, opening_base, debit_base, credit_base, closing_base
    FROM marts.mart_trial_balance"""
RESULTS = """SELECT company_id, account_number, month_start, amount_base, year_to_date_base
    FROM marts.mart_profit_and_loss"""
BALANCES_AS_KNOWN = """SELECT e.company_id, a.account_number, sum(e.amount_base) FROM marts.fct_gl_entries AS e
    JOIN marts.dim_gl_account AS a USING (gl_account_entity_key)
    WHERE e.is_posted AND e.posting_date <= '2026-03-31' AND e.known_at <= TIMESTAMPTZ '{0}'
    GROUP BY ALL HAVING sum(e.amount_base) <> 0"""
NEW, NOTHING = "6990", (0, 0, 0, 0)

Rows = Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Step:
    """What the marts said after something came, and when its rows were landed."""

    known_at: datetime
    trial_balance: Rows
    results: Rows
    aging: Rows


def late() -> list[Change]:
    """An invoice of February comes in April."""
    return invoice("S90", "2026-02-20", "2026-03-22", 70)


def deleted() -> list[Change]:
    """The source deletes it, and takes its voucher back on its day."""
    back = journal("RS90", "2026-02-20", [(AR, -70), (SALES, 70)], ("invoice", "S90"), is_reversal=True)
    return [("invoice", "d", {"invoice_id": "S90"}), ("invoice_line", "d", {"invoice_line_id": "S90-1"}), *back]


def corrected() -> list[Change]:
    """S1 was due a month later."""
    return [("invoice", "u", trade.receivables()[0][2] | {"due_date": "2026-03-09"})]


def back_dated() -> list[Change]:
    """A journal of January comes in April."""
    return journal("M90", "2026-01-31", [(COSTS, 12), (LOSSES, -12)], ("manual", "x"))


def waiting() -> list[Change]:
    """A journal comes before the account of its first line."""
    return journal("M91", "2026-04-02", [(NEW, 9), (LOSSES, -9)], ("manual", "x"))


def arrived() -> list[Change]:
    """The account comes."""
    return [account("DK", NEW, "expense", "operating_expense")]


def settled() -> list[Change]:
    """S91 of March is paid by P91."""
    sold = invoice("S91", "2026-03-02", "2026-04-01", 40, party_id="C2", status="paid")
    return [*sold, *paid("P91", "2026-03-05", 40, [("S91", 40)], party_id="C2")]


def undone() -> list[Change]:
    """What P91 paid of S91 was undone in the middle of March."""
    rows = {table: row for table, _, row in settled()}
    return [
        ("payment_allocation", "u", rows["payment_allocation"] | {"unapplied_date": "2026-03-15"}),
        ("invoice", "u", rows["invoice"] | {"status": "posted"}),
    ]


@pytest.fixture(scope="module")
def world(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    return books.copy_of(framed, tmp_path_factory.mktemp("history") / "home")


@pytest.fixture(scope="module")
def steps(world: World) -> list[Step]:
    """The books before anything came late, after that, and after some of it was taken back."""
    found = []
    for changes in (
        [*trade.receivables(), *trade.payables(), *settled()],
        [*late(), *corrected(), *back_dated(), *waiting()],
        [*deleted(), *undone(), *arrived()],
    ):
        world.land(*changes)
        world.cycle()
        found.append(Step(world.now, *(Counter(world.query(query)) for query in (TRIAL_BALANCE, RESULTS, AGING))))
    assert world.query("SELECT count(*) FROM meta.verdict") == [(0,)]
    return found


def _changed(before: Rows, after: Rows) -> tuple[Rows, Rows]:
    """Rows that went, and rows that came."""
    return before - after, after - before


def _moved(before: Rows, after: Rows, moves: dict[str, tuple[int, int, int]]) -> None:
    """Of each account: (month, debit, credit) more in that month, and that much more at the end of it and of all that
    follow; every other row is as it was.
    """
    went, came = _changed(before, after)
    old = {row[:3]: row[3:] for row in went}
    wanted: Rows = Counter()
    for number, (first, debit, credit) in moves.items():
        for month in range(first, 5):
            key = ("DK", number, date(2026, month, 1))
            opening, debits, credits, closing = old.pop(key, NOTHING)
            net = debit - credit
            if month == first:
                wanted[(*key, opening, debits + debit, credits + credit, closing + net)] += 1
            else:
                wanted[(*key, opening + net, debits, credits, closing + net)] += 1
    assert (old, came) == ({}, wanted)


def _results(before: Rows, after: Rows, moves: dict[str, tuple[int, int]]) -> None:
    """Of each account: (month, amount) more in that month, and the year to date from then on; no other row differs."""
    went, came = _changed(before, after)
    old = {row[:3]: row[3:] for row in went}
    wanted: Rows = Counter()
    for number, (first, amount) in moves.items():
        for month in range(first, 5):
            key = ("DK", number, date(2026, month, 1))
            of_month, of_year = old.pop(key, NOTHING[:2])
            wanted[(*key, of_month + (amount if month == first else 0), of_year + amount)] += 1
    assert (old, came) == ({}, wanted)


def _days(step: Step, first: date) -> set[date]:
    return {day for day, *_ in step.aging if day >= first}


def test_what_comes_late_changes_its_month_and_what_follows_from_it(steps: list[Step]) -> None:
    before, after, _ = steps
    posted = {AR: (2, 70, 0), SALES: (2, 0, 70), COSTS: (1, 12, 0), LOSSES: (1, 0, 12)}
    _moved(before.trial_balance, after.trial_balance, posted)
    _results(before.results, after.results, {SALES: (2, 70), COSTS: (1, -12), LOSSES: (1, 12)})


def test_late_and_corrected_documents_change_their_own_rows_of_the_ageing(steps: list[Step]) -> None:
    before, after, _ = steps
    went, came = _changed(before.aging, after.aging)
    other = Counter({(*row[:9], date(2026, 3, 9), *row[10:]): count for row, count in went.items()})
    assert {row[6] for row in went} == {"S1"} and other == Counter(row for row in came if row[6] == "S1")
    new = came - other
    days = _days(after, date(2026, 2, 20))
    assert {(row[0], row[6], row[11]) for row in new} == {(day, "S90", 70) for day in days}
    assert len(new) == len(days) > 30


def test_a_deleted_document_leaves_its_vouchers_and_a_journal_waits_as_a_whole(steps: list[Step]) -> None:
    _, before, after = steps
    posted = {AR: (2, 0, 70), SALES: (2, 70, 0), NEW: (4, 9, 0), LOSSES: (4, 0, 9)}
    _moved(before.trial_balance, after.trial_balance, posted)
    _results(before.results, after.results, {SALES: (2, -70), NEW: (4, -9), LOSSES: (4, 9)})
    went, _ = _changed(before.aging, after.aging)
    assert went == Counter({row: count for row, count in before.aging.items() if row[6] == "S90"})


def test_an_undone_application_opens_document_and_cash_from_its_day(steps: list[Step]) -> None:
    _, before, after = steps
    _, came = _changed(before.aging, after.aging)
    days = _days(after, date(2026, 3, 15))
    items = {(row[0], row[6] or row[7], row[11]) for row in came}
    assert items == {(day, name, amount) for day in days for name, amount in (("S91", 40), ("P91", -40))}


def test_any_report_reproduces_as_it_was_known(world: World, steps: list[Step]) -> None:
    """Ageing of every day, of both sides, and the balances of March, as each step knew them: asked after the last."""
    for step in steps:
        assert Counter(world.query(AS_KNOWN.format(step.known_at))) == step.aging
        closing = {
            (company, account, amount)
            for company, account, month, *_, amount in step.trial_balance
            if month == date(2026, 3, 1) and amount
        }
        assert set(world.query(BALANCES_AS_KNOWN.format(step.known_at))) == closing
    assert len({len(step.aging) for step in steps}) == 3, "the steps say the same: nothing was compared"


def test_before_anything_came_nothing_was_known(world: World, steps: list[Step]) -> None:
    assert steps and world.query(AS_KNOWN.format("2026-01-01 00:00:00+00")) == []
