"""The helpdesk: tickets of customers and staff, from the first word to the closing, each step an event."""

from __future__ import annotations

from datetime import datetime, timedelta

from backoffice.simulate.company import feedback
from backoffice.simulate.company.book import Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.day import Day
from backoffice.simulate.company.world import Firm

_PER_ORDER, _INTERNAL_A_DAY, _BURST_SHARE, _BURST = 0.16, 2.2, 0.01, 6
_CHANNELS = (("email", 0.46), ("phone", 0.22), ("web", 0.16), ("chat", 0.11), ("fax", 0.02), ("social", 0.03))
_PRIORITIES = (("urgent", 0.06), ("high", 0.19), ("normal", 0.55), ("low", 0.20))
_REPLY_HOURS = {"urgent": 0.7, "high": 1.6, "normal": 3.1, "low": 6.0}
_SOLVE_HOURS = {"urgent": 5.0, "high": 14.0, "normal": 26.0, "low": 48.0}
_TOPICS = (("invoice", 0.25), ("product question", 0.3), ("delivery", 0.25), ("return", 0.12), ("account", 0.08))
_CAUSES = {
    "invoice": ("wrong price", "missing reference", "paid twice"),
    "product question": ("unclear description", "wants advice"),
    "delivery": ("carrier delay", "picked late", "wrong address"),
    "return": ("damaged", "wrong item", "not as expected"),
    "account": ("new contact", "password"),
    "late delivery": ("carrier delay", "out of stock"),
    "damaged": ("packaging", "carrier handling"),
    "wrong item": ("picking error", "label error"),
    "access": ("account locked", "role missing"),
    "device": ("battery", "broken screen"),
    "pay": ("wrong hours", "wrong tax card"),
    "room": ("heating", "lighting"),
}  # fmt: skip
_REPAIRS = (
    ("none", 0.5),
    ("apology", 0.18),
    ("replacement", 0.1),
    ("credit_note", 0.1),
    ("refund", 0.06),
    ("fix", 0.06),
)
_INTERNAL = (("it_service", "access"), ("it_service", "device"), ("hr_service", "pay"), ("facilities", "room"))
_AGENTS = {"customer_service": 25, "it_service": 50, "hr_service": 60, "facilities": 70}
_REOPENED, _CLOSE_DAYS, _EVENING, _MORNING = 0.06, 4, 20.0, 8.0


def step(day: Day) -> None:
    """Tickets that come by themselves; on a bad day many times as many."""
    if not day.is_workday:
        return
    for firm in day.firms():
        chance = day.chance("tickets", firm.no)
        burst = _BURST if chance.happens(_BURST_SHARE) else 1
        for _ in range(chance.poisson(firm.orders_a_day * _PER_ORDER * burst * day.world.volume)):
            _from_customer(day, firm, chance)
        for _ in range(chance.poisson(_INTERNAL_A_DAY / 2)):
            _from_staff(day, firm, chance)


def complain(day: Day, what: tuple[int, str]) -> None:
    """A customer whose order went wrong calls, mostly."""
    number, topic = what
    order = day.world.orders.get(number)
    chance = day.chance("complain", number)
    if order is not None and chance.happens(0.55):
        firm, debtor = day.world.firms[order.firm], day.world.customers[order.debtor]
        at = day.at(firm.no, chance.between(16.2, 17.5))
        row = _row(day, "customer_service", chance, at, topic, priority="high" if chance.happens(0.5) else "normal")
        row.update(customer=debtor.no, order=number, lang=debtor.language)
        row["subject"] = f"{topic.capitalize()}: order SO-{number}"
        _open(day, firm, chance, row, at)


def _from_customer(day: Day, firm: Firm, chance: Chance) -> None:
    debtor = day.world.debtors[firm.no][chance.ranked(day.world.busy[firm.no])]
    at = day.at(firm.no, chance.between(7.5, 16.5))
    topic = chance.weighted(_TOPICS)
    row = _row(day, "customer_service", chance, at, topic, priority=chance.weighted(_PRIORITIES))
    row.update(customer=debtor.no, lang=debtor.language, subject=f"Question about {topic}")
    _open(day, firm, chance, row, at)


def _from_staff(day: Day, firm: Firm, chance: Chance) -> None:
    queue, topic = chance.one_of(_INTERNAL)
    at = day.at(firm.no, chance.between(8, 15))
    row = _row(day, queue, chance, at, topic, priority=chance.weighted(_PRIORITIES))
    person = chance.one_of(day.world.staff(firm.no))
    row.update(requester=person.no, lang=person.row["language"], subject=f"Help with {topic}")
    _open(day, firm, chance, row, at)


def _row(day: Day, queue: str, chance: Chance, at: datetime, topic: str, *, priority: str) -> Row:
    return {
        "id": day.world.number("ticket", 40_001),
        "group": queue,
        "customer": None,
        "requester": None,
        "order": None,
        "invoice": None,
        "via": chance.weighted(_CHANNELS),
        "lang": None,
        "subject": "",
        "prio": priority,
        "topic": topic,
        "cause": None,
        "opened": at,
        "first_reply": None,
        "first_solved": None,
        "solved": None,
        "closed": None,
        "reopens": 0,
        "agent": None,
        "state": "new",
        "sla": f"{queue}-{priority}",
        "repair": None,
        "score": None,
        "changed": at,
    }


