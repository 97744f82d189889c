"""Faults within one row, most of which the landing and base gates see, and F40, which nothing sees."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.faults.kind import Kind, in_row, lost
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.orders import cents


def _set(name: str, value: object) -> Callable[[Row], bool]:
    def spoil(row: Row) -> bool:
        row[name] = value
        return True

    return spoil


def _a_cent_more(row: Row) -> bool:
    """In both currencies, so that the line itself looks right."""
    row["amount"], row["amount_home"] = (amount(cents(str(row[name])) + 1) for name in ("amount", "amount_home"))
    return True


def _another_currency(row: Row) -> bool:
    row["currency"] = "EUR" if row["currency"] != "EUR" else "USD"
    return True


def _rate_turned_around(row: Row) -> bool:
    """The amounts in the firm's own currency are right."""
    rate = Decimal(row["rate_100"])
    row["rate_100"] = str((10_000 / rate).quantize(Decimal("0.0001")))
    return rate != 100


def _an_entry_altered(row: Row) -> bool:
    """The balances stay as they were."""
    if not row["entries"]:
        return False
    first, *others = row["entries"]
    row["entries"] = [first | {"cents": first["cents"] + 100_00}, *others]
    return "details" not in first


def _begun_too_early(row: Row) -> bool:
    """While the assignment before still lasts."""
    if row["reason"] == "hired":
        return False
    row["first_day"] -= timedelta(days=5)
    return True


def _a_contract_unchecked(row: Row) -> bool:
    """A letter is approved as it is filed; a contract has to be checked first."""
    if row["doc_type"] not in ("correspondence", "report"):
        return False
    row.update(doc_type="contract", area="legal")
    return True


def _a_year_far_off(row: Row) -> bool:
    row["dated"] = row["dated"].replace(year=2062, day=min(row["dated"].day, 28))
    row["due"] = row["dated"] + timedelta(days=row["pay_days"])
    return True


def _due_too_early(row: Row) -> bool:
    row["due"] = row["dated"] - timedelta(days=30)
    return True


def _replied_too_early(row: Row) -> bool:
    if row["first_reply"] is None:
        return False
    row["first_reply"] = row["opened"] - timedelta(hours=3)
    return True


def _garbled(row: Row) -> bool:
    """UTF-8 that was read as another encoding."""
    name = str(row["name"]).encode().decode("cp1252", errors="ignore")
    is_other = name != str(row["name"])
    row["name"] = name
    return is_other


def _no_address(row: Row) -> bool:
    if "@" not in str(row["mail"]):
        return False
    row["mail"] = row["mail"].replace("@", " at ")
    return True


def _a_national_id(row: Row) -> bool:
    row["subject"] = f"{row['subject']} (160581-1233)"
    return True


def _cents_for_units(row: Row) -> bool:
    row.update(price=amount(cents(row["price"]) * 100), net=amount(cents(row["net"]) * 100))
    return True


def _an_hour_more(row: Row) -> bool:
    row["hours"] += 1
    return True


ROWS = (
    Kind("F02", "carrier.scan", "the parcel's reference is missing", 10, in_row(_set("reference", ""))),
    Kind("F02", "archive.document", "the checksum is missing", 10, in_row(_set("sha256", ""))),
    Kind("F03", "crm.note", "what happened is missing", 10, in_row(_set("kind", None))),
    Kind("F04", "erp.so_line", "an item nobody knows", 5, in_row(_set("item_no", 999_999))),
    Kind("F04", "hours.entry", "a person nobody knows", 5, in_row(_set("pn", 999_999))),
    Kind("F05", "erp.so_head", "a channel without a meaning", 5, in_row(_set("channel", "Q"))),
    Kind("F05", "carrier.scan", "a code without a meaning", 5, in_row(_set("code", "ZZZ"))),
    Kind("F05", "crm.ticket", "a priority without a meaning", 5, in_row(_set("prio", "blocker"))),
    Kind("F05", "hris.task", "a kind of work without a meaning", 5, in_row(_set("kind", "NAP"))),
    Kind("F08", "erp.ledger_line", "a voucher off by one cent", 1, in_row(_a_cent_more)),
    Kind("F09", "erp.ledger_line", "a line of a voucher lost", 1, lost),
    Kind("F10", "erp.so_line", "another currency than the order's", 2, in_row(_another_currency)),
    Kind("F11", "erp.invoice", "a rate of exchange turned around", 2, in_row(_rate_turned_around)),
    Kind("F12", "erp.invoice", "dated in the year 2062", 3, in_row(_a_year_far_off)),
    Kind("F13", "erp.invoice", "due before it was written", 3, in_row(_due_too_early)),
    Kind("F15", "bank.statement", "an entry altered after the balances were made", 20, in_row(_an_entry_altered)),
    Kind("F19", "hris.assignment", "an assignment begun before the one before ended", 200, in_row(_begun_too_early)),
    Kind("F27", "crm.ticket", "a reply before the ticket", 5, in_row(_replied_too_early)),
    Kind("F28", "crm.survey", "a score off the scale", 10, in_row(_set("score", 14))),
    Kind("F29", "erp.debtor", "a name in the wrong encoding", 10, in_row(_garbled)),
    Kind("F30", "erp.debtor", "a mail address without an @", 10, in_row(_no_address)),
    Kind("F31", "erp.debtor", "a language that is no code", 10, in_row(_set("language", "DANSK"))),
    Kind("F31", "crm.ticket", "a language that is no code", 10, in_row(_set("lang", "Danish"))),
    Kind("F32", "crm.ticket", "a national id in free text", 2, in_row(_a_national_id)),
    Kind("F33", "archive.document", "a contract approved without a legal check", 50, in_row(_a_contract_unchecked)),
    Kind("F39", "erp.so_line", "a hundred times the price", 3, in_row(_cents_for_units)),
    Kind("F40", "hours.entry", "an hour too many, which nobody can see", 5, in_row(_an_hour_more)),
)
