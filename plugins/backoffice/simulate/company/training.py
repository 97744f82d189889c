"""Courses: everybody takes the basic ones when joining and again each year; some are taken by choice."""

from __future__ import annotations

from datetime import datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.world import Person

_BASIC = ("Information security", "Code of conduct")
_FREE = ("Excel for finance", "Negotiation", "First aid", "Project management", "Plain writing")
_DAYS, _VALID = 30, 365


def give_basic(day: Day, person: Person, at: datetime) -> None:
    """The courses everybody must have; somebody who came before the first day took them then."""
    if person.engagement != "P":
        return
    joined_before = person.hired < day.today
    for course in _BASIC:
        given = at - timedelta(days=day.chance(course, person.no).whole(1, 360)) if joined_before else at
        _give(day, person.no, course, True, given)


def _give(day: Day, number: int, course: str, required: bool, given: datetime) -> None:
    record = day.world.number("course")
    row: Row = {
        "record_no": record,
        "pn": number,
        "course": course,
        "required": required,
        "given_at": given,
        "due": (given + timedelta(days=_DAYS)).date() if required else None,
        "done_at": None,
        "result": None,
        "valid_until": None,
    }
    chance = day.chance("course", record)
    done = given + timedelta(days=min(chance.lognormal(12, 0.6), 60), hours=1)
    row["created_at"] = given
    if done < day.opens:
        _finish(row, done, "passed")
        _again(day, row, done)
    else:
        day.world.courses[record] = row
        day.moment(done, "course_done", record)
    day.book.put("hris.course_record", row, max(given, day.opens))


def _finish(row: Row, done: datetime, result: str) -> None:
    row.update(
        done_at=done, result=result, valid_until=(done + timedelta(days=_VALID)).date() if row["required"] else None
    )


def _again(day: Day, row: Row, done: datetime) -> None:
    if row["required"]:
        day.moment(done + timedelta(days=_VALID - 40), "course_again", (row["pn"], row["course"]))


def done(day: Day, what: tuple[datetime, int]) -> None:
    """A course is taken; one in twenty fails and takes it again."""
    at, record = what
    row = day.world.courses.pop(record)
    passed = not row["required"] or not day.chance("passed", record).happens(0.05)
    _finish(row, at, ("passed" if row["required"] else "attended") if passed else "failed")
    if not passed:
        row["valid_until"] = None
        if day.world.people[row["pn"]].works:
            _give(day, row["pn"], row["course"], True, at)
    else:
        _again(day, row, at)
    day.book.put("hris.course_record", row, at)


def again(day: Day, what: tuple[datetime, tuple[int, str]]) -> None:
    """A certificate runs out: the course is given again."""
    at, (number, course) = what
    if day.world.people[number].works:
        _give(day, number, course, True, at)


def step(day: Day) -> None:
    """Now and then somebody chooses a course."""
    chance = day.chance("training")
    people = [person for firm in day.firms() for person in day.world.staff(firm.no)]
    if day.is_workday and people and chance.happens(0.3):
        person = chance.one_of(people)
        _give(day, person.no, chance.one_of(_FREE), False, day.at(person.firm, chance.between(9, 15)))
