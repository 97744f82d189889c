"""Faults of the general ledger that leave each voucher balanced."""

from __future__ import annotations

from datetime import timedelta

from backoffice.simulate.company.accounts import PAYABLE, RECEIVABLE
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.faults.kind import Edit, Kind, Told, in_row

_TOO_LATE = timedelta(days=1)


def _the_other_control_account(row: Row) -> bool:
    """Only of an invoice's or a bill's own voucher."""
    other = {RECEIVABLE: PAYABLE, PAYABLE: RECEIVABLE}.get(row["acct"])
    if other is None or row["source"] != "IV":
        return False
    row["acct"] = other
    return True


def _keyed_after_closing(told: Told, index: int, _: Chance) -> Edit | None:
    """All lines of a voucher, by its first; its month has to be known as closed."""
    row = told.row(index)
    posted = row["posted_on"]
    months = told.where("erp.fiscal_month", firm=row["firm"], fiscal_year=posted.year, fiscal_month=posted.month)
    closed = told.row(months[-1])["closed_at"] if months else None
    if row["line"] != 1 or closed is None or closed + _TOO_LATE > told.changes[-1].at:
        return None
    lines = told.where("erp.ledger_line", voucher=row["voucher"])
    return Edit({line: told.row(line) | {"keyed_at": closed + _TOO_LATE} for line in lines})


LEDGER = (
    Kind("F24", "erp.ledger_line", "posted to the wrong control account", 1, in_row(_the_other_control_account)),
    Kind("F26", "erp.ledger_line", "posted into a month after it was closed", 2, _keyed_after_closing),
)
