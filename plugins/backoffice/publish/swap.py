"""A table whose columns changed: built beside, then swapped by rename with everything that hung on the old one.

What hangs on it (:mod:`backoffice.publish.carried`) and dependent views are written down as statements before the old
table goes and replayed after, all in the publication's transaction: nobody sees a moment without them, and a statement
that no longer holds stops the publication with its name.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from backoffice.errors import PublishError
from backoffice.publish import carried
from backoffice.publish.model import PublishedModel
from backoffice.publish.session import RETRIED, Connection, relation
from backoffice.publish.tables import (
    ExistingTable,
    add_index,
    add_key,
    create_table,
    index_name,
    key_name,
    write_comments,
)
from backoffice.publish.writer import TableWriter

_NEXT = "__next"
_SECOND_LOCK_TIMEOUT = "700ms"

_VIEWS = """
WITH RECURSIVE dependent (oid, depth) AS (
    SELECT %(oid)s::oid, 0
    UNION
    SELECT r.ev_class, dependent.depth + 1
    FROM dependent
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = dependent.oid
        AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> dependent.oid
)
SELECT c.oid, c.relkind::text, format('%%I.%%I', n.nspname, c.relname), pg_get_userbyid(c.relowner)::text,
    pg_has_role(c.relowner, 'MEMBER'),
    format('CREATE VIEW %%I.%%I %%sAS %%s', n.nspname, c.relname,
           'WITH (' || array_to_string(c.reloptions, ', ') || ') ', pg_get_viewdef(c.oid)),
    format('ALTER VIEW %%I.%%I OWNER TO %%I', n.nspname, c.relname, pg_get_userbyid(c.relowner))
FROM (SELECT oid, max(depth) AS depth FROM dependent WHERE depth > 0 GROUP BY oid) AS found
JOIN pg_class c ON c.oid = found.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY found.depth, c.oid
"""

UNLESS_A_REPORT_RUNS = """
DO $$
DECLARE report text;
BEGIN
    SELECT format('session %s of %s has been in a transaction since %s', pid, usename, xact_start) INTO report
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL
        AND (state <> 'active' OR xact_start < query_start)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = report;
    END IF;
END $$;
"""
"""Statement that fails when a transaction keeps a snapshot, or one of several statements is at work.

A transaction that keeps one version to its end (REPEATABLE READ) would find a table empty that was made after its first
statement; the catalogue, by which it finds the table, shows everybody the newest. A single statement takes its
snapshot once it has its tables, and READ COMMITTED keeps none between statements: neither needs care. Transactions of
other roles are seen by members of pg_read_all_stats only.
"""


@dataclass(frozen=True)
class _View:
    """A view that depends on the table, with the statements that make it again."""

    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Rebuilt:
    """A table built beside the one it replaces; ``rows`` are its rows."""

    model: PublishedModel
    rows: int
    views: list[_View]
    statements: list[str]


def build_beside(writer: TableWriter, existing: ExistingTable) -> Rebuilt:
    """Build a table with the declared columns and the warehouse's rows, without a lock on the one readers use.

    Raises:
        PublishError: something that depends on the table cannot be carried over.
    """
    views = _dependent_views(writer.pg, existing.oid)
    statements = carried.by_table(writer.pg, writer.model, existing)
    return Rebuilt(writer.model, build(writer, writer.model.name + _NEXT, _NEXT), views, statements)


def swap(pg: Connection, rebuilt: Rebuilt) -> None:
    """Put the table built beside into its place, with everything that hung on the old one.

    Raises:
        PublishError: something that depends on the table does not work with its new columns; names it.
    """
    _replace(pg, rebuilt.model, rebuilt.views)
    for statement in rebuilt.statements:
        _replay(pg, statement, f"{rebuilt.model.schema}.{rebuilt.model.name}")
    for view in rebuilt.views:
        for statement in view.statements:
            _replay(pg, statement, f"view {view.name}")


def rebuild(writer: TableWriter, existing: ExistingTable) -> int:
    """Replace a table at once; returns the rows."""
    rebuilt = build_beside(writer, existing)
    swap(writer.pg, rebuilt)
    return rebuilt.rows


def build(writer: TableWriter, name: str, suffix: str = "") -> int:
    """Create a model's table with rows, key, indexes, comments and statistics; returns the rows."""
    pg, model = writer.pg, writer.model
    create_table(pg, model, name)
    rows = writer.load(name)
    add_key(pg, model, name, suffix)
    for column in model.indexes:
        add_index(pg, model, column, name, suffix)
    write_comments(pg, model, name)
    pg.execute(sql.SQL("ANALYZE {}").format(relation(model.schema, name)))
    return rows


def _replace(pg: Connection, model: PublishedModel, views: list[_View]) -> None:
    """Views go first: whoever reads one takes its lock before the table's."""
    for view in reversed(views):
        _execute(pg, f"DROP VIEW {view.name}")
        _wait_briefly(pg)
    old = f"{model.schema}.{model.name}"
    try:
        _execute(pg, f"DROP TABLE {old}")
    except errors.DependentObjectsStillExist as error:
        raise PublishError(
            f"the columns of {old} changed and something other than a view depends on it: {error.diag.message_detail}",
            where=old,
            rule="only views can be carried over to the new table",
            next_step="drop it, publish, and create it again",
        ) from error
    _wait_briefly(pg)
    _execute(pg, f"ALTER TABLE {old}{_NEXT} RENAME TO {model.name}")
    for name in (key_name(model), *(index_name(model, column) for column in model.indexes)):
        _execute(pg, f"ALTER INDEX {model.schema}.{name}{_NEXT} RENAME TO {name}")


def _wait_briefly(pg: Connection) -> None:
    """Holding one exclusive lock and waiting for another, we may wait for a reader who waits for us.

    We give up before the server looks for deadlocks, after one second, and makes the reader its victim.
    """
    pg.execute("SELECT set_config('lock_timeout', %s, true)", (_SECOND_LOCK_TIMEOUT,))


def _dependent_views(pg: Connection, oid: int) -> list[_View]:
    views = []
    for view, kind, name, owner, is_member, create, give in pg.execute(_VIEWS, {"oid": oid}).fetchall():
        if kind != "v" or not is_member:
            reason = f"it belongs to {owner}" if kind == "v" else "it is no plain view"
            raise PublishError(
                f"a table's columns changed and {name}, which reads it, cannot be made again: {reason}",
                where=name,
                rule="dependent views are recreated with the table they read",
                next_step=f"drop {name}, publish, and create it again, or grant its owner's role to the publisher",
            )
        views.append(_View(name, (create, *carried.by_view(pg, view), give)))
    return views


def _replay(pg: Connection, statement: str, owner: str) -> None:
    try:
        _execute(pg, statement)
    except RETRIED:
        raise
    except psycopg.Error as error:
        raise PublishError(
            f"{owner} does not work with the table's new columns: {str(error).splitlines()[0]}",
            where=owner,
            rule="a publication never breaks a view, grant, policy or index that reads it",
            next_step=f"change or drop it, then publish again; it was: {statement}",
        ) from error


def _execute(pg: Connection, statement: str) -> None:
    pg.execute(statement)
