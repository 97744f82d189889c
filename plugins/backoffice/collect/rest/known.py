"""What landed of each row last: a row that is read again and is as it landed does not land again.

A SQLite file that follows landing: it knows the batches up to a number, and learns those after it at the start of a
run, so it is made again from landing when it is lost.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backoffice.sources.records import Misfit


@dataclass(frozen=True, slots=True)
class Version:
    """The newest landed version of a row, or its deletion.

    Attributes:
        key: JSON list of the row's key, or the hash of its content when a part of the key is missing.
        digest: hash of its columns; empty when it was deleted.
    """

    key: str
    digest: bytes


class Known:
    """The newest versions of one source's rows."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _opened(path)

    def reached(self) -> int:
        """Number of the last batch it knows."""
        return int(self._file.execute("SELECT coalesce(max(value), 0) FROM reached WHERE name = 'seq'").fetchone()[0])

    def full_at(self, read: str) -> float:
        """When the read was last read in full; Unix seconds, 0 when it never was."""
        found = self._file.execute("SELECT value FROM reached WHERE name = ?", (f"full {read}",)).fetchone()
        return float(found[0]) if found else 0.0

    def read_in_full(self, read: str, at: float) -> None:
        """Remember it."""
        self._file.execute("INSERT OR REPLACE INTO reached VALUES (?, ?)", (f"full {read}", at))

    def digest(self, read: str, key: str) -> bytes | None:
        """What landed of a row last; None when nothing did."""
        found = self._file.execute("SELECT digest FROM known WHERE read = ? AND key = ?", (read, key)).fetchone()
        return found[0] if found else None

    def live(self, read: str) -> Iterator[str]:
        """Keys of the rows that are not deleted."""
        query = "SELECT key FROM known WHERE read = ? AND digest <> x'' ORDER BY key"
        for (key,) in self._file.execute(query, (read,)):
            yield key

    def learn(self, batches: Iterable[tuple[str, Sequence[Version]]], seq: int) -> None:
        """Versions of reads that landed in the batches up to a number, in their order."""
        with self._transaction():
            for read, versions in batches:
                rows = [(read, version.key, version.digest) for version in versions]
                self._file.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", rows)
            self._file.execute("INSERT OR REPLACE INTO reached VALUES ('seq', ?)", (seq,))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise


def version_of(keys: Sequence[str], values: Mapping[str, Any], misfits: Sequence[Misfit]) -> Version:
    """A row's version by its declared columns: what is not declared may change without a new version."""
    content = [[name, None if value is None else str(value)] for name, value in values.items()]
    content += [[misfit.column, misfit.value] for misfit in misfits]
    digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=16).digest()
    key = [values[name] for name in keys]
    return Version(digest.hex() if None in key else json.dumps([str(part) for part in key]), digest)


def deleted(key: str) -> Version:
    """The deletion of a row."""
    return Version(key, b"")


def _opened(path: Path) -> sqlite3.Connection:
    """The file; an empty one in place of one that cannot be read."""
    for _ in range(2):
        file = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            file.execute("PRAGMA journal_mode=WAL")
            file.execute("PRAGMA synchronous=NORMAL")  # what a power cut takes back is learned again
            file.execute("CREATE TABLE IF NOT EXISTS reached (name TEXT PRIMARY KEY, value REAL NOT NULL)")
            file.execute(
                "CREATE TABLE IF NOT EXISTS known (read TEXT, key TEXT, digest BLOB NOT NULL, PRIMARY KEY (read, key))"
                " WITHOUT ROWID"
            )
            return file
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            file.close()
            for old in path.parent.glob(f"{path.name}*"):
                old.unlink()
    raise sqlite3.DatabaseError(f"{path} cannot be made anew")
