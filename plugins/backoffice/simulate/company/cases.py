"""Grievances and other cases of employee relations."""

from __future__ import annotations

from datetime import datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day

_A_DAY, _ANONYMOUS, _APPEALED = 0.09, 0.12, 0.06
_KINDS = (
    ("GRI", 0.45), ("PAY", 0.2), ("DIS", 0.12), ("HAR", 0.06), ("ACC", 0.1), ("WHI", 0.03), ("OTH", 0.04),
)  # fmt: skip
_OUTCOMES = (("U", 0.25), ("P", 0.2), ("N", 0.3), ("W", 0.1), ("M", 0.15))
_TOLD = {
    "GRI": "Unfair distribution of shifts", "PAY": "Overtime was not paid", "DIS": "Repeated lateness",
    "HAR": "Offensive remarks", "ACC": "Needs a standing desk", "WHI": "Irregular approval", "OTH": "Other matter",
}  # fmt: skip


def step(day: Day) -> None:
    """A case is opened now and then."""
    chance = day.chance("cases")
    if not day.is_workday:
        return
    for _ in range(chance.poisson(_A_DAY)):
        firm = chance.one_of(day.firms())
        staff = day.world.staff(firm.no)
        reporter, subject = chance.one_of(staff), chance.one_of(staff)
        _open(day, chance.weighted(_KINDS), reporter.no, subject.no, reporter.unit, appeal_of=None,
              at=day.at(firm.no, chance.between(9, 14)))  # fmt: skip


def _open(day: Day, kind: str, by: int, about: int, unit: str, *, appeal_of: int | None, at: datetime) -> None:
    number = day.world.number("case")
    chance = day.chance("case", number)
    firm = day.world.people[by].firm
    handlers = [p.no for p in day.world.staff(firm, 60, 90, 10) if p.no not in (by, about)]
    row: Row = {
        "case_no": number,
        "opened_at": at,
        "by_pn": None if chance.happens(_ANONYMOUS) else by,
        "about_pn": about if kind in ("GRI", "HAR", "DIS", "WHI") and about != by else None,
        "unit_code": unit,
        "kind": kind,
        "weight": chance.weighted(((1, 0.35), (2, 0.4), (3, 0.2), (4, 0.05))),
        "acknowledged_at": None,
        "handler": None,
        "resolved_at": None,
        "outcome": None,
        "appeal_of": appeal_of,
        "told": _TOLD[kind],
        "state": 1,
    }
    day.world.cases[number] = row
    day.book.put("hris.er_case", row, at)
    day.moment(at + timedelta(hours=chance.between(2, 60)), "case_seen", (number, chance.one_of(handlers)))


def seen(day: Day, what: tuple[datetime, tuple[int, int]]) -> None:
    """Acknowledged and handed to somebody."""
    at, (number, handler) = what
    row = day.world.cases[number]
    row.update(acknowledged_at=at, handler=handler, state=2)
    day.book.put("hris.er_case", row, at)
    wait = timedelta(days=day.chance("case days", number).lognormal(16, 0.7))
    day.moment(at + wait, "case_solved", number)


def solved(day: Day, what: tuple[datetime, int]) -> None:
    """Resolved; a few are appealed, as a new case."""
    at, number = what
    row, chance = day.world.cases.pop(number), day.chance("case end", number)
    row.update(resolved_at=at, outcome=chance.weighted(_OUTCOMES), state=3)
    if chance.happens(_APPEALED) and row["by_pn"] and row["appeal_of"] is None:
        row["state"] = 5
        _open(day, row["kind"], row["by_pn"], row["about_pn"] or row["by_pn"], row["unit_code"], appeal_of=number,
              at=at + timedelta(hours=1))  # fmt: skip
    day.book.put("hris.er_case", row, at)
