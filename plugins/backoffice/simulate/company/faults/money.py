"""Faults of payments, the bank, cards and the vendors' bank details."""

from __future__ import annotations

from datetime import timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.faults.kind import Edit, Kind, Told, in_row
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.names import account_number
from backoffice.simulate.company.orders import cents

_CHANGED_BEFORE, _LOOKED_AT = timedelta(days=3), timedelta(days=28)


def _a_statement_missing(told: Told, index: int, _: Chance) -> Edit | None:
    """Not the first of its account, and of several not the last: a gap has two sides."""
    row = told.row(index)
    others = [other["sequence"] for other in told.rows("bank.statement", iban=row["iban"])]
    if row["sequence"] == 1 or (len(others) > 1 and row["sequence"] in (min(others), max(others))):
        return None
    number = {"iban": str(row["iban"]), "sequence": str(row["sequence"])}
    entries = [("bank.entry", {"reference": str(entry["reference"])}) for entry in row["entries"]]
    return Edit({index: None}, seen_at=[("bank.account", number), *entries])


def _paid_twice(told: Told, index: int, _: Chance) -> Edit | None:
    """The same bill again, a moment later."""
    row = told.row(index)
    if (row["way"], row["party"]) != ("O", "K"):
        return None
    series, count = str(row["payment_no"]).split("-")
    return Edit(besides=[("erp.payment", row | {"payment_no": f"{series}-9{count[1:]}"})])


def _cash_on_anothers_invoice(told: Told, index: int, chance: Chance) -> Edit | None:
    """An invoice of the same firm and currency, of another customer."""
    row = told.row(index)
    invoices = list(told.rows("erp.invoice", invoice_no=row["invoice_no"]))
    if row["payment_no"] is None or not invoices or invoices[-1]["kind"] != "SI":
        return None
    own = invoices[-1]
    alike = told.rows("erp.invoice", kind="SI", firm=own["firm"], currency=own["currency"])
    others = sorted({other["invoice_no"] for other in alike if other["party_no"] != own["party_no"]})
    return Edit({index: row | {"invoice_no": chance.one_of(others)}}) if others else None


def _a_bad_iban(row: Row) -> bool:
    """One digit is another; the check digits tell."""
    iban = str(row["iban"])
    if not iban[:2].isalpha():
        return False
    row["iban"] = f"{iban[:-1]}{(int(iban[-1]) + 1) % 10}"
    return True


def _details_changed_before_a_payment(told: Told, index: int, chance: Chance) -> Edit | None:
    """Days before the newest payment of the vendor, of the last four weeks."""
    row = told.row(index)
    paid = [payment["paid_on"] for payment in told.rows("erp.payment", party="K", party_no=str(row["creditor_no"]))]
    if not paid or max(paid) < told.changes[-1].at.date() - _LOOKED_AT:
        return None
    since = row["iban_since"].replace(year=max(paid).year, month=max(paid).month, day=max(paid).day) - _CHANGED_BEFORE
    return Edit({index: row | {"iban": account_number(chance, row["land"]), "iban_since": since}})


def _another_fee(row: Row) -> bool:
    """Half of it more."""
    fee = cents(row["fee"])
    row["fee"] = amount(fee + fee // 2)
    return True


MONEY = (
    Kind("F14", "bank.statement", "a bank statement that never came", 160, _a_statement_missing, steady=True),
    Kind("F22", "erp.payment", "a vendor paid twice", 2, _paid_twice),
    Kind("F23", "erp.allocation", "cash on another customer's invoice", 3, _cash_on_anothers_invoice),
    Kind("F34", "erp.creditor", "an IBAN with a wrong digit", 1, in_row(_a_bad_iban)),
    Kind("F35", "erp.creditor", "bank details changed before a payment", 1, _details_changed_before_a_payment),
    Kind("F36", "erp.card_item", "a card fee that was not agreed", 2, in_row(_another_fee)),
)
