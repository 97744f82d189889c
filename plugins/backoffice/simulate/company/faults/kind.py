"""What a kind of fault is: what it needs to know of the changes, and what it does to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.chance import Chance
from backoffice.simulate.company.tables import keys

Place = tuple[str, Row]
"""A row of a system: its table, and its key as text."""


class Told:
    """What the systems are about to be told: changes by their index, and which rows of a table have certain values."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = changes
        self._tables: dict[str, list[int]] = defaultdict(list)
        self._found: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], list[int]]] = {}
        for index, change in enumerate(changes):
            self._tables[change.table].append(index)

    def of(self, table: str) -> list[int]:
        """Changes of a table, in their order."""
        return self._tables.get(table, [])

    def row(self, index: int) -> Row:
        """The row of a change; it belongs to the company and stays as it is."""
        return self.changes[index].row

    def where(self, table: str, **values: Any) -> list[int]:
        """Changes of a table whose rows have these values."""
        names = tuple(values)
        if (table, names) not in self._found:
            found = self._found[table, names] = defaultdict(list)
            for index in self.of(table):
                found[tuple(self.row(index)[name] for name in names)].append(index)
        return list(self._found[table, names].get(tuple(values.values()), []))

    def rows(self, table: str, **values: Any) -> Iterator[Row]:
        """Rows of a table that have these values."""
        return map(self.row, self.where(table, **values))


@dataclass(slots=True)
class Edit:
    """What a fault does to the changes.

    Args:
        instead: change → the row that is told in its place; None when nothing is.
        besides: rows that are told right after the changed one, by table.
        seen_at: rows without a fault at which it shows.
    """

    instead: dict[int, Row | None] = field(default_factory=dict)
    besides: list[tuple[str, Row]] = field(default_factory=list)
    seen_at: list[Place] = field(default_factory=list)


Do = Callable[[Told, int, Chance], Edit | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault in one table.

    Args:
        fault: number in the catalogue.
        rate: rows in ten thousand.
        do: what it does to the row of a change, and to those that go with it; None when this row cannot have it.
        steady: so often in a month or a run of the payroll, however high the rate is set.
    """

    fault: str
    table: str
    says: str
    rate: float
    do: Do
    steady: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was made: where, in which row, when; the rows that were told otherwise with it, or not at all, or
    besides, and rows without a fault at which it shows.
    """

    fault: str
    says: str
    table: str
    key: Row
    at: str
    along: tuple[Place, ...] = ()
    seen_at: tuple[Place, ...] = ()


def place_of(table: str, row: Row) -> Place:
    """Where a row is, for the log."""
    return table, {name: str(row[name]) for name in keys()[table]}


def in_row(spoil: Callable[[Row], bool]) -> Do:
    """A fault within one row: ``spoil`` changes a copy of it, and returns False when it cannot have the fault."""

    def do(told: Told, index: int, _: Chance) -> Edit | None:
        row = dict(told.row(index))
        return Edit({index: row}) if spoil(row) else None

    return do


def lost(told: Told, index: int, _: Chance) -> Edit | None:
    """The row is not told at all."""
    return Edit({index: None})
