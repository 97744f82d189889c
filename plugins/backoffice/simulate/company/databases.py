"""The ERP and the HRIS as PostgreSQL databases: a history by COPY, then changes once each, as they happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from backoffice.simulate.company.book import Change, Row
from backoffice.simulate.company.tables import columns, keys, schema

Connection = psycopg.Connection[tuple[Any, ...]]
Place = tuple[date, int]
"""How far a system has come: a day, and how many of its changes are there."""

_PROGRESS = """
CREATE SCHEMA simulator;
CREATE TABLE simulator.progress (day date NOT NULL, place integer NOT NULL);
INSERT INTO simulator.progress VALUES (%s, 0);
"""


def is_there(connection: Connection, system: str) -> bool:
    """Whether the system has been created in this database."""
    found = connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (system,)).fetchone()
    return found is not None


def create(connection: Connection, system: str, tables: dict[str, list[Row]], next_day: date) -> None:
    """Create a system with its history, in one transaction.

    Args:
        connection: to its database.
        system: ``erp`` or ``hris``.
        tables: rows by ``system.table``; those of other systems are left out.
        next_day: the first day that is not in the history.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(schema(system).encode())
        for name, wanted in columns().items():
            if name.startswith(f"{system}."):
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(_table(name), _names(wanted))
                with cursor.copy(statement) as copy:
                    for row in tables.get(name, ()):
                        copy.write_row([row[column] for column in wanted])
        for statement_text in _PROGRESS.strip().split("\n"):
            cursor.execute(statement_text.encode(), (next_day,) if "%s" in statement_text else None)
    connection.execute("ANALYZE")


def place(connection: Connection) -> Place:
    """How far the system has come."""
    row = connection.execute("SELECT day, place FROM simulator.progress").fetchone()
    if row is None:
        raise AssertionError("a system has no place")
    return row[0], row[1]


def deliver(connection: Connection, changes: Sequence[Change], reached: Place) -> None:
    """Write changes and how far they bring the system, in one transaction: a kill leaves both or none."""
    with connection.transaction(), connection.cursor() as cursor:
        for name, rows in _newest(changes).items():
            cursor.executemany(_upsert(name), rows)
        cursor.execute("UPDATE simulator.progress SET day = %s, place = %s", reached)


def _newest(changes: Iterable[Change]) -> dict[str, list[list[Any]]]:
    """Rows by table; of several versions of a row in one transaction the last one counts."""
    found: dict[str, dict[tuple[Any, ...], list[Any]]] = {}
    for change in changes:
        key = tuple(change.row[name] for name in keys()[change.table])
        found.setdefault(change.table, {})[key] = [change.row[name] for name in columns()[change.table]]
    return {name: list(rows.values()) for name, rows in found.items()}


def _upsert(name: str) -> sql.Composed:
    wanted, own = columns()[name], keys()[name]
    changed = [column for column in wanted if column not in own]
    sets = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in changed)
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}").format(
        _table(name), _names(wanted), sql.SQL(", ").join(sql.Placeholder() * len(wanted)), _names(own), sets
    )


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
