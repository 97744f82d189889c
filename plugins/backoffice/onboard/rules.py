"""The rules of a contract as conditions on canonical rows that break them: those the gates judge, and their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backoffice.contracts import Column
from backoffice.onboard.canonical import CANONICAL, PROBLEM
from backoffice.onboard.report import Level
from backoffice.sources.mapping import MappedTable
from backoffice.warehouse.generate.rules import Rule, row_rules

UNMAPPED = "UNMAPPED:"


@dataclass(frozen=True, slots=True)
class Check:
    """``breaks`` is true for a row ``t`` that breaks the rule ``name`` on ``column``."""

    name: str
    column: str
    breaks: str
    message: str
    level: Level = "error"


def checks_of(item: MappedTable, mapped: dict[str, MappedTable], cut: frozenset[str]) -> Iterator[Check]:
    """What is judged on the rows of a table.

    Args:
        item: the table.
        mapped: all tables of the source, by name; a reference is judged where its parent is among them.
        cut: reads of which only some rows are known, in which a parent may be missing for that reason alone.
    """
    yield Check("type", "", f"t.{PROBLEM} IS NOT NULL", "cannot be read")
    given = {*item.mapping.columns, *item.mapping.map, *item.mapping.derived}
    for rule in row_rules(item.table, [item]):
        if rule.column in given:
            yield _value_check(item, rule)
    for column in item.table.columns:
        if column.name not in given:
            continue
        if column.enum and column.enum_severity == "warning":
            listed = ", ".join(f"'{value}'" for value in column.enum)
            breaks = f"t.{column.name} NOT IN ({listed}) AND NOT starts_with(t.{column.name}, '{UNMAPPED}')"
            yield Check("enum", column.name, breaks, f"is not one of {listed}", "warning")
        if column.unique or column.primary_key:
            yield from _unique(item, column)
        yield from _reference(column, mapped, cut)


def unjudged_references(item: MappedTable, mapped: dict[str, MappedTable], cut: frozenset[str]) -> list[str]:
    """References that cannot be judged on a sample."""
    return [
        f"{item.table.name}.{column.name} → {column.foreign_key.table}: only some of its rows were read"
        for column in item.table.columns
        if column.foreign_key
        and column.foreign_key.table in mapped
        and cut & set(mapped[column.foreign_key.table].reads)
    ]


def _value_check(item: MappedTable, rule: Rule) -> Check:
    name = rule.name.rpartition(".")[2]
    column = item.table.column(rule.column)
    assert column is not None  # the rule is made of the contract's column
    unmapped = f" AND NOT starts_with(cast(t.{rule.column} AS VARCHAR), '{UNMAPPED}')"
    breaks = f"t.{PROBLEM} IS NULL AND ({rule.breaks})"
    return Check(name, rule.column, breaks + (unmapped if name in ("enum", "pattern") else ""), _said(name, column))


def _said(name: str, column: Column) -> str:
    lowest = (
        f"above {column.exclusive_minimum}" if column.exclusive_minimum is not None else f"{column.minimum} or more"
    )
    return {
        "required": "is required, and empty",
        "enum": f"is not one of {', '.join(column.enum)}",
        "pattern": f"does not match {column.pattern}",
        "minimum": f"must be {lowest}",
        "maximum": f"must be at most {column.maximum}",
    }[name]


def _unique(item: MappedTable, column: Column) -> Iterator[Check]:
    """A key of several columns is judged once, under its first."""
    keys = [key.name for key in item.table.primary_key]
    if column.primary_key and column.name != keys[0]:
        return
    names = keys if column.primary_key else [column.name]
    listed = ", ".join(names)
    twice = f"SELECT {listed} FROM {CANONICAL}.{item.table.name} GROUP BY ALL HAVING count(*) > 1"
    present = " AND ".join(f"t.{name} IS NOT NULL" for name in names)
    own = ", ".join(f"t.{name}" for name in names)
    yield Check("unique", column.name, f"{present} AND ({own}) IN ({twice})", f"{listed} stands more than once")


def _reference(column: Column, mapped: dict[str, MappedTable], cut: frozenset[str]) -> Iterator[Check]:
    key = column.foreign_key
    if key is None or key.table not in mapped or cut & set(mapped[key.table].reads):
        return
    parent = f"SELECT {key.column} FROM {CANONICAL}.{key.table} WHERE {key.column} IS NOT NULL"
    breaks = f"t.{column.name} IS NOT NULL AND t.{column.name} NOT IN ({parent})"
    level: Level = "error" if column.required else "warning"
    yield Check("reference", column.name, breaks, f"has no {key.table}.{key.column}", level)
