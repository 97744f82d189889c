"""The present: each day is played from its checkpoint, and every system gets its changes when their moment has come.

A day follows from the state before it and nothing else. After a kill it is played again, the same; each system says
itself how far it had come and gets the rest, so that there is neither a gap nor a double. The checkpoint moves on once
every system has the whole day.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import psycopg

from backoffice.settings import Settings
from backoffice.simulate.company import databases, engine, faults, papers
from backoffice.simulate.company.book import Change
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.history import (
    connect,
    faults_folder,
    helpdesk_path,
    inbox,
    load,
    refuse_external,
    save,
    wish,
)  # fmt: skip
from backoffice.simulate.company.tables import DATABASES

log = logging.getLogger(__name__)

_BATCH = 500
_LOOK_SECONDS = 1.0
_LOOK_SECONDS_AT_A_PACE = 0.1
_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.5, 15.0
Clock = Callable[[], datetime]


class Outlet(Protocol):
    """A system that takes the changes of a day."""

    def advance(self, now: datetime) -> bool:
        """Give it what is due; returns whether it has the whole day."""


class DatabaseOutlet:
    """The ERP or the HRIS."""

    def __init__(self, settings: Settings, system: str, day: date, changes: list[Change]) -> None:
        self._settings, self._system, self._day = settings, system, day
        self._changes = [change for change in changes if change.system == system]
        self._moments = [change.at for change in self._changes]
        self._reached: int | None = None

    def advance(self, now: datetime) -> bool:
        """Give it what is due, at most so many rows a transaction."""
        due = bisect_right(self._moments, now)
        if self._reached is None or due > self._reached:
            with connect(self._settings, self._system) as connection:
                self._catch_up(connection, due)
        return self._reached == len(self._changes)

    def _catch_up(self, connection: databases.Connection, due: int) -> None:
        day, place = databases.place(connection)
        reached = len(self._changes) if day > self._day else place if day == self._day else 0
        while reached < due:
            until = min(due, reached + _BATCH)
            databases.deliver(connection, self._changes[reached:until], (self._day, until))
            reached = until
        self._reached = reached


class PaperOutlet:
    """Everybody who sends files; a file that is there was sent."""

    def __init__(self, settings: Settings, changes: list[Change]) -> None:
        self._inbox = inbox(settings)
        self._waiting = papers.of_day(changes)

    def advance(self, now: datetime) -> bool:
        """Send the files that are due."""
        due = [paper for paper in self._waiting if paper.at <= now]
        for path in papers.write(self._inbox, due):
            log.info("sent %s", path.name)
        self._waiting = self._waiting[len(due) :]
        return not self._waiting


class HelpdeskOutlet:
    """The helpdesk, which pushes by itself what it is given."""

    def __init__(self, settings: Settings, day: date, changes: list[Change]) -> None:
        self._helpdesk = Helpdesk(helpdesk_path(settings))
        self._day = day
        self._changes = [change for change in changes if change.system == "crm"]
        self._moments = [change.at for change in self._changes]
        day_reached, place = self._helpdesk.place() or (day, 0)
        self._reached = len(self._changes) if day_reached > day else place if day_reached == day else 0

    def advance(self, now: datetime) -> bool:
        """Give it what is due."""
        due = bisect_right(self._moments, now)
        if due > self._reached:
            self._helpdesk.deliver(self._changes[self._reached : due], (self._day, due))
            self._reached = due
        return self._reached == len(self._changes)


class Pace:
    """How far a day may have come when what is due is not told all at once.

    Args:
        rate: changes a second; 0 for as many as are due.
        changes: of the day.

    Attributes:
        is_behind: whether something is due that was not let through yet.
    """

    def __init__(self, rate: float, changes: Sequence[Change]) -> None:
        self._rate, self._began = rate, time.monotonic()
        self._moments = sorted(change.at for change in changes)
        self.is_behind = False

    def until(self, now: datetime) -> datetime:
        """The moment until which changes are told, all of a moment together: what belongs together comes together."""
        due = bisect_right(self._moments, now)
        allowed = int((time.monotonic() - self._began) * self._rate)
        self.is_behind = bool(self._rate) and allowed < due
        if not self.is_behind:
            return now
        return self._moments[allowed - 1] if allowed else self._moments[0] - timedelta(microseconds=1)


def outlets(settings: Settings, day: date, changes: list[Change]) -> list[Outlet]:
    """All systems, for the changes of a day."""
    made: list[Outlet] = [DatabaseOutlet(settings, system, day, changes) for system in DATABASES]
    return [*made, PaperOutlet(settings, changes), HelpdeskOutlet(settings, day, changes)]


def wall_clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


def run(settings: Settings, stop: threading.Event, clock: Clock = wall_clock) -> None:
    """Live until ``stop`` is set. Days that were missed are made up for at once.

    Raises:
        SettingsError: the source is an external server.
        StorageError: there is no history, or its state cannot be read.
    """
    refuse_external(settings)
    backoff = _FIRST_BACKOFF
    while not stop.is_set():
        try:
            _live_a_day(settings, stop, clock)
            backoff = _FIRST_BACKOFF
        except psycopg.OperationalError as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            log.warning("a system is out of reach (%s); trying again in %.1f s", said[0], backoff)
            stop.wait(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)


def _live_a_day(settings: Settings, stop: threading.Event, clock: Clock) -> None:
    world = load(settings)
    day = world.born if world.today is None else world.today + timedelta(days=1)
    changes = engine.play(world, day)
    if world.faults:
        kinds = faults.chosen(world.fault_kinds)
        changes, made = faults.make(papers.as_sent(changes), kinds, world.seed, day, world.faults)
        faults.keep(faults_folder(settings), day.isoformat(), made)
    systems, pace = outlets(settings, day, changes), Pace(settings.demo_changes_per_second, changes)
    ends = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)
    log.info("%s: %d changes at %g times the usual volume", day, len(changes), world.volume)
    while not stop.is_set():
        now = pace.until(clock())
        whole = [system.advance(now) for system in systems]
        if all(whole) and now >= ends:
            wish(settings, world)
            save(settings, world)
            return
        stop.wait(_LOOK_SECONDS_AT_A_PACE if pace.is_behind else _LOOK_SECONDS)
