"""Two firms' books of any length, generated straight into landing: chart, periods, rates and four lines a voucher.

A third of the vouchers is a sale with tax, a third a cost with tax, a third money that comes and goes: two years.
"""

from __future__ import annotations

from pathlib import Path

from backoffice.contracts import Contracts, Table
from backoffice.landing import LocalBatchStore, Manifest
from history import land

LINES_A_VOUCHER = 4
MONTHS, DEPARTMENTS = 24, 12
CONTRACTS = ("finance.company", "finance.gl_account", "finance.journal")
_START = "TIMESTAMPTZ '2024-01-01 08:00:00+00'"
_FIRMS = "(VALUES ('DK', 'DKK', 'Europe/Copenhagen'), ('US', 'USD', 'America/New_York')) AS f(firm, currency, zone)"
_ACCOUNTS = """(VALUES
    ('1000', 'Bank', 'asset', 'bank', 'debit', 'bank'), ('1100', 'Receivables', 'asset', 'receivable', 'debit', 'ar'),
    ('2000', 'Payables', 'liability', 'payable', 'credit', 'ap'), ('2100', 'Tax', 'liability', 'tax', 'credit', 'tax'),
    ('4000', 'Sales of goods', 'revenue', 'revenue', 'credit', NULL),
    ('4100', 'Sales of work', 'revenue', 'revenue', 'credit', NULL),
    ('5000', 'Goods', 'expense', 'cogs', 'debit', NULL),
    ('6000', 'Rent', 'expense', 'operating_expense', 'debit', NULL)
) AS a(number, name, class, type, side, control)"""
_LINES = [
    [("1100", "1.25"), ("4000", "-0.6"), ("4100", "-0.4"), ("2100", "-0.25")],
    [("5000", "0.7"), ("6000", "0.3"), ("2100", "0.25"), ("2000", "-1.25")],
    [("1000", "1"), ("1100", "-1"), ("2000", "0.5"), ("1000", "-0.5")],
]
"""Account and share of the voucher's amount of each line, for the three kinds of voucher."""

_COLUMNS = {
    "company": {
        "company_id": "firm",
        "legal_name": "'Nordlys ' || firm",
        "country_code": "firm",
        "functional_currency": "currency",
        "fiscal_year_start_month": "1",
        "timezone": "zone",
        "is_elimination": "false",
    },
    "accounting_period": {
        "period_id": "firm || '-' || strftime(first_day, '%Y-%m')",
        "company_id": "firm",
        "fiscal_year": "year(first_day)",
        "period_number": "month(first_day)",
        "start_date": "first_day",
        "end_date": "last_day(first_day)",
        "is_adjustment": "false",
        "status": "'open'",
    },
    "fx_rate": {
        "from_currency": "'USD'",
        "to_currency": "'DKK'",
        "rate_date": "last_day(first_day)",
        "rate_type": "kind",
        "rate": "7",
        "rate_source": "'ECB'",
    },
    "gl_account": {
        "account_id": "firm || '-' || number",
        "company_id": "firm",
        "account_number": "number",
        "account_name": "name",
        "account_class": "class",
        "account_type": "type",
        "normal_balance": "side",
        "control_for": "control",
        "is_active": "true",
    },
    "gl_entry": {
        "entry_id": "n",
        "journal_id": "v",
        "line_number": f"n % {LINES_A_VOUCHER} + 1",
        "company_id": "firm",
        "journal_type": "list_value('sales', 'purchase', 'cash')[v % 3 + 1]",
        "posting_date": "cast(moment AS date)",
        "entered_at": "moment",
        "entered_by": "'system'",
        "account_id": "firm || '-' || account",
        "debit": "greatest(amount, 0)",
        "credit": "greatest(-amount, 0)",
        "currency_code": "currency",
        "debit_base": "greatest(amount, 0)",
        "credit_base": "greatest(-amount, 0)",
        "source_document_type": "'manual'",
        "department_id": f"'D' || v % {DEPARTMENTS}",
        "is_reversal": "false",
        "status": "'posted'",
    },
}
"""What the rows say; a column that is not named is empty."""


def books(store: LocalBatchStore, source: str, contracts: Contracts, lines: int, cache: Path) -> Manifest:
    """Land so many journal lines, and what they refer to, as one batch; from the cache when it was made before."""
    months = f"(SELECT DATE '2024-01-01' + to_months(m) AS first_day FROM range({MONTHS}) AS r(m)) AS months"
    origins = {
        "company": _FIRMS,
        "accounting_period": f"{_FIRMS}, (SELECT cast(first_day AS date) AS first_day FROM {months}) AS m",
        "fx_rate": f"(SELECT cast(first_day AS date) AS first_day FROM {months}) AS m, "
        "(VALUES ('closing'), ('average'), ('spot')) AS k(kind)",
        "gl_account": f"{_FIRMS}, {_ACCOUNTS}",
        "gl_entry": f"({_lines(lines)}) AS l INNER JOIN {_FIRMS} ON f.firm = l.belongs",
    }
    tables = {table.name: table for table in contracts}
    queries = {name: _rows(tables[name], origin) for name, origin in origins.items()}
    return land(store, source, queries, "r", cache=cache, event_at=_START)


def _rows(table: Table, origin: str) -> str:
    said = _COLUMNS[table.name]
    listed = (f"cast({said.get(c.name, 'NULL')} AS {c.physical_type}) AS {c.name}" for c in table.columns)
    return f"SELECT {', '.join(listed)} FROM {origin}"


def _lines(lines: int) -> str:
    """Line ``n`` of voucher ``v``: its firm, moment, account and amount."""
    parts = [part for kind in _LINES for part in kind]
    accounts = ", ".join(f"'{account}'" for account, _ in parts)
    shares = ", ".join(share for _, share in parts)
    place = f"v % {len(_LINES)} * {LINES_A_VOUCHER} + n % {LINES_A_VOUCHER} + 1"
    return f"""
SELECT n, v, list_value('DK', 'US')[v % 2 + 1] AS belongs,
    {_START} + to_seconds(v * {MONTHS * 30 * 86400} // {lines // LINES_A_VOUCHER}) AS moment,
    list_value({accounts})[{place}] AS account,
    cast(list_value({shares})[{place}] * (20 + v % 9000 * 20) AS decimal(18, 4)) AS amount
FROM (SELECT n, n // {LINES_A_VOUCHER} AS v FROM range({lines}) AS r(n))"""
