"""The ledger's marts over a few vouchers, to rows worked out by hand; breaks planted in the same books are named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.finance.world import AR as RECEIVABLES
from tests.finance.world import BANK, COSTS, SALES, VAT_OUT, Change, copy_of, failing, invoice, journal, paid
from tests.warehouse.test_gates import BLOCKED

from backoffice.errors import AuditError
from backoffice.warehouse.connection import open_warehouse

EQUITY, OWED_BY, OWED_TO = "3000", "1400", "2400"
JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
US = {"company_id": "US", "currency_code": "USD"}


def account(firm: str, number: str, kind: str, account_type: str, **values: Any) -> Change:
    known = {"account_id": f"{firm}-{number}", "account_number": number, "account_name": number, "company_id": firm}
    side = "debit" if kind == "asset" else "credit"
    known |= {"account_class": kind, "account_type": account_type, "normal_balance": side}
    return ("gl_account", "c", known | values)


def rate(day: str, kind: str, value: str) -> Change:
    known = {"from_currency": "USD", "to_currency": "DKK", "rate_date": day, "rate_type": kind, "rate": value}
    return ("fx_rate", "c", known)


def period(firm: str, month: int, status: str, closed_at: str | None = None) -> Change:
    first = date(2026, month, 1)
    last = date.fromordinal(date(2026, month + 1, 1).toordinal() - 1)
    known = {"period_id": f"{firm}-2026-{month:02}", "company_id": firm, "period_number": month, "status": status}
    return ("accounting_period", "c", known | {"start_date": first, "end_date": last, "closed_at": closed_at})


def books() -> list[Change]:
    """The American firm belongs to the Danish one. It begins with 100 dollars, sells for 50 in January, is paid in
    February and spends 20; the Danish firm sells for 1,000 kroner and 250 of tax, and to Germany for 10.01 euros.
    """
    changes: list[Change] = [
        ("company", "u", {"company_id": "US", "country_code": "US", "functional_currency": "USD", "ownership_pct": 100}
            | {"parent_company_id": "DK", "timezone": "America/New_York"}),
        *(account(firm, EQUITY, "equity", "equity", translation_rate_type="historical") for firm in ("DK", "US")),
        *(account(firm, OWED_BY, "asset", "other_asset", control_for="intercompany") for firm in ("DK", "US")),
        *(account(firm, OWED_TO, "liability", "other_liability", control_for="intercompany") for firm in ("DK", "US")),
        rate("2026-01-01", "spot", "7.2"), rate("2026-01-31", "closing", "7"), rate("2026-01-31", "average", "7.5"),
        rate("2026-02-28", "closing", "6"), rate("2026-02-28", "average", "6.5"),
        *(period(firm, month, "open") for firm in ("DK", "US") for month in (2, 3, 4)),
        *(period(firm, 1, "closed", "2026-02-10 12:00:00+00") for firm in ("DK", "US")),
        *journal("OPEN", "2026-01-01", [(BANK, 100), (EQUITY, -100)], **US),
        *invoice("U1", "2026-01-10", "2026-02-09", 50, **US),
        *paid("PU1", "2026-02-05", 50, [("U1", 50)], bank_account_id="US-BANK", **US),
        *journal("RENT", "2026-02-20", [(COSTS, 20), (BANK, -20)], **US),
    ]  # fmt: skip
    changes += taxed()
    lent = [(OWED_BY, 30), (BANK, -30)]
    changes += journal("LENT", "2026-03-01", lent, counterparty_company_id="US")
    changes += journal("OWED", "2026-03-01", [(BANK, 30, 5), (OWED_TO, -30, -5)], company_id="US", currency_code="DKK",
                       counterparty_company_id="DK")  # fmt: skip
    return changes


def taxed() -> list[Change]:
    danish = {"unit_price": 1000, "net_amount": 1000, "tax_amount": 250, "tax_code": "S25", "tax_rate_pct": 25}
    parts = [
        {"unit_price": 5, "net_amount": 5, "tax_amount": "1.25", "tax_code": "S25", "tax_rate_pct": 25},
        {"unit_price": "5.01", "net_amount": "5.01", "tax_amount": 0, "tax_code": "Z", "tax_rate_pct": 0},
    ]
    changes = invoice("D1", "2026-01-15", "2026-02-14", 1000, [danish], post=False, tax_amount=250, gross_amount=1250,
                      tax_amount_base=250, gross_amount_base=1250)  # fmt: skip
    changes += journal("JD1", "2026-01-15", [(RECEIVABLES, 1250), (SALES, -1000), (VAT_OUT, -250)], ("invoice", "D1"))
    # 10.01 euros at 7.4668 are 74.742668, and the tax 9.3335: as the header has them
    changes += invoice("D2", "2026-01-20", "2026-02-19", "10.01", parts, post=False, currency_code="EUR",
                       fx_rate="7.4668", tax_amount="1.25", gross_amount="11.26", net_amount_base="74.74",
                       tax_amount_base="9.34", gross_amount_base="84.08")  # fmt: skip
    changes += journal(
        "JD2", "2026-01-20",
        [(RECEIVABLES, "11.26", "84.08"), (SALES, "-10.01", "-74.74"), (VAT_OUT, "-1.25", "-9.34")],
        ("invoice", "D2"), currency_code="EUR",
    )  # fmt: skip
    return changes


@pytest.fixture(scope="module")
def kept(framed: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    world = copy_of(framed, tmp_path_factory.mktemp("statements") / "home")
    world.land(*books())
    world.cycle()
    assert world.query(BLOCKED) == []
    return world


def test_the_trial_balance_of_two_months(kept: Any) -> None:
    rows = kept.query(
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


def test_profit_and_loss_in_both_currencies(kept: Any) -> None:
    rows = kept.query(
        """SELECT month_start, account_number, amount_base, year_to_date_base, amount_group, group_currency
        FROM marts.mart_profit_and_loss WHERE company_id = 'US' AND month_start < '2026-03-01' ORDER BY ALL"""
    )
    # at the average rate of the month: 50 × 7.5, 20 × 6.5
    assert rows == [
        (JANUARY, "4000", 50, 50, 375, "DKK"),
        (FEBRUARY, "4000", 0, 50, 0, "DKK"),
        (FEBRUARY, "5000", -20, -20, -130, "DKK"),
    ]


def test_the_balance_sheet_shows_the_translation_difference(kept: Any) -> None:
    rows = kept.query(
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


def test_the_cash_flow_statement_explains_the_bank(kept: Any) -> None:
    rows = kept.query(
        """SELECT category, line_name, amount_base FROM marts.mart_cash_flow_statement
        WHERE company_id = 'US' AND month_start = '2026-02-01' ORDER BY category_number, line_name"""
    )
    assert rows == [("operating", "Result", -20), ("operating", "Trade receivables", 50), ("cash", "Bank", 30)]


def test_the_tax_return_adds_up_to_the_documents(kept: Any) -> None:
    rows = kept.query(
        """SELECT month_start, direction, tax_code, document_count, net_base, tax_base, payable_base
        FROM marts.mart_vat_return WHERE company_id = 'DK' ORDER BY ALL"""
    )
    # 5 euros are 37.334 and 5.01 are 37.40868; what is short of 74.74 and of the tax goes to the code with the tax
    assert rows == [
        (JANUARY, "receivable", "S25", 2, Decimal("1037.33"), Decimal("259.34"), Decimal("259.34")),
        (JANUARY, "receivable", "Z", 1, Decimal("37.41"), 0, 0),
    ]
    assert kept.query(
        "SELECT documents_base, posted_base, difference_base FROM marts.mart_vat_reconciliation WHERE company_id = 'DK'"
        " AND month_start = '2026-01-01'"
    ) == [(Decimal("259.34"), Decimal("259.34"), 0)]


NAMED: dict[str, list[Change]] = {
    # a cent short
    "journal_is_balanced": journal("X", "2026-03-10", [(BANK, 10), (SALES, "-9.99")]),
    # balanced in kroner only
    "journal_is_balanced_in_its_currency": journal("X", "2026-03-10", [(BANK, 10, 75), (SALES, -11, -75)],
                                                   currency_code="EUR"),
    # a line of nothing
    "journal_lines_are_debit_or_credit": journal("X", "2026-03-10", [(BANK, 10), (SALES, -10), (COSTS, 0)]),
    "journal_has_one_company_and_day": [
        *journal("X", "2026-03-10", [(BANK, 10), (SALES, -10)]),
        ("gl_entry", "c", {"entry_id": "X-1", "posting_date": "2026-03-11"}),
    ],
    # January was closed on the tenth of February
    "closed_periods_take_no_entries": journal("X", "2026-01-31", [(BANK, 10), (SALES, -10)],
                                              entered_at="2026-03-01 09:00:00+00"),
}  # fmt: skip


@pytest.mark.parametrize("rule", NAMED)
def test_a_journal_that_breaks_a_rule_is_named_and_the_rest_is_published(kept: Any, tmp_path: Path, rule: str) -> None:
    world = copy_of(kept, tmp_path / "home")
    world.land(*_merged(NAMED[rule]), *journal("GOOD", "2026-03-10", [(BANK, 7), (SALES, -7)]))
    world.cycle()
    assert world.query(BLOCKED) == [("journal", "X", rule)]
    found = (
        "SELECT DISTINCT journal_id FROM marts.fct_gl_entries WHERE posting_date >= '2026-03-02' AND company_id = 'DK'"
    )
    assert world.query(found) == [("GOOD",)]


def _merged(changes: list[Change]) -> list[Change]:
    """A later change of an entry completes the earlier one: one row of it is landed."""
    rows: dict[str, Change] = {}
    for table, op, values in changes:
        key = str(values["entry_id"])
        rows[key] = (table, op, (rows[key][2] if key in rows else {}) | values)
    return list(rows.values())


WITHHELD: dict[str, list[Change]] = {
    # the voucher has ten of tax too little
    "tax_accounts_hold_the_tax_of_documents": [
        *invoice("T1", "2026-03-15", "2026-04-14", 1000, [{"unit_price": 1000, "net_amount": 1000, "tax_amount": 250}],
                 post=False, tax_amount=250, gross_amount=1250, tax_amount_base=250, gross_amount_base=1250),
        *journal("JT1", "2026-03-15", [(RECEIVABLES, 1250), (SALES, -1010), (VAT_OUT, -240)], ("invoice", "T1")),
    ],
    # nobody owes what this firm is owed
    "intercompany_balances_agree": journal("X", "2026-03-20", [(OWED_BY, 5), (BANK, -5)],
                                           counterparty_company_id="US"),
}  # fmt: skip


@pytest.mark.parametrize("rule", WITHHELD)
def test_a_total_that_names_no_document_withholds_publication(kept: Any, tmp_path: Path, rule: str) -> None:
    world = copy_of(kept, tmp_path / "home")
    world.land(*WITHHELD[rule])
    with pytest.raises(AuditError, match=rule):
        world.cycle()


def test_statements_that_lost_a_row_do_not_agree(kept: Any, tmp_path: Path) -> None:
    """These three compare what the models made: a mart that loses or changes a row breaks them."""
    world = copy_of(kept, tmp_path / "home")
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
