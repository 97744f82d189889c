"""Work items: data entry, filing, translations, office work; goals of freelancers, and everybody's hours on them."""

from __future__ import annotations

from datetime import datetime, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day, workdays_after
from backoffice.simulate.company.world import Firm, Person

_A_DAY = 9.0
_KINDS = (
    ("ENTRY", 0.32), ("FILE", 0.14), ("DRAFT", 0.08), ("TRANS", 0.08), ("APPR", 0.12), ("RECON", 0.10),
    ("OFFICE", 0.12), ("PROJ", 0.04),
)  # fmt: skip
_UNITS = {"ENTRY": (20, 220), "FILE": (5, 60), "TRANS": (1, 12), "DRAFT": (1, 4)}
_SAMPLED, _ERROR_SHARE, _AREAS = 0.4, 0.012, (25, 35, 40, 60, 70, 80)


def step(day: Day) -> None:
    """New tasks; goals at the start of a month and year; the hours of those who write them down."""
    if day.is_workday:
        for firm in day.firms():
            chance = day.chance("work", firm.no)
            for _ in range(chance.poisson(_A_DAY / 2)):
                _task(day, firm, chance)
        _hours(day)
    if day.today.day == 1 or day.today == day.world.born:
        _goals(day)


def _task(day: Day, firm: Firm, chance: Chance) -> None:
    kind = chance.weighted(_KINDS)
    asking = chance.one_of(sorted(unit for unit, row in day.world.units.items() if row["firm"] == firm.no))
    outsiders = [p for p in day.world.people.values() if p.firm == firm.no and p.works and p.engagement in ("F", "O")]
    pool = day.world.staff(firm.no, *_AREAS) + outsiders * 2
    at = day.at(firm.no, chance.between(7.5, 15))
    row = _row(day, kind, chance.one_of(pool).no, asking, None)
    row["planned_on"] = day.today
    row["due_at"] = day.at(firm.no, 17) + timedelta(days=chance.whole(1, 6))
    day.world.tasks[row["task_no"]] = row
    day.book.put("hris.task", row, at)
    done = workdays_after(day.today, chance.whole(0, 5))
    day.world.later(done, "task_done", row["task_no"])


def _row(day: Day, kind: str, doer: int | None, asked_by: str | None, goal: int | None) -> Row:
    return {
        "task_no": day.world.number("task"),
        "kind": kind,
        "goal_no": goal,
        "doer": doer,
        "asked_by": asked_by,
        "planned_on": None,
        "due_at": None,
        "done_at": None,
        "units": None,
        "errors": None,
        "sample": None,
        "state": "O",
    }


def done(day: Day, number: int) -> None:
    """Done, with how much it was and how many mistakes a sample had."""
    row, chance = day.world.tasks.pop(number), day.chance("task", number)
    firm = day.world.people[row["doer"]].firm if row["doer"] else 10
    at = max(day.at(firm, chance.between(15, 17)), row["created_at"] + timedelta(minutes=30))
    row.update(done_at=at, state="D")
    if row["kind"] in _UNITS:
        row["units"] = chance.whole(*_UNITS[row["kind"]])
    if row["units"] and chance.happens(_SAMPLED):
        row["sample"] = max(1, row["units"] // 5)
        row["errors"] = int(chance.generator.binomial(row["sample"], _ERROR_SHARE))
    day.book.put("hris.task", row, at)


def _goals(day: Day) -> None:
    """A freelancer's plan: goals for the month that serve a goal for the year."""
    for person in _writers(day):
        if person.engagement != "F":
            continue
        at = day.at(person.firm, 8)
        key = f"goal{person.no}-{day.today.year}"
        if not day.world.counters[key]:
            goal = _goal(day, "LONG", person, None, at + timedelta(days=330), at=at)
            day.world.counters[key] = goal["task_no"]
        _goal(day, "SHORT", person, day.world.counters[key], at + timedelta(days=27, hours=9), at=at)


def _goal(day: Day, kind: str, person: Person, parent: int | None, due: datetime, *, at: datetime) -> Row:
    row = _row(day, kind, person.no, person.unit, parent)
    row.update(planned_on=day.today, due_at=due)
    day.world.tasks[row["task_no"]] = row
    day.book.put("hris.task", row, at)
    chance = day.chance("goal", row["task_no"])
    day.world.later((due + timedelta(days=chance.whole(-4, 2))).date(), "task_done", row["task_no"])
    day.world.hours[person.no] = [row] if kind == "SHORT" else []
    return row


def _writers(day: Day) -> list[Person]:
    return [p for p in day.world.people.values() if p.works and p.engagement in ("F", "O")]


def _hours(day: Day) -> None:
    """Freelancers and agency people write down their day, in the evening."""
    for person in _writers(day):
        chance = day.chance("hours", person.no)
        planned = 8 if person.engagement == "O" else 6
        worked = max(0, min(10, round(planned + chance.normal(0, 0.9))))
        if chance.happens(0.04):
            worked = 0
        person.hours += worked
        goals = day.world.hours[person.no]
        heads = day.world.staff(person.firm, 70)
        row: Row = {
            "id": f"T{person.no}-{day.today:%Y%m%d}",
            "pn": person.no,
            "name": person.name,
            "task": goals[0]["task_no"] if goals else None,
            "day": day.today,
            "planned": planned,
            "hours": worked,
            "remote": "ja" if person.mode in ("R", "X") else "nej",
            "approved": heads[0].no if heads else None,
            "rate": person.pay if person.engagement == "F" else None,
            "currency": person.currency if person.engagement == "F" else None,
        }
        day.book.tell("hours.entry", row, day.at(person.firm, 18))
