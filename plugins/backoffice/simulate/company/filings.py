"""What the law asks for: returns and accounts with their due days, submitted with a document as evidence."""

from __future__ import annotations

from datetime import date

from backoffice.simulate.company import documents
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, last_of_month, month_after, workday, workdays_after
from backoffice.simulate.company.world import Firm

_LATE = 0.06


def step(day: Day) -> None:
    """On the first of a month what the month before asks for is noted."""
    if day.today.day != 1:
        return
    before = month_after(day.today, -1)
    for firm in day.firms():
        _owe(day, firm, "payroll tax", before, day.today.replace(day=10))
        if firm.land != "DK" or day.today.month % 3 == 1:
            first = month_after(before, -2) if firm.land == "DK" else before
            _owe(day, firm, "VAT return" if firm.land == "DK" else "sales tax return", first, day.today.replace(day=20))
        if day.today.month == 3:
            _owe(day, firm, "annual accounts", date(day.today.year - 1, 1, 1), date(day.today.year, 5, 31))
        if day.today.month in (2, 5, 8, 11):
            _owe(day, firm, "GDPR review" if firm.land == "DK" else "SOX control", before, last_of_month(day.today))


def _owe(day: Day, firm: Firm, law: str, first: date, due: date) -> None:
    number = f"F{firm.no}-{day.world.number('filing'):04d}"
    owners = day.world.staff(firm.no, 40)
    row: Row = {
        "filing_no": number,
        "firm": firm.no,
        "law": law,
        "land": firm.land,
        "first_day": first,
        "last_day": last_of_month(month_after(day.today, -1)),
        "due": due,
        "sent_at": None,
        "accepted_at": None,
        "amount": None,
        "currency": firm.currency,
        "owner": owners[0].no if owners else None,
        "evidence": None,
        "state": "O",
    }
    day.world.filings[number] = row
    day.book.put("erp.filing", row, day.at(firm.no, 8))
    late = day.chance("filing", day.world.counters["filing"]).happens(_LATE)
    day.world.later(workdays_after(workday(due), 2) if late else max(workday_of(due), day.today), "file", number)


def workday_of(due: date) -> date:
    """A working day on or before a due day, but not long before it."""
    return due if due.weekday() < 5 else date.fromordinal(due.toordinal() - (due.weekday() - 4))


def submit(day: Day, number: str) -> None:
    """Submitted with its evidence; the authority accepts within days."""
    row = day.world.filings[number]
    at = day.at(row["firm"], 11)
    evidence = documents.store(day, "report", "finance", f"{row['law']} {row['last_day']:%Y-%m}", at, language="en-US")
    row.update(sent_at=at, evidence=evidence["doc_id"], state="S")
    day.book.put("erp.filing", row, at)
    day.world.later(workdays_after(day.today, 3), "accept", number)


def accept(day: Day, number: str) -> None:
    """Accepted."""
    row = day.world.filings.pop(number)
    at = day.at(row["firm"], 12)
    row.update(accepted_at=at, state="A")
    day.book.put("erp.filing", row, at)
