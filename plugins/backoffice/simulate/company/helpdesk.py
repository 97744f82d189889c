"""The helpdesk's own database (SQLite): tickets and answers as they are, and an outbox of events to be pushed.

An event is in the outbox once, whatever is delivered twice into this database, and leaves it when it was accepted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from backoffice.simulate.company.book import Change, Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket (id INTEGER PRIMARY KEY, changed TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS survey (id INTEGER PRIMARY KEY, at TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, time TEXT NOT NULL, data TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (place) WHERE NOT sent;
CREATE TABLE IF NOT EXISTS progress (day TEXT NOT NULL, place INTEGER NOT NULL);
"""
_TYPES = {"crm.ticket": "helpdesk.ticket", "crm.note": "helpdesk.note"}


@dataclass(frozen=True, slots=True)
class Event:
    """An event that waits in the outbox."""

    place: int
    id: str
    type: str
    time: str
    data: Row


class Helpdesk:
    """The database; each call is one transaction.

    Args:
        path: its file, made when it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection

    def place(self) -> tuple[date, int] | None:
        """How far it has come; None before its history is there."""
        with self._open() as connection:
            row = connection.execute("SELECT day, place FROM progress").fetchone()
        return (date.fromisoformat(row[0]), row[1]) if row else None

    def deliver(self, changes: Iterable[Change], reached: tuple[date, int]) -> None:
        """Take changes in, and how far they bring it."""
        with self._open() as connection:
            for change in changes:
                _take(connection, change)
            connection.execute("DELETE FROM progress")
            connection.execute("INSERT INTO progress VALUES (?, ?)", (reached[0].isoformat(), reached[1]))

    def unsent(self, most: int) -> list[Event]:
        """The first events that were not accepted yet."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT place, id, type, time, data FROM outbox WHERE NOT sent ORDER BY place LIMIT ?", (most,)
            ).fetchall()
        return [Event(place, name, kind, time, json.loads(data)) for place, name, kind, time, data in rows]

    def accepted(self, events: Iterable[Event]) -> None:
        """These need not be sent again."""
        with self._open() as connection:
            connection.executemany("UPDATE outbox SET sent = 1 WHERE place = ?", [(event.place,) for event in events])

    def waiting(self) -> int:
        """How many events were not accepted yet."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM outbox WHERE NOT sent").fetchone()[0])

    def surveys(self, after: int, most: int, since: str = "") -> list[Row]:
        """Answers to surveys in order of their number, from the one after ``after``, not older than ``since``."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT data FROM survey WHERE id > ? AND at >= ? ORDER BY id LIMIT ?", (after, since, most)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]


def _take(connection: sqlite3.Connection, change: Change) -> None:
    data = json.dumps(change.row, default=_text, ensure_ascii=False)
    if change.table == "crm.survey":
        row = (change.row["id"], _text(change.row["at"]), data)
        connection.execute("INSERT OR REPLACE INTO survey VALUES (?, ?, ?)", row)
        return
    if change.table == "crm.ticket":
        row = (change.row["id"], _text(change.row["changed"]), data)
        connection.execute("INSERT OR REPLACE INTO ticket VALUES (?, ?, ?)", row)
    event = (event_id(change), _TYPES[change.table], _text(change.at), data)
    connection.execute("INSERT OR IGNORE INTO outbox (id, type, time, data) VALUES (?, ?, ?, ?)", event)


def event_id(change: Change) -> str:
    """A ticket's version goes by its moment and its state, a note by its number."""
    if change.table == "crm.note":
        return f"note-{change.row['id']}"
    return f"ticket-{change.row['id']}-{change.at:%Y%m%dT%H%M%S%f}-{change.row['state']}-{change.row['agent'] or 0}"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)
