"""Mistakes made on purpose, by kind and rate, with the truth about them in a log.

A fault changes what a system says, never what the company knows: it is put into changes on their way into the systems.
Which rows are hit follows from seed, day and kind, so that a day that is delivered again has the same faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from backoffice.durable import write_text
from backoffice.errors import SettingsError
from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.orders import cents
from backoffice.simulate.company.tables import keys

_TEN_THOUSAND = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault in one table.

    Args:
        fault: number in the catalogue.
        rate: rows in ten thousand.
        spoil: changes a copy of the row; returns False when this row cannot have the fault.
        loses: the row is not told at all.
    """

    fault: str
    table: str
    says: str
    rate: float
    spoil: Callable[[Row], bool]
    loses: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was made: where, in which row, when."""

    fault: str
    says: str
    table: str
    key: Row
    at: str


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


def _an_hour_more(row: Row) -> bool:
    row["hours"] += 1
    return True


def _lost(_: Row) -> bool:
    return True


KINDS = (
    Kind("F02", "carrier.scan", "the parcel's reference is missing", 10, _set("reference", "")),
    Kind("F02", "archive.document", "the checksum is missing", 10, _set("sha256", "")),
    Kind("F02", "crm.note", "what happened is missing", 10, _set("kind", None)),
    Kind("F04", "erp.so_line", "an item nobody knows", 5, _set("item_no", 999_999)),
    Kind("F04", "hours.entry", "a person nobody knows", 5, _set("pn", 999_999)),
    Kind("F05", "erp.so_head", "a channel without a meaning", 5, _set("channel", "Q")),
    Kind("F05", "carrier.scan", "a code without a meaning", 5, _set("code", "ZZZ")),
    Kind("F05", "crm.ticket", "a priority without a meaning", 5, _set("prio", "blocker")),
    Kind("F05", "hris.task", "a kind of work without a meaning", 5, _set("kind", "NAP")),
    Kind("F08", "erp.ledger_line", "a voucher off by one cent", 1, _a_cent_more),
    Kind("F09", "erp.ledger_line", "a line of a voucher lost", 1, _lost, loses=True),
    Kind("F10", "erp.so_line", "another currency than the order's", 2, _another_currency),
    Kind("F15", "bank.statement", "an entry altered after the balances were made", 20, _an_entry_altered),
    Kind("F19", "hris.assignment", "an assignment begun before the one before ended", 200, _begun_too_early),
    Kind("F28", "crm.survey", "a score off the scale", 10, _set("score", 14)),
    Kind("F31", "erp.debtor", "a language that is no code", 10, _set("language", "DANSK")),
    Kind("F31", "crm.ticket", "a language that is no code", 10, _set("lang", "Danish")),
    Kind("F33", "archive.document", "a contract approved without a legal check", 50, _a_contract_unchecked),
    Kind("F40", "hours.entry", "an hour too many, which nobody can see", 5, _an_hour_more),
)
"""What the landing and base gates can see, and F40, which nothing sees."""


def chosen(numbers: str) -> tuple[Kind, ...]:
    """The kinds with these numbers, separated by commas; all when there are none.

    Raises:
        SettingsError: there is no such number.
    """
    wanted = {number.strip() for number in numbers.split(",") if number.strip()}
    if unknown := wanted - {kind.fault for kind in KINDS}:
        raise SettingsError(
            f"no such kinds of fault: {', '.join(sorted(unknown))}",
            where="BACKOFFICE_DEMO_FAULT_KINDS",
            next_step=f"kinds are {', '.join(sorted({kind.fault for kind in KINDS}))}",
        )
    return tuple(kind for kind in KINDS if not wanted or kind.fault in wanted)


def make(
    changes: Sequence[Change], kinds: Iterable[Kind], seed: int, day: date, rate: float
) -> tuple[list[Change], list[Fault]]:
    """Put faults into changes.

    Args:
        changes: those of a day, or the rows of a history; they stay as they are.
        kinds: which; a row gets one fault at most.
        seed: of the company.
        day: of the changes.
        rate: times each kind's own.

    Returns:
        the changes with faults, and what was done.
    """
    hit: dict[int, Kind] = {}
    for kind in kinds:
        chance = Chance(seed, f"fault {kind.fault} {kind.table}", day)
        for index, change in enumerate(changes):
            if change.table == kind.table and chance.happens(kind.rate * rate / _TEN_THOUSAND):
                hit.setdefault(index, kind)
    spoiled: list[Change] = []
    made: list[Fault] = []
    for index, change in enumerate(changes):
        found = hit.get(index)
        row = dict(change.row)
        if found is None or not found.spoil(row):
            spoiled.append(change)
            continue
        made.append(_told(found, change))
        if not found.loses:
            spoiled.append(Change(change.table, change.at, row))
    return spoiled, made


def _told(kind: Kind, change: Change) -> Fault:
    key = {name: str(change.row[name]) for name in keys()[change.table]}
    return Fault(kind.fault, kind.says, change.table, key, change.at.isoformat())


def keep(folder: Path, name: str, faults: Iterable[Fault]) -> None:
    """Write the truth of a day, or of the history, as JSON lines; a file of that name is replaced."""
    lines = [
        json.dumps({"fault": f.fault, "system": f.table.partition(".")[0], "table": f.table, "key": f.key, "at": f.at,
                    "says": f.says}, ensure_ascii=False)
        for f in faults
    ]  # fmt: skip
    if lines:
        write_text(folder / f"{name}.jsonl", "\n".join(lines) + "\n")
