"""The ledger's marts over a few vouchers, to rows worked out by hand; breaks planted in the same books are named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.finance.ledger import OWED_BY
from tests.finance.world import AR as RECEIVABLES
from tests.finance.world import BANK, COSTS, SALES, VAT_OUT, Change, copy_of, failing, invoice, journal
from tests.warehouse.test_gates import BLOCKED

from backoffice.errors import AuditError
from backoffice.warehouse.connection import open_warehouse

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def test_the_trial_balance_of_two_months(ledger: Any) -> None:
    rows = ledger.query(
        """SELECT month_start, account_number, opening_base, debit_base, credit_base, closing_base
        FROM marts.mart_trial_balance WHERE company_id = 'US' AND month_start < '2026-03-01' ORDER BY ALL"""
    )
    assert rows == [
        (JANUARY, "1000", 0, 100, 0, 100),
        (JANUARY, "1100", 0, 50, 0, 50),
        (JANUARY, "3000", 0, 0, 100, -100),
        (JANUARY, "4000", 0, 0, 50, -50),
        (FEBRUARY, "1000", 100, 50, 20, 130),
        (FEBRUARY, "1100", 50, 0, 50, 0),
        (FEBRUARY, "3000", -100, 0, 0, -100),
        (FEBRUARY, "4000", -50, 0, 0, -50),
        (FEBRUARY, "5000", 0, 20, 0, 20),
    ]


def test_profit_and_loss_in_both_currencies(ledger: Any) -> None:
    rows = ledger.query(
        """SELECT month_start, account_number, amount_base, year_to_date_base, amount_group, group_currency
        FROM marts.mart_profit_and_loss WHERE company_id = 'US' AND month_start < '2026-03-01' ORDER BY ALL"""
    )
    # at the average rate of the month: 50 × 7.5, 20 × 6.5
    assert rows == [
        (JANUARY, "4000", 50, 50, 375, "DKK"),
        (FEBRUARY, "4000", 0, 50, 0, "DKK"),
        (FEBRUARY, "5000", -20, -20, -130, "DKK"),
    ]


def test_the_balance_sheet_shows_the_translation_difference(ledger: Any) -> None:
    rows = ledger.query(
        """SELECT month_start, line_name, amount_base, amount_group
        FROM marts.mart_balance_sheet WHERE company_id = 'US' AND month_start < '2026-03-01'
        ORDER BY month_start, line_number"""
    )
    # money at 7 and 6; capital at 7.2, the rate of its day; results at average rates
    assert rows == [
        (JANUARY, "Cash at bank", 100, 700),
        (JANUARY, "Trade receivables", 50, 350),
        (JANUARY, "Share capital", 100, 720),
        (JANUARY, "Result of the year", 50, 375),
        (JANUARY, "Translation difference", 0, -45),
        (FEBRUARY, "Cash at bank", 130, 780),
        (FEBRUARY, "Trade receivables", 0, 0),
        (FEBRUARY, "Share capital", 100, 720),
        (FEBRUARY, "Result of the year", 30, 245),
        (FEBRUARY, "Translation difference", 0, -185),
    ]


def test_the_cash_flow_statement_explains_the_bank(ledger: Any) -> None:
    rows = ledger.query(
        """SELECT category, line_name, amount_base FROM marts.mart_cash_flow_statement
        WHERE company_id = 'US' AND month_start = '2026-02-01' ORDER BY category_number, line_name"""
    )
    assert rows == [("operating", "Result", -20), ("operating", "Trade receivables", 50), ("cash", "Bank", 30)]


def test_the_tax_return_adds_up_to_the_documents(ledger: Any) -> None:
    rows = ledger.query(
        """SELECT month_start, direction, tax_code, document_count, net_base, tax_base, payable_base
        FROM marts.mart_vat_return WHERE company_id = 'DK' ORDER BY ALL"""
    )
    # 5 euros are 37.334 and 5.01 are 37.40868; what is short of 74.74 and of the tax goes to the code with the tax
    assert rows == [
        (JANUARY, "receivable", "S25", 2, Decimal("1037.33"), Decimal("259.34"), Decimal("259.34")),
        (JANUARY, "receivable", "Z", 1, Decimal("37.41"), 0, 0),
    ]
    assert ledger.query(
        "SELECT documents_base, posted_base, difference_base FROM marts.mart_vat_reconciliation WHERE company_id = 'DK'"
        " AND month_start = '2026-01-01'"
    ) == [(Decimal("259.34"), Decimal("259.34"), 0)]


NAMED: dict[str, tuple[str, list[Change]]] = {
    # a cent short
    "journal_is_balanced": ("N1", journal("N1", "2026-03-10", [(BANK, 10), (SALES, "-9.99")], currency_code="EUR")),
    # balanced in kroner only
    "journal_is_balanced_in_its_currency": ("N2", journal("N2", "2026-03-10", [(BANK, 10, 75), (SALES, -11, -75)],
                                                          currency_code="EUR")),
    # a line of nothing
    "journal_lines_are_debit_or_credit": ("N3", journal("N3", "2026-03-10", [(BANK, 10), (SALES, -10), (COSTS, 0)])),
    "journal_has_one_company_and_day": ("N4", [
        *journal("N4", "2026-03-10", [(BANK, 10)]),
        *journal("N4", "2026-03-11", [(BANK, 0), (SALES, -10)])[1:],
    ]),
    # January was closed on the tenth of February
    "closed_periods_take_no_entries": ("N5", journal("N5", "2026-01-31", [(BANK, 10), (SALES, -10)],
                                                     entered_at="2026-03-01 09:00:00+00")),
    # the voucher has ten of tax too little
    "journal_posts_the_tax_of_its_document": ("N6", [
        *invoice("T1", "2026-03-15", "2026-04-14", 1000, [{"unit_price": 1000, "net_amount": 1000, "tax_amount": 250}],
                 post=False, tax_amount=250, gross_amount=1250, tax_amount_base=250, gross_amount_base=1250),
        *journal("N6", "2026-03-15", [(RECEIVABLES, 1250), (SALES, -1010), (VAT_OUT, -240)], ("invoice", "T1")),
    ]),
}  # fmt: skip


def test_journals_that_break_rules_are_named_each_by_its_own(ledger: Any, tmp_path: Path) -> None:
    """All at once, with a sound one between them: what is named goes out, the rest is published."""
    world = copy_of(ledger, tmp_path / "home")
    broken = [change for _, changes in NAMED.values() for change in changes]
    world.land(*broken, *journal("GOOD", "2026-03-10", [(BANK, 7), (SALES, -7)]))
    world.cycle()
    named = "SELECT DISTINCT rule, document_key FROM meta.verdict WHERE document = 'journal' ORDER BY ALL"
    both = ("journal_is_balanced_in_its_currency", "N1")  # its only currency does not balance either
    assert set(world.query(named)) == {(rule, number) for rule, (number, _) in NAMED.items()} | {both}
    found = (
        "SELECT DISTINCT journal_id FROM marts.fct_gl_entries WHERE posting_date >= '2026-03-02' AND company_id = 'DK'"
    )
    assert world.query(found) == [("GOOD",)]
    assert world.query(f"SELECT count(*) FROM ({BLOCKED}) AS b") == [(len(NAMED),)]


WITHHELD: dict[str, list[Change]] = {
    # tax of a document that is not there
    "tax_accounts_hold_the_tax_of_documents": journal("X", "2026-03-15", [(BANK, 10), (VAT_OUT, -10)],
                                                      ("invoice", "NONE")),
    # nobody owes what this firm is owed
    "intercompany_balances_agree": journal("X", "2026-03-20", [(OWED_BY, 5), (BANK, -5)],
                                           counterparty_company_id="US"),
}  # fmt: skip


@pytest.mark.parametrize("rule", WITHHELD)
def test_a_total_that_names_no_document_withholds_publication(ledger: Any, tmp_path: Path, rule: str) -> None:
    world = copy_of(ledger, tmp_path / "home")
    world.land(*WITHHELD[rule])
    with pytest.raises(AuditError, match=rule):
        world.cycle()


def test_statements_that_lost_a_row_do_not_agree(ledger: Any, tmp_path: Path) -> None:
    """These three compare what the models made: a mart that loses or changes a row breaks them."""
    world = copy_of(ledger, tmp_path / "home")
    with open_warehouse(world.settings) as connection:
        connection.execute("DELETE FROM marts.mart_trial_balance WHERE account_number = '5000' AND company_id = 'US'")
        connection.execute("UPDATE marts.mart_balance_sheet SET amount_base = amount_base + 1 WHERE line_number = 310")
        connection.execute("DELETE FROM marts.mart_cash_flow_statement WHERE line_name = 'Result'")
    names = ("trial_balance_is_zero", "balance_sheet_balances", "statements_agree")
    found = failing(world, "2026-04-15 09:00:00+00", *names)
    assert set(found) == set(names)
    assert [(row["what"], row["actual"]) for row in found["trial_balance_is_zero"] if row["what"] < "2026-03"] == [
        ("2026-02-28", Decimal("-20.0000")),
    ]
