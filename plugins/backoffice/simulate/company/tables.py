"""The tables of the company's systems: their keys, and their columns where a file or a database needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from backoffice.simulate.company.book import Change, Row

DATABASES = ("erp", "hris")
"""Systems that are PostgreSQL databases, each with a schema of its name."""

AGAIN = "again"
"""A record that has it is another's copy: it is in the same file a second time."""
OTHER_KEYS: dict[str, tuple[str, ...]] = {
    "archive.document": ("doc_id",),
    "archive.check": ("check_id",),
    "bank.statement": ("iban", "id"),
    "carrier.scan": ("scan_id",),
    "crm.ticket": ("id",),
    "crm.note": ("id",),
    "crm.survey": ("id",),
    "hours.entry": ("id",),
    "vendors.invoice": ("number",),
}

_TABLE = re.compile(r"CREATE TABLE (\w+\.\w+) \((.*?)\n\);", re.S)
_COLUMN = re.compile(r"(?:^|,)\s*([a-z_0-9]+) (?:smallint|integer|bigint|text|date|timestamptz|boolean|numeric)")
_KEY = re.compile(r"PRIMARY KEY \(([^)]*)\)")
_OWN_KEY = re.compile(r"([a-z_0-9]+) \w+ PRIMARY KEY")


def schema(system: str) -> str:
    """SQL that creates a database's schema."""
    return Path(__file__).with_name(f"{system}.sql").read_text(encoding="utf-8")


@cache
def columns() -> dict[str, tuple[str, ...]]:
    """Table of a database → its columns, in order."""
    return {name: tuple(_COLUMN.findall(body)) for name, body in _definitions()}


@cache
def keys() -> dict[str, tuple[str, ...]]:
    """Table of any system → the columns that tell its rows apart."""
    found = dict(OTHER_KEYS)
    for name, body in _definitions():
        several = _KEY.search(body)
        own = _OWN_KEY.search(body)
        names = several.group(1).split(", ") if several else [own.group(1)] if own else []
        found[name] = tuple(names)
    return found


def _definitions() -> list[tuple[str, str]]:
    return [found for system in DATABASES for found in _TABLE.findall(schema(system))]


def newest(changes: Iterable[Change]) -> dict[str, dict[tuple[object, ...], Row]]:
    """Table → key → the row as it is after all changes; a later change replaces an earlier one."""
    tables: dict[str, dict[tuple[object, ...], Row]] = {}
    known = keys()
    for change in changes:
        key = tuple(change.row[name] for name in known[change.table])
        tables.setdefault(change.table, {})[key] = change.row
    return tables