def _open(day: Day, firm: Firm, chance: Chance, row: Row, at: datetime) -> None:
    day.world.tickets[row["id"]] = row
    asked_by = ("customer", row["customer"]) if row["customer"] else ("agent", row["requester"])
    _tell(day, row, at, "created", asked_by)
    agents = day.world.staff(firm.no, _AGENTS[row["group"]])
    if agents:
        row["agent"] = chance.one_of(agents).no
        _tell(
            day,
            row,
            at + timedelta(minutes=chance.whole(1, 9)),
            "assignment",
            ("system", None),
            old=None,
            new=row["agent"],
        )
    reply = chance.lognormal(_REPLY_HOURS[row["prio"]], 0.55)
    day.moment(_awake(day, firm, at + timedelta(hours=max(reply, 0.25))), "ticket_reply", row["id"])


def _awake(day: Day, firm: Firm, at: datetime) -> datetime:
    """Moved to the next morning when it would be late in the evening by the firm's clock."""
    midnight = day.at(firm.no, 0)
    hours = (at - midnight).total_seconds() / 3600
    rest = hours % 24
    return at + timedelta(hours=24 - rest + _MORNING) if rest > _EVENING else at


def _tell(
    day: Day, row: Row, at: datetime, kind: str, who: tuple[str, int | None], *, old: object = None, new: object = None
) -> None:
    row["changed"] = at
    day.book.tell("crm.ticket", row, at)
    note: Row = {
        "id": day.world.number("note"),
        "ticket": row["id"],
        "at": at,
        "kind": kind,
        "by": who[0],
        "who": who[1],
        "old": None if old is None else str(old),
        "new": None if new is None else str(new),
    }
    day.book.tell("crm.note", note, at)


def reply(day: Day, what: tuple[datetime, int]) -> None:
    """The first answer; then mostly something comes back, and it is solved."""
    at, number = what
    row, chance = day.world.tickets[number], day.chance("reply", number)
    row.update(first_reply=at, state="open")
    _tell(day, row, at, "public_reply", ("agent", row["agent"]))
    if chance.happens(0.3):
        _tell(day, row, at + timedelta(minutes=2), "internal_note", ("agent", row["agent"]))
    solve = at + timedelta(hours=chance.lognormal(_SOLVE_HOURS[row["prio"]], 0.7))
    if chance.happens(0.45):
        day.moment(at + (solve - at) / 2, "ticket_answer", number)
    day.moment(solve, "ticket_solve", number)


def answer(day: Day, what: tuple[datetime, int]) -> None:
    """The customer writes again."""
    at, number = what
    row = day.world.tickets.get(number)
    if row is not None:
        by = ("customer", row["customer"]) if row["customer"] else ("agent", row["requester"])
        _tell(day, row, at, "customer_reply", by)


def solve(day: Day, what: tuple[datetime, int]) -> None:
    """Solved, with its cause; some are asked how it was, a few come back."""
    at, number = what
    row, chance = day.world.tickets[number], day.chance("solve", number * 10 + day.world.tickets[number]["reopens"])
    before = row["state"]
    row.update(solved=at, state="solved", first_solved=row["first_solved"] or at)
    row["cause"] = row["cause"] or chance.one_of(_CAUSES[row["topic"]])
    row["repair"] = chance.weighted(_REPAIRS) if row["customer"] else "none"
    if row["customer"] and row["score"] is None and chance.happens(0.35):
        row["score"] = max(1, min(5, round(chance.normal(4.0 if row["prio"] != "urgent" else 3.5, 1.0))))
        feedback.satisfaction(day, row, at + timedelta(minutes=20))
    _tell(day, row, at, "status_change", ("agent", row["agent"]), old=before, new="solved")
    if row["reopens"] == 0 and chance.happens(_REOPENED):
        day.moment(at + timedelta(hours=chance.between(5, 40)), "ticket_reopen", number)
    else:
        day.moment(at + timedelta(days=_CLOSE_DAYS), "ticket_close", number)


def reopen(day: Day, what: tuple[datetime, int]) -> None:
    """It was not solved after all."""
    at, number = what
    row = day.world.tickets[number]
    row.update(reopens=1, state="open", solved=None)
    _tell(day, row, at, "reopened", ("customer" if row["customer"] else "agent", row["customer"] or row["requester"]))
    day.moment(at + timedelta(hours=20), "ticket_solve", number)


def close(day: Day, what: tuple[datetime, int]) -> None:
    """Closed for good."""
    at, number = what
    row = day.world.tickets.pop(number)
    row.update(closed=at, state="closed")
    _tell(day, row, at, "status_change", ("system", None), old="solved", new="closed")
