"""Vacancies: opened when somebody gives notice or the company grows, filled on a first or fifteenth."""

from __future__ import annotations

from datetime import date, timedelta

from backoffice.simulate.company import people
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, month_after
from backoffice.simulate.company.people import Joining

_GROWTH_A_YEAR, _CANCELLED = 3, 0.06
_POOL = {"O": 14, "H": 22, "R": 38}
_FIFTEENTH = 15


def step(day: Day) -> None:
    """Growth: a new position a few times a year."""
    chance = day.chance("growth")
    if chance.happens(_GROWTH_A_YEAR / 365):
        firm = chance.one_of(day.firms())
        person = chance.one_of(day.world.staff(firm.no, 20, 25, 30, 40))
        open_vacancy(day, (firm.no, person.unit, person.title, person.pay, person.boss))


def open_vacancy(day: Day, what: tuple[int, str, str, int, int | None]) -> None:
    """Advertise a position; how many apply depends on where the work may be done."""
    firm_no, unit, title, pay, boss = what
    number = day.world.number("vacancy")
    chance = day.chance("vacancy", number)
    mode = people.mode_of(chance, day.world.units[unit]["area"])
    at = day.at(firm_no, 9)
    row: Row = {
        "vacancy_no": number,
        "firm": firm_no,
        "unit_code": unit,
        "title": title.replace("Head of ", "").rstrip("s") if title.startswith("Head") else title,
        "place_mode": mode,
        "opened_at": at,
        "applicants": chance.poisson(_POOL[mode]),
        "filled_at": None,
        "filled_by": None,
        "state": "O",
    }
    day.world.vacancies[number] = row
    day.book.put("hris.vacancy", row, at)
    if chance.happens(_CANCELLED):
        day.later(30, "vacancy_cancel", number)
    else:
        start = _start(day.today + timedelta(days=chance.whole(22, 55)))
        day.world.later(start, "hire", (number, round(pay * chance.between(0.94, 1.05)) // 100 * 100, boss))


def _start(after: date) -> date:
    """A first or a fifteenth."""
    return after.replace(day=_FIFTEENTH) if after.day <= _FIFTEENTH else month_after(after)


def hire(day: Day, what: tuple[int, int, int | None]) -> None:
    """Somebody begins."""
    number, pay, boss = what
    row = day.world.vacancies.pop(number)
    at = day.at(row["firm"], 8)
    if boss is not None and not day.world.people[boss].works:
        boss = day.world.people[boss].boss
    joining = Joining(
        row["firm"], row["unit_code"], row["title"], "L2", "P", row["place_mode"], pay, day.today, boss=boss
    )
    person = people.join(day, day.chance("hire", number), joining, at)
    row.update(filled_at=at, filled_by=person.no, state="F")
    day.book.put("hris.vacancy", row, at)


def cancel(day: Day, number: int) -> None:
    """The position is not filled after all."""
    row = day.world.vacancies.pop(number)
    row["state"] = "C"
    day.book.put("hris.vacancy", row, day.at(row["firm"], 10))
