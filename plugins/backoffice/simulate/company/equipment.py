"""IT set-ups of people, and the outages of the systems they work with."""

from __future__ import annotations

from datetime import datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.money import amount
from backoffice.simulate.company.world import Person

_MONTHLY = {"DKK": {"LAP": 21_000, "ACC": 8_500, "VPN": 3_000}, "USD": {"LAP": 3_200, "ACC": 1_300, "VPN": 450}}
_SYSTEMS = ("ERP", "payroll", "mail", "warehouse", "web shop", "telephony", "helpdesk")
_OUTAGES_A_DAY = 0.06


def hand_out(day: Day, person: Person, at: datetime) -> None:
    """A laptop and an account are asked for; VPN for those at home."""
    kinds = ["ACC"] if person.engagement == "F" else ["LAP", "ACC"]
    kinds += ["VPN"] if person.mode in ("R", "H") else []
    late = day.chance("set-up", person.no).whole(0, 4)
    for kind in kinds:
        asked = at - timedelta(days=5) if person.hired < day.today else at
        row: Row = {
            "asset_no": day.world.number("asset"),
            "kind": kind,
            "holder": person.no,
            "place": person.job["place"],
            "asked_at": asked,
            "ready_at": None,
            "ended_at": None,
            "creditor_no": _vendor(day, person.firm),
            "monthly": amount(_MONTHLY[person.currency][kind]),
            "currency": person.currency,
            "state": "A",
        }
        person.assets.append(row)
        if person.hired < day.today:
            row.update(state="U", ready_at=at)
        else:
            day.moment(at + timedelta(days=late, hours=3), "asset_ready", (person.no, row["asset_no"]))
        day.book.put("erp.asset", row, at)


def _vendor(day: Day, firm: int) -> int | None:
    return next((c.no for c in day.world.creditors.values() if c.firm == firm and c.trade == "it"), None)


def ready(day: Day, what: tuple[datetime, tuple[int, int]]) -> None:
    """A set-up is done."""
    at, (number, asset_no) = what
    for row in day.world.people[number].assets:
        if row["asset_no"] == asset_no and row["state"] == "A":
            row.update(state="U", ready_at=at)
            day.book.put("erp.asset", row, at)


def take_back(day: Day, person: Person, at: datetime) -> None:
    """What a leaver had: devices become spare, accounts end."""
    for row in person.assets:
        if row["state"] in ("A", "U"):
            row.update(state="S" if row["kind"] == "LAP" else "R", ended_at=at, holder=None)
            row["ready_at"] = row["ready_at"] or at
            day.book.put("erp.asset", row, at)
    person.assets = []


def outages(day: Day) -> None:
    """A system fails, or is taken down for work on it, on Sundays once a month."""
    chance = day.chance("outage")
    for _ in range(chance.poisson(_OUTAGES_A_DAY)):
        _outage(day, chance.one_of(_SYSTEMS), day.at(10, chance.between(6, 18)), chance.lognormal(45, 0.9), False)
    if day.today.weekday() == 6 and day.today.day <= 7:
        _outage(day, "ERP", day.at(10, 4), 120.0, True)


def _outage(day: Day, system: str, began: datetime, minutes: float, planned: bool) -> None:
    row: Row = {
        "outage_no": day.world.number("outage"),
        "system": system,
        "began_at": began,
        "ended_at": None,
        "grade": 3 if planned or minutes < 60 else 2 if minutes < 180 else 1,
        "teams": None if planned else "SAL,SVC",
        "planned": planned,
    }
    day.book.put("erp.outage", row, began)
    row["ended_at"] = began + timedelta(minutes=round(min(minutes, 240)))
    day.book.put("erp.outage", row, row["ended_at"])
