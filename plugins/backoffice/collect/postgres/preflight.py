"""Is it safe to collect? Asked before anything is created at the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from backoffice.collect.postgres.catalog import SourceTable, TypeResolver, find_table
from backoffice.errors import PreflightError
from backoffice.landing import ENVELOPE
from backoffice.sources import ReadTable, SourceConfig

_OLDEST = 130000  # publish_via_partition_root and pg_current_snapshot()
_KINDS = {"v": "a view", "m": "a materialised view", "f": "a foreign table", "S": "a sequence", "c": "a type"}
_PERSISTENCES = {"u": "an unlogged table: its changes are not in the log", "t": "a temporary table of one session"}


class Problem(NamedTuple):
    """Why collecting is refused, and what the source's administrator or the file's author does about it."""

    what: str
    remedy: str


def preflight(connection: psycopg.Connection[Any], config: SourceConfig, types: TypeResolver) -> list[SourceTable]:
    """The tables to read, in the order of the source's file, once nothing speaks against it.

    Raises:
        PreflightError: names every problem at once with its remedy.
    """
    _refuse_old(connection, config)
    problems = list(_server(connection))
    tables = []
    for name, read in config.reads.items():
        table = find_table(connection, types, name, read)
        if table is None:
            problems.append(Problem(f"table {read.table} does not exist", f"mend reads.{name}.table"))
            continue
        problems += _table(table, read)
        tables.append(table)
    problems += _twice(tables)
    if problems:
        raise _refusal(config, problems)
    return tables


def _refuse_old(connection: psycopg.Connection[Any], config: SourceConfig) -> None:
    version = connection.info.server_version
    if version < _OLDEST:
        remedy = f"upgrade it to {_OLDEST // 10000} or later, or land exports of it as files"
        raise _refusal(config, [Problem(f"its server is PostgreSQL {version // 10000}", remedy)])


def _refusal(config: SourceConfig, problems: list[Problem]) -> PreflightError:
    remedies = dict.fromkeys(problem.remedy for problem in problems)  # in order, once each
    return PreflightError(
        f"source {config.source} is not collected: " + "; ".join(problem.what for problem in problems),
        where=f"sources/{config.source}.yaml and its database",
        rule="collecting may never break the source, nor miss a change",
        next_step="; ".join(remedies),
    )


def _server(connection: psycopg.Connection[Any]) -> Iterator[Problem]:
    row = connection.execute(
        "SELECT current_setting('wal_level'), current_setting('server_encoding'), current_user::text, "
        "(SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery()"
    ).fetchone()
    wal_level, encoding, role, may_replicate, is_standby = row or ("", "", "", False, False)
    if is_standby:
        yield Problem("the server is a standby", "collect from its primary")
    if wal_level != "logical":
        yield Problem(f"wal_level is {wal_level}", "ALTER SYSTEM SET wal_level = 'logical' and restart the server")
    if encoding == "SQL_ASCII":
        yield Problem("the database has no encoding (SQL_ASCII)", "collect from a database in UTF8")
    if not may_replicate:
        yield Problem(f"role {role} may not replicate", f'ALTER ROLE "{role}" REPLICATION')


def _table(table: SourceTable, read: ReadTable) -> Iterator[Problem]:
    if table.kind not in "rp":
        kind = _KINDS.get(table.kind, "no table")
        yield Problem(
            f"{table} is {kind}, which has no changes of its own", f"read the tables behind it in {table.read}"
        )
    elif table.persistence != "p":
        yield Problem(
            f"{table} is {_PERSISTENCES[table.persistence]}", f"ALTER TABLE {table} SET LOGGED, or read another"
        )
    for name in table.unlogged:
        yield Problem(
            f"changes of partition {name} of {table} are not logged: it is a foreign or unlogged table",
            f"ALTER TABLE {name} SET LOGGED, or detach it",
        )
    if not table.may_select:
        yield Problem(f"the role may not read {table}", f"GRANT SELECT ON {table} TO the role")
    if table.rows_hidden:
        yield Problem(f"row security hides rows of {table} from the role", "ALTER ROLE … BYPASSRLS")
    if table.has_children:
        yield Problem(f"other tables inherit from {table}", f"read the children of {table} each, or partition it")
    yield from _columns(table, read)
    if table.kind in "rp":
        yield from _identity(table, read)


def _columns(table: SourceTable, read: ReadTable) -> Iterator[Problem]:
    names = {column.name for column in table.columns}
    missing = [name for name in read.columns if name not in names]
    if missing:
        yield Problem(
            f"{table} has no column {', '.join(missing)} that the stream sends",
            f"bring it back, or take it out of reads.{table.read}.columns and the mapping",
        )
    taken = sorted(names & ENVELOPE.keys())
    if taken:
        yield Problem(f"{table} has a column named {', '.join(taken)}, as the envelope has", "rename it at the source")


def _identity(table: SourceTable, read: ReadTable) -> Iterator[Problem]:
    key = frozenset(read.primary_key)
    if table.primary_key and table.primary_key != key:
        yield Problem(
            f"the key of {table} is ({', '.join(sorted(table.primary_key))})",
            f"write it as reads.{table.read}.primary_key",
        )
    for identity in table.identities:
        if not identity.tells_rows:
            yield Problem(
                f"{identity.table} has no key: once published, every UPDATE and DELETE of it would fail at the source",
                f"ALTER TABLE {identity.table} ADD PRIMARY KEY ({', '.join(read.primary_key)})"
                f" or ALTER TABLE {identity.table} REPLICA IDENTITY FULL; if it is published already,"
                " ALTER PUBLICATION … DROP TABLE lets it be changed until then",
            )
        elif identity.kind != "f" and not key <= identity.columns:
            yield Problem(
                f"deletes of {identity.table} tell ({', '.join(sorted(identity.columns))}) only",
                f"ALTER TABLE {identity.table} REPLICA IDENTITY DEFAULT, with ({', '.join(read.primary_key)}) as key",
            )


def _twice(tables: list[SourceTable]) -> Iterator[Problem]:
    seen: dict[int, str] = {}
    for table in tables:
        first = seen.setdefault(table.oid, table.read)
        if first != table.read:
            yield Problem(f"{table} is read twice, as {first} and {table.read}", "keep one of the two")
