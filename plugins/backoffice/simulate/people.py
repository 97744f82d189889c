"""The demo company's people: five teams, thirteen persons, and what they did and earned, relative to today."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Row = tuple[Any, ...]

EU_SELLERS = (102, 103, 104, 105)
AM_SELLERS = (106, 107)
BOSS = 101

# code, title, function, above, head
TEAMS = (
    ("MGT", "Management", 10, None, BOSS),
    ("SEU", "Sales Europe", 20, "MGT", 102),
    ("SAM", "Sales Americas", 20, "MGT", 106),
    ("LOG", "Warehouse", 30, "MGT", 108),
    ("FIN", "Finance", 40, "MGT", 111),
)

_FULL_WEEK = Decimal(37)
_RAISE_MONTH = 4
_RAISE = Decimal("1.025")


@dataclass(frozen=True, slots=True)
class Job:
    """An assignment; it lasts until the next one.

    Args:
        start: its first month, counted from this one: -12 began a year ago, 1 begins next month.
    """

    start: int
    team: str
    boss: int | None
    title: str
    grade: str
    reason: str = "hired"
    place: str = "O"
    share: str = "1"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works or worked there.

    Args:
        pay: first monthly salary, in whole units of the country's currency.
        engagement: ``P`` on the payroll, ``F`` freelancer.
        leaves: the month at whose end the person left, counted like a job's start.
    """

    staff_no: int
    first_name: str
    last_name: str
    country: str
    born: date
    pay: int
    jobs: tuple[Job, ...]
    engagement: str = "P"
    leaves: int | None = None
    left_why: str | None = None
    state: int = 1
    bonus: int = 0

    @property
    def currency(self) -> str:
        """Currency of the pay."""
        return {"DK": "DKK", "DE": "EUR", "US": "USD"}[self.country]

    @property
    def is_remote(self) -> bool:
        """Whether the newest job is done from home."""
        return self.jobs[-1].place == "R"


PEOPLE = (
    Person(BOSS, "Mette", "Lund", "DK", date(1971, 3, 9), 92_000, (Job(-96, "MGT", None, "Managing director", "L6"),)),
    Person(
        102, "Søren", "Dahl", "DK", date(1979, 11, 2), 41_000,
        (Job(-70, "SEU", BOSS, "Seller", "L3"), Job(-12, "SEU", BOSS, "Head of sales, Europe", "L5", "promoted")),
        bonus=90_000,
    ),
    Person(
        103, "Pia", "Krag", "DK", date(1988, 6, 21), 38_500, (Job(-40, "SEU", 102, "Seller", "L3", place="H"),),
        bonus=60_000,
    ),
    Person(
        104, "Jonas", "Weber", "DE", date(1990, 1, 15), 4_900, (Job(-25, "SEU", 102, "Seller", "L3", place="R"),),
        bonus=8_000,
    ),
    Person(
        105, "Nadia", "Riis", "DK", date(1994, 8, 30), 36_000,
        (Job(-22, "LOG", 108, "Order clerk", "L2"), Job(-9, "SEU", 102, "Seller", "L3", "moved", share="0.8")),
        bonus=45_000,
    ),
    Person(
        106, "Kim", "Alvarez", "US", date(1976, 4, 4), 9_800,
        (Job(-60, "SAM", BOSS, "Head of sales, Americas", "L5"),),
        bonus=25_000,
    ),
    Person(
        107, "Tom", "Baxter", "US", date(1992, 12, 12), 6_400, (Job(-18, "SAM", 106, "Seller", "L3", place="R"),),
        bonus=12_000,
    ),
    Person(108, "Ole", "Brandt", "DK", date(1968, 10, 7), 47_000, (Job(-110, "LOG", BOSS, "Warehouse manager", "L4"),)),
    Person(
        109, "Lise", "Friis", "DK", date(1997, 2, 18), 31_500,
        (Job(-30, "LOG", 108, "Picker", "L1"), Job(1, "LOG", 108, "Shift leader", "L2", "promoted")),
    ),
    Person(
        110, "Per", "Toft", "DK", date(1985, 5, 26), 31_000, (Job(-48, "LOG", 108, "Picker", "L1"),),
        leaves=-5, left_why="own wish", state=9,
    ),
    Person(
        111, "Hanne", "Vind", "DK", date(1974, 9, 1), 62_000,
        (Job(-84, "FIN", BOSS, "Head of finance", "L5", place="H"),),
    ),
    Person(
        112, "Eva", "Stein", "DK", date(1991, 7, 11), 44_000,
        (
            Job(-33, "FIN", 111, "Controller", "L3", place="H"),
            Job(-1, "FIN", 111, "Controller", "L3", "leave", place="H"),
        ),
        state=2,
    ),
    Person(
        113, "Rui", "Costa", "DK", date(1983, 1, 28), 39_000, (Job(-6, "LOG", 108, "Picker", "L1", share="0.6"),),
        engagement="F",
    ),
)  # fmt: skip


