"""People: who is hired, changes place or pay, and leaves; 12 to 15 in a hundred leave in a year.

Notice is given at a higher rate than that: those who gave it in the last month have not left yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from backoffice.simulate.company import equipment, names, training
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day, last_of_month, month_after
from backoffice.simulate.company.money import percent
from backoffice.simulate.company.world import Person

LEAVERS_A_YEAR = 0.16
REMOTE_SHARE, HYBRID_SHARE = 0.25, 0.15
GRANT = {"DKK": 340_000, "USD": 50_000}
HOME_OFFICE = {"DKK": 50_000, "USD": 7_500}
_WEEK = {"DK": "37.00", "US": "40.00"}
_WHY = (("own wish", 0.68), ("dismissed", 0.17), ("contract ended", 0.08), ("retired", 0.07))
_APRIL = 4
_NOTICE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody who begins.

    Args:
        engagement: P payroll, F freelancer, O outsourced.
        mode: O office, H hybrid, R remote, X at an outsourcer.
        pay: cents a month, of freelancers an hour.
        creditor: whose bills pay for a freelancer or an agency's person.
    """

    firm: int
    unit: str
    title: str
    grade: str
    engagement: str
    mode: str
    pay: int
    hired: date
    boss: int | None = None
    creditor: int | None = None
    land: str = ""


def step(day: Day) -> None:
    """Somebody gives notice when it is time; on the first of April pay goes up."""
    staff = [person for firm in day.firms() for person in day.world.staff(firm.no)]
    day.world.leaving += len(staff) * LEAVERS_A_YEAR / 365
    while day.world.leaving >= 1:
        day.world.leaving -= 1
        _give_notice(day, staff)
    if day.today.month == _APRIL and day.today.day == 1:
        for person in staff:
            raise_pay(day, person, 250)
    if day.today.day == 1:
        _move_home(day, staff)


def mode_of(chance: Chance, area: int) -> str:
    """Where somebody works; a warehouse cannot be left."""
    if area == 30:
        return "O"
    return chance.weighted((("R", REMOTE_SHARE), ("H", HYBRID_SHARE), ("O", 1 - REMOTE_SHARE - HYBRID_SHARE)))


def join(day: Day, chance: Chance, joining: Joining, at: datetime) -> Person:
    """Register somebody, with assignment, pay, equipment and the courses everybody takes."""
    firm = day.world.firms[joining.firm]
    land = joining.land or firm.land
    number = day.world.number("person", 1001)
    first, last = names.person(chance, land)
    person = Person(
        number, firm.no, f"{first} {last}", joining.unit, day.world.units[joining.unit]["area"], joining.title,
        joining.engagement, joining.mode, joining.pay, firm.currency, joining.hired, joining.boss,
        creditor=joining.creditor, iban=names.account_number(chance, land),
    )  # fmt: skip
    person.row = _person_row(day, chance, person, (first, last), land)
    day.world.people[number] = person
    day.book.put("hris.person", person.row, at)
    assign(day, person, joining.grade, joining.hired, "hired", at=at)
    _pay_rows(day, person, at)
    equipment.hand_out(day, person, at)
    training.give_basic(day, person, at)
    return person


def _person_row(day: Day, chance: Chance, person: Person, name: tuple[str, str], land: str) -> Row:
    street, zip_code, city = names.address(chance, land if land in names.LANGUAGE and land != "PH" else "US")
    return {
        "pn": person.no,
        "badge": f"N{person.no:05d}",
        "first_name": name[0],
        "last_name": name[1],
        "mail": names.mail(f"{name[0]}.{name[1]}.{person.no}", "nordlys.example"),
        "private_mail": names.mail(f"{name[0]}{person.no}", "post.example"),
        "born": date(chance.whole(1962, 2003), chance.whole(1, 12), chance.whole(1, 28)),
        "sex": chance.weighted((("K", 0.49), ("M", 0.49), ("X", 0.02))),
        "iban": person.iban,
        "home": f"{street}, {zip_code} {city}",
        "land": land,
        "language": names.LANGUAGE[land],
        "engagement": person.engagement,
        "firm_of_vendor": person.creditor,
        "hired_on": person.hired,
        "left_on": None,
        "left_why": None,
        "regretted": None,
        "state": 1 if person.hired <= day.today else 0,
    }


def place_of(day: Day, person: Person) -> str:
    """Code of the place where somebody works."""
    firm = day.world.firms[person.firm]
    if person.mode == "X":
        return "US-MNL"
    if person.mode == "R" or person.engagement == "F":
        return f"{firm.code}-HOME"
    return firm.shop if person.area == 30 else firm.office


