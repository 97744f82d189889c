"""What a day changed, in the systems' own rows, each with its moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A row as a system has it from this moment on; it replaces the row with its key.

    Args:
        table: ``system.table``.
        at: when, an instant.
    """

    table: str
    at: datetime
    row: Row

    @property
    def system(self) -> str:
        """The part before the dot."""
        return self.table.partition(".")[0]


@dataclass(slots=True)
class Book:
    """Collects the changes of a day; what its last minutes lead to is written before it ends."""

    until: datetime
    changes: list[Change] = field(default_factory=list)

    def put(self, table: str, row: Row, at: datetime) -> None:
        """Write a row of a database: it is kept as it is now and stamped with the moment."""
        at = min(at, self.until)
        row.setdefault("created_at", at)
        row["changed_at"] = max(at, row.get("changed_at", at))
        self.changes.append(Change(table, at, dict(row)))

    def tell(self, table: str, row: Row, at: datetime) -> None:
        """Write a record of a file or an event, which carry no stamps of their own."""
        self.changes.append(Change(table, min(at, self.until), dict(row)))

    def in_order(self) -> list[Change]:
        """By moment; what happened at the same one stays as it was written."""
        return sorted(self.changes, key=attrgetter("at"))
