"""One day of the company: its date, its clock, its chance, and the book its changes are written into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backoffice.simulate.company.book import Book
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.world import Firm, World

Handler = Callable[["Day", Any], None]
_SATURDAY = 5


class Day:
    """A day in the making. Local hours: 2–22 in Denmark and 0–18 in the United States are one day in UTC."""

    def __init__(self, world: World, today: date) -> None:
        self.world = world
        self.today = today
        self.opens = datetime.combine(today, time(), UTC)
        self.book = Book(self.opens + timedelta(days=1, microseconds=-1))
        self._midnights = {
            firm.no: datetime.combine(today, time(), ZoneInfo(firm.zone)).astimezone(UTC)
            for firm in world.firms.values()
        }

    @property
    def is_workday(self) -> bool:
        """Monday to Friday."""
        return is_workday(self.today)

    def at(self, firm: int, hour: float) -> datetime:
        """An instant by the firm's clock, to the second."""
        return self._midnights[firm] + timedelta(seconds=round(hour * 3600))

    def chance(self, process: str, extra: int = 0) -> Chance:
        """The draws of a process on this day; ``extra`` tells two of its streams apart."""
        return Chance(self.world.seed, process, self.today, extra)

    def firms(self) -> Sequence[Firm]:
        """Both firms."""
        return list(self.world.firms.values())

    def later(self, days: int, kind: str, what: Any) -> None:
        """Have something happen so many days from now."""
        self.world.later(self.today + timedelta(days=days), kind, what)

    def moment(self, at: datetime, kind: str, what: Any) -> None:
        """Have something happen on the day of an instant, which it is told again."""
        self.world.later(max(at.astimezone(UTC).date(), self.today), kind, (at, what))


def is_workday(day: date) -> bool:
    """Monday to Friday; the company knows no holidays."""
    return day.weekday() < _SATURDAY


def workday(day: date) -> date:
    """The day itself, or the Monday after it."""
    while not is_workday(day):
        day += timedelta(days=1)
    return day


def workday_before(day: date) -> date:
    """The day itself, or the Friday before it."""
    while not is_workday(day):
        day -= timedelta(days=1)
    return day


def workdays_after(day: date, count: int) -> date:
    """So many working days later."""
    for _ in range(count):
        day = workday(day + timedelta(days=1))
    return day


def month_after(day: date, months: int = 1) -> date:
    """The first day of the month so many months after the day's."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def last_of_month(day: date) -> date:
    """The last day of its month."""
    return month_after(day) - timedelta(days=1)