def keeper(rng: random.Random, region: str) -> int:
    """The seller who looks after a client of a sales territory."""
    return rng.choice(EU_SELLERS if region == "EU" else AM_SELLERS)


def month_start(today: date, months: int) -> date:
    """First day of the month so many months from today's."""
    count = today.year * 12 + today.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def staff_rows(today: date) -> Iterator[Row]:
    """Rows of ``shop.staff``, in the order of its columns."""
    for person in PEOPLE:
        hired = month_start(today, person.jobs[0].start)
        left = _left_on(person, today)
        yield (
            person.staff_no,
            f"B{person.staff_no}",
            person.first_name,
            person.last_name,
            f"{person.first_name}.{person.last_name}@shop.example".lower().replace("ø", "o"),
            person.born,
            person.country,
            {"DK": "da", "DE": "de", "US": "en"}[person.country],
            person.engagement,
            hired,
            left,
            person.left_why,
            person.state,
            _morning(hired),
            _morning(left or hired),
        )


def team_rows(today: date) -> Iterator[Row]:
    """Rows of ``shop.team``."""
    founded = _morning(month_start(today, -110))
    for team in TEAMS:
        yield (*team, founded, founded)


def job_rows(today: date) -> Iterator[Row]:
    """Rows of ``shop.job``, without its number."""
    for person in PEOPLE:
        starts = [month_start(today, job.start) for job in person.jobs]
        ends = [*(start - timedelta(days=1) for start in starts[1:]), _left_on(person, today)]
        for job, start, end in zip(person.jobs, starts, ends, strict=True):
            share = Decimal(job.share)
            yield (
                person.staff_no,
                job.team,
                job.boss,
                job.title,
                job.grade,
                job.place,
                share,
                _FULL_WEEK * share,
                start,
                end,
                job.reason,
                _morning(min(start, today)),
                _morning(min(start, today)),
            )


def pay_rows(today: date) -> Iterator[Row]:
    """Rows of ``shop.pay_rate``, without its number: salaries raised every April and with a promotion."""
    for person in PEOPLE:
        for kind, per, cents, start, end in _rates(person, today):
            entered = _morning(min(start, today))
            yield (person.staff_no, kind, per, cents, person.currency, start, end, BOSS, entered, entered)


def _rates(person: Person, today: date) -> Iterator[tuple[str, str, int, date, date | None]]:
    left = _left_on(person, today)
    starts = _pay_starts(person, today, left)
    cents = person.pay * 100
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield "SAL", "M", cents, start, following - timedelta(days=1) if following else left
        cents = int(cents * _RAISE)
    for kind, per, amount in _extras(person):
        yield kind, per, amount, starts[0], left


def _pay_starts(person: Person, today: date, left: date | None) -> list[date]:
    hired = month_start(today, person.jobs[0].start)
    last = min(left or today, today)
    raises = {date(year, _RAISE_MONTH, 1) for year in range(hired.year + 1, last.year + 1)}
    promotions = {month_start(today, job.start) for job in person.jobs if job.reason == "promoted"}
    return sorted({hired} | {day for day in raises if day <= last} | promotions)


def _extras(person: Person) -> Iterator[tuple[str, str, int]]:
    if person.bonus:
        yield "BON", "Y", person.bonus * 100
    if person.engagement == "P" and person.country == "DK":
        yield "PEN", "M", person.pay * 10  # ten per cent of the first salary
    if person.is_remote:
        yield "HOM", "M", 5_000


def _left_on(person: Person, today: date) -> date | None:
    return None if person.leaves is None else month_start(today, person.leaves + 1) - timedelta(days=1)


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(6, 30), UTC)
