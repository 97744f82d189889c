"""Which events were ever accepted from a source: the hash of each event's id and the hash of what it said.

A SQLite file that follows the segments: in one transaction it learns of events and of the place up to which it knows
them. It is made again from landing and the segments when it is lost, so losing it loses and doubles nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backoffice.push.segments import Position

FILE = "seen.sqlite"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Known:
    """An accepted event: its key, what it said, and where it stands; landed ones may have no place any more."""

    key: bytes
    digest: bytes
    at: Position


class Seen:
    """The index of one source; used by one thread at a time.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._file.execute("PRAGMA journal_mode=WAL")
        # a power cut may take back the newest commits, each whole: what they said is read from the segments again
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(
            """CREATE TABLE IF NOT EXISTS seen (
                key BLOB PRIMARY KEY, digest BLOB NOT NULL, segment INTEGER NOT NULL, byte INTEGER NOT NULL
            ) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS reached (one INTEGER PRIMARY KEY, segment INTEGER, byte INTEGER);
            INSERT OR IGNORE INTO reached VALUES (1, 0, 0);"""
        )

    def reached(self) -> Position:
        """Events before this place are known."""
        return Position(*self._file.execute("SELECT segment, byte FROM reached").fetchone())

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """Those of the keys that are known."""
        found: dict[bytes, Known] = {}
        for first in range(0, len(keys), _AT_ONCE):
            part = keys[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            query = f"SELECT key, digest, segment, byte FROM seen WHERE key IN ({marks})"
            for key, digest, segment, byte in self._file.execute(query, part):
                found[key] = Known(key, digest, Position(segment, byte))
        return found

    def add(self, events: Iterable[Known], reached: Position) -> None:
        """Learn of events, and that everything before ``reached`` is known; what is known already stays as it is."""
        rows = [(event.key, event.digest, event.at.segment, event.at.byte) for event in events]
        self._file.execute("BEGIN IMMEDIATE")
        try:
            self._file.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)", rows)
            self._file.execute("UPDATE reached SET segment = ?, byte = ?", (reached.segment, reached.byte))
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:  # a full disk has ended it already
                self._file.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()
