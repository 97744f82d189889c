"""Files of the bank, vendors, carriers, time sheets and the archive: one file is what a system sends at a time.

A name is given once and its content follows from the records alone: what a kill interrupted is written again, the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from backoffice.simulate.company import camt_file, sheets, ubl_file
from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.tables import AGAIN, OTHER_KEYS

FOLDERS = {
    "bank.statement": "bank",
    "vendors.invoice": "einvoices",
    "carrier.scan": "carrier",
    "hours.entry": "timesheets",
    "archive.document": "archive",
    "archive.check": "archive",
}
"""Records of a table → folder of its files."""

# how long records are gathered before a file of them is sent; none: at once, each for itself
_GATHERED = {
    "carrier.scan": timedelta(minutes=30),
    "hours.entry": timedelta(minutes=60),
    "archive.document": timedelta(minutes=60),
    "archive.check": timedelta(minutes=60),
}
_E_INVOICES_SINCE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Paper:
    """A file that is due.

    Args:
        at: when it is sent.
        name: folder and name.
    """

    at: datetime
    name: str
    table: str
    records: tuple[Row, ...]

    def content(self) -> bytes:
        """Its bytes."""
        match self.table:
            case "bank.statement":
                return camt_file.render(self.records)
            case "vendors.invoice":
                return ubl_file.render(self.records[0])
            case "carrier.scan":
                return sheets.scans(self.records)
            case "hours.entry":
                return sheets.hours(self.records)
            case _:
                return sheets.register(self.table, self.records)


def as_sent(changes: Sequence[Change]) -> list[Change]:
    """Without the versions of a record that a later one replaces before the file with them is sent."""
    last: dict[tuple[object, ...], int] = {}
    for index, change in enumerate(changes):
        if change.table in _GATHERED:
            last[change.table, sent_at(change), *_key(change.table, change.row)] = index
    kept = set(last.values())
    return [change for index, change in enumerate(changes) if change.table not in _GATHERED or index in kept]


def of_day(changes: Iterable[Change]) -> list[Paper]:
    """The files of a day, in the order they are sent."""
    groups: dict[tuple[str, datetime, str], list[Row]] = {}
    for change in changes:
        if change.table in FOLDERS:
            at = sent_at(change)
            groups.setdefault((change.table, at, _name(change, f"{at:%Y%m%dT%H%M}")), []).append(change.row)
    papers = [Paper(at, name, table, _newest(table, rows)) for (table, at, name), rows in groups.items()]
    return sorted(papers, key=lambda paper: (paper.at, paper.name))


def of_history(changes: Iterable[Change], today: date) -> list[Paper]:
    """The files of the past, a month in one; vendors send electronic invoices for a month now."""
    groups: dict[tuple[str, str], list[Row]] = {}
    last: dict[tuple[str, str], datetime] = {}
    for change in changes:
        if change.table in FOLDERS:
            if change.table == "vendors.invoice" and change.at.date() < today - _E_INVOICES_SINCE:
                continue
            key = (change.table, _name(change, f"{change.at:%Y%m}"))
            groups.setdefault(key, []).append(change.row)
            last[key] = change.at
    return [Paper(last[key], key[1], key[0], _newest(key[0], rows)) for key, rows in groups.items()]


def _newest(table: str, records: list[Row]) -> tuple[Row, ...]:
    """A file tells each thing once, as it is when the file is sent."""
    return tuple({_key(table, row): row for row in records}.values())


def _key(table: str, row: Row) -> tuple[object, ...]:
    return (*(row[name] for name in OTHER_KEYS[table]), row.get(AGAIN))


def write(inbox: Path, papers: Iterable[Paper]) -> Iterator[Path]:
    """Send files: under another name first, so that nobody reads half of one; what was sent is left alone."""
    for paper in papers:
        path = inbox / paper.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f"{path.name}.tmp")
            half.write_bytes(paper.content())
            os.utime(half, (paper.at.timestamp(), paper.at.timestamp()))
            half.replace(path)
            yield path


def sent_at(change: Change) -> datetime:
    """When the file with a record is sent."""
    gathered = _GATHERED.get(change.table)
    if gathered is None:
        return change.at
    midnight = change.at.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = midnight + gathered * ((change.at - midnight) // gathered + 1)
    return min(ends, midnight + timedelta(days=1, seconds=-1))


def _name(change: Change, stamp: str) -> str:
    row, folder = change.row, FOLDERS[change.table]
    names = {
        "bank.statement": f"camt053_{stamp[:8] if len(stamp) > 6 else stamp}_{row.get('iban', '')[-4:]}.xml",
        "vendors.invoice": f"{row.get('number', '')}.xml",
        "carrier.scan": f"sporing_{stamp}.csv",
        "hours.entry": f"timer_{stamp}.xlsx",
        "archive.document": f"register_{stamp}.csv",
        "archive.check": f"checks_{stamp}.csv",
    }
    return f"{folder}/{names[change.table]}"
