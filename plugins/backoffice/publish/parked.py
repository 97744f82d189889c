"""Tables an earlier version does not have: kept out of readers' sight while it is shown, with their rights.

Dropping them would lose what administrators set on them (grants, row policies, indexes), and readers would get the
schema's default rights back with the table. So their rows are deleted, and they wait in a schema nobody may use.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from backoffice.publish import registry
from backoffice.publish.model import PublishedModel, TableChange
from backoffice.publish.session import Connection, relation

_PREFIX = "parked_"


def park(pg: Connection, schema: str, name: str, rows: int) -> TableChange:
    """Take a table out of sight. Views that read it stay and find no rows."""
    pg.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(_PREFIX + schema)))
    pg.execute(sql.SQL("DELETE FROM {}").format(relation(schema, name)))
    _move(pg, schema, name, _PREFIX + schema)
    registry.forget_table(pg, schema, name)
    note = "the version has no such table; it comes back with the next newer one"
    return TableChange(name, 0, 0, rows, rows=0, action="parked", note=note)


def bring_back(pg: Connection, models: Iterable[PublishedModel]) -> None:
    """Bring back the parked tables among these models; their rows are still to be published."""
    models = tuple(models)
    parked = names(pg, {model.schema for model in models})
    for model in models:
        if (model.schema, model.name) in parked:
            _move(pg, _PREFIX + model.schema, model.name, model.schema)


def names(pg: Connection, schemas: Iterable[str]) -> set[tuple[str, str]]:
    """Schema and name, as they were, of the parked tables of some schemas."""
    found = pg.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s)",
        ([_PREFIX + schema for schema in schemas],),
    ).fetchall()
    return {(schema.removeprefix(_PREFIX), name) for schema, name in found}


def parked_relation(schema: str, name: str) -> sql.Identifier:
    """Where a parked table is."""
    return relation(_PREFIX + schema, name)


def _move(pg: Connection, schema: str, name: str, to: str) -> None:
    pg.execute(sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(relation(schema, name), sql.Identifier(to)))
