"""Books of two firms for tests of the ledger's marts: an opening, sales, a payment, costs, tax, a loan between them."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.finance.world import AR as RECEIVABLES
from tests.finance.world import BANK, COSTS, SALES, VAT_OUT, Change, invoice, journal, paid

EQUITY, OWED_BY, OWED_TO = "3000", "1400", "2400"
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
        *invoice("U1", "2026-01-10", "2026-02-09", 50, status="paid", **US),
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
