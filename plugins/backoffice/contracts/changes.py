"""What changed between two states of the contracts, and whether it breaks who reads or sends the data.

A change breaks when a query or a sender that was right before may be wrong after it. Versions follow semantic
versioning: a breaking change raises the major number, an addition the minor, anything else the patch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from backoffice.contracts.model import Column, Contracts, Table

Level = Literal["breaking", "addition"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; ``where`` is table or table.column."""

    contract: str
    where: str
    level: Level
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def changes(before: Contracts, after: Contracts) -> list[Change]:
    """Every difference that is more than wording, in the order of the contracts."""
    found = [change for table in before for change in _table(table, after.named(table.name))]
    for table in after:
        if before.named(table.name) is None:
            found.append(Change(table.contract, table.name, "addition", "new table"))
    return found


def _table(before: Table, after: Table | None) -> Iterator[Change]:
    if after is None:
        yield Change(before.contract, before.name, "breaking", "table removed")
        return
    for what, old, new in (
        ("contract", before.contract, after.contract),
        ("grain", before.grain, after.grain),
        ("load pattern", before.load_pattern, after.load_pattern),
        ("key", _names(before.primary_key), _names(after.primary_key)),
        ("document", before.document, after.document),
    ):
        if old != new:
            yield Change(before.contract, before.name, "breaking", f"{what} changed from {old} to {new}")
    for column in before.columns:
        where = f"{before.name}.{column.name}"
        for level, what in _column(column, after.column(column.name)):
            yield Change(before.contract, where, level, what)
    for column in after.columns:
        if before.column(column.name) is None:
            kind, what = _new(column)
            yield Change(before.contract, f"{after.name}.{column.name}", kind, what)


def _new(column: Column) -> tuple[Level, str]:
    return ("breaking", "new column that senders must fill") if column.required else ("addition", "new column")


def _names(columns: tuple[Column, ...]) -> str:
    return ", ".join(column.name for column in columns)


def _column(before: Column, after: Column | None) -> Iterator[tuple[Level, str]]:
    if after is None:
        yield "breaking", "column removed"
        return
    for what, old, new in (
        ("type", before.physical_type, after.physical_type),
        ("required", before.required, after.required),
        ("pattern", before.pattern, after.pattern),
        ("currency", before.currency_column or before.currency, after.currency_column or after.currency),
    ):
        if old != new:
            yield "breaking", f"{what} changed from {old} to {new}"
    if after.unique and not before.unique:
        yield "breaking", "must be unique now"
    if before.foreign_key != after.foreign_key and after.foreign_key:
        yield "breaking", f"must name a row of {after.foreign_key.table} now"
    if lost := set(before.tags) - set(after.tags):
        yield "breaking", f"no longer protected as {', '.join(sorted(lost))}"
    yield from _values(before, after)
    yield from _range(before, after)


def _values(before: Column, after: Column) -> Iterator[tuple[Level, str]]:
    if after.enum and not before.enum:
        yield "breaking", f"must be one of {', '.join(after.enum)} now"
        return
    if not after.enum:
        return
    if removed := [value for value in before.enum if value not in after.enum]:
        yield "breaking", f"value removed: {', '.join(removed)}"
    if added := [value for value in after.enum if value not in before.enum]:
        yield "addition", f"new value: {', '.join(added)}"


def _range(before: Column, after: Column) -> Iterator[tuple[Level, str]]:
    for name, old, new, sign in (
        ("minimum", before.minimum, after.minimum, 1),
        ("exclusive minimum", before.exclusive_minimum, after.exclusive_minimum, 1),
        ("maximum", before.maximum, after.maximum, -1),
    ):
        if _narrower(old, new, sign):
            yield "breaking", f"{name} narrowed from {old} to {new}"


def _narrower(old: Decimal | None, new: Decimal | None, sign: int) -> bool:
    return new is not None and (old is None or sign * new > sign * old)
