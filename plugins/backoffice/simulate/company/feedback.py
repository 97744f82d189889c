"""What customers and staff say: answers to surveys, reviews and notes of calls."""

from __future__ import annotations

from datetime import datetime

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day

_A_DAY = 1.6
_KINDS = (("nps", 0.55), ("review", 0.2), ("call_note", 0.15), ("complaint_form", 0.1))
_TOPICS = ("delivery", "price", "quality", "service", "web shop")
_COMMENTS = {
    "low": ("Too slow.", "Not what I ordered.", "Nobody answered."),
    "high": ("Quick and friendly.", "Good quality.", "Everything as promised."),
}
_QUARTER_MONTHS = (2, 5, 8, 11)
_NPS = ((10, 0.22), (9, 0.22), (8, 0.2), (7, 0.13), (6, 0.08), (5, 0.05), (3, 0.05), (1, 0.05))


def satisfaction(day: Day, ticket: Row, at: datetime) -> None:
    """An answer to the question after a ticket."""
    _tell(day, "csat", at, ticket["score"], scale=5, language=ticket["lang"], topic=ticket["topic"],
          customer=ticket["customer"], ticket=ticket["id"], order=ticket["order"])  # fmt: skip


def step(day: Day) -> None:
    """Customers' answers; once a quarter the staff is asked."""
    chance = day.chance("feedback")
    for _ in range(chance.poisson(_A_DAY)):
        firm = chance.one_of(day.firms())
        debtor = day.world.debtors[firm.no][chance.ranked(day.world.busy[firm.no])]
        kind, score = chance.weighted(_KINDS), chance.weighted(_NPS)
        if kind == "complaint_form":
            score = chance.whole(0, 4)
        at = day.at(firm.no, chance.between(8, 17))
        scale = 10 if kind in ("nps", "complaint_form") else 5
        _tell(day, kind, at, score if scale == 10 else max(1, score // 2), scale=scale, language=debtor.language,
              topic=chance.one_of(_TOPICS), customer=debtor.no)  # fmt: skip
    if day.today.month in _QUARTER_MONTHS and day.today.day == 10:
        for firm in day.firms():
            for person in day.world.staff(firm.no):
                if chance.happens(0.7):
                    at = day.at(firm.no, chance.between(8, 16))
                    score = max(0, min(10, round(chance.normal(7.4, 1.8))))
                    _tell(
                        day,
                        "employee_survey",
                        at,
                        score,
                        scale=10,
                        language=person.row["language"],
                        topic="workplace",
                        employee=person.no,
                    )


def _tell(
    day: Day, kind: str, at: datetime, score: int, *, scale: int, language: str, topic: str,
    customer: int | None = None, employee: int | None = None, ticket: int | None = None, order: int | None = None,
) -> None:  # fmt: skip
    number = day.world.number("survey")
    mood = "high" if score * 2 >= scale * 1.4 else "low"
    row: Row = {
        "id": number,
        "kind": kind,
        "at": at,
        "customer": customer,
        "employee": employee,
        "ticket": ticket,
        "order": order,
        "score": score,
        "scale": scale,
        "text": _COMMENTS[mood][number % 3] if number % 2 else None,
        "lang": language,
        "topic": topic,
    }
    day.book.tell("crm.survey", row, at)