def assign(day: Day, person: Person, grade: str, first: date, reason: str, *, at: datetime) -> None:
    """Begin an assignment and end the one before."""
    if person.job:
        person.job["last_day"] = first - timedelta(days=1)
        day.book.put("hris.assignment", person.job, at)
    person.job = {
        "assignment_no": day.world.number("assignment"),
        "pn": person.no,
        "firm": person.firm,
        "unit_code": person.unit,
        "boss_pn": person.boss,
        "title": person.title,
        "grade": grade,
        "place": place_of(day, person),
        "place_mode": person.mode,
        "share": "1.000",
        "weekly_hours": _WEEK[day.world.firms[person.firm].land],
        "first_day": first,
        "last_day": None,
        "reason": reason,
    }
    day.book.put("hris.assignment", person.job, at)


def _pay_rows(day: Day, person: Person, at: datetime) -> None:
    if person.engagement == "O":
        return
    kinds = [("HRS", "H", person.pay)] if person.engagement == "F" else [("SAL", "M", person.pay)]
    if person.engagement == "P" and person.mode == "R":
        kinds += [("GRA", "M", GRANT[person.currency]), ("HOM", "M", HOME_OFFICE[person.currency])]
    for kind, per, cents in kinds:
        _pay_row(day, person, kind, per, cents, first=person.hired, at=at)


def _pay_row(day: Day, person: Person, kind: str, per: str, cents: int, *, first: date, at: datetime) -> None:
    heads = day.world.staff(person.firm, 60) or day.world.staff(person.firm, 10)
    row: Row = {
        "pay_no": day.world.number("pay_item"),
        "pn": person.no,
        "kind": kind,
        "per": per,
        "cents": cents,
        "currency": person.currency,
        "first_day": first,
        "last_day": None,
        "approved_by": heads[0].no if heads else None,
    }
    person.pay_rows.append(row)
    day.book.put("hris.pay_item", row, at)


def _end_pay(day: Day, person: Person, kinds: tuple[str, ...], last: date, at: datetime) -> None:
    for row in person.pay_rows:
        if row["last_day"] is None and row["kind"] in kinds:
            row["last_day"] = last
            day.book.put("hris.pay_item", row, at)
    person.pay_rows = [row for row in person.pay_rows if row["last_day"] is None or row["last_day"] >= day.today]


def raise_pay(day: Day, person: Person, hundredths: int) -> None:
    """More pay from today on."""
    at = day.at(person.firm, 8)
    _end_pay(day, person, ("SAL",), day.today - timedelta(days=1), at)
    person.pay += percent(person.pay, hundredths)
    _pay_row(day, person, "SAL", "M", person.pay, first=day.today, at=at)


def _move_home(day: Day, staff: list[Person]) -> None:
    """Now and then somebody begins to work from home, on the first of a month, and gets the grants for it."""
    chance, at = day.chance("arrangement"), day.at(10, 8)
    candidates = [person for person in staff if person.mode == "O" and person.area != 30]
    if candidates and chance.happens(0.4):
        person = chance.one_of(candidates)
        person.mode = "R"
        assign(day, person, person.job["grade"], day.today, "place", at=at)
        _pay_row(day, person, "GRA", "M", GRANT[person.currency], first=day.today, at=at)
        _pay_row(day, person, "HOM", "M", HOME_OFFICE[person.currency], first=day.today, at=at)


def _give_notice(day: Day, staff: list[Person]) -> None:
    chance = day.chance("notice", len(day.world.vacancies))
    waiting = day.world.queue.values()
    leaving = {person for events in waiting for person, _ in events.get("leave", [])}
    candidates = [p for p in staff if p.no not in leaving and p.area != 10 and (day.today - p.hired).days > 60]
    if not candidates:
        return
    person, why = chance.one_of(candidates), chance.weighted(_WHY)
    last = last_of_month(day.today + timedelta(days=_NOTICE_DAYS if chance.happens(0.5) else 0))
    day.world.later(last, "leave", (person.no, why))
    day.later(1, "vacancy", (person.firm, person.unit, person.title, person.pay, person.boss))


def leave(day: Day, what: tuple[int, str]) -> None:
    """Somebody's last day."""
    number, why = what
    person, chance = day.world.people[number], day.chance("leave", number)
    at = day.at(person.firm, 16)
    person.left = day.today
    regretted = why == "own wish" and chance.happens(0.5)
    person.row.update(left_on=day.today, left_why=why, regretted=regretted, state=9)
    day.book.put("hris.person", person.row, at)
    person.job["last_day"] = day.today
    day.book.put("hris.assignment", person.job, at)
    _end_pay(day, person, ("SAL", "GRA", "HOM"), day.today, at)
    equipment.take_back(day, person, at)
    for other in [p for p in day.world.people.values() if p.boss == number and p.works]:
        other.boss = person.boss
        day.world.later(month_after(day.today), "new_boss", other.no)


def new_boss(day: Day, number: int) -> None:
    """The assignment under another manager."""
    person: Any = day.world.people[number]
    if person.works:
        assign(day, person, person.job["grade"], day.today, "boss", at=day.at(person.firm, 8))
