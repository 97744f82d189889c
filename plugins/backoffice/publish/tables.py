"""Published tables in PostgreSQL: what is there, and making what is declared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import errors, sql

from backoffice.errors import PublishError
from backoffice.publish.model import PublishedModel
from backoffice.publish.session import Connection, relation

_EXISTING = """
SELECT n.nspname, c.relname, c.oid, pg_relation_size(c.oid), coalesce(d.description, ''),
    (SELECT array_agg(ARRAY[a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(ad.description, '')]
                      ORDER BY a.attnum)
     FROM pg_attribute a
     LEFT JOIN pg_description ad ON ad.objoid = c.oid AND ad.classoid = 'pg_class'::regclass AND ad.objsubid = a.attnum
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT array_agg(a.attname::text)
     FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
     WHERE i.indrelid = c.oid AND i.indisprimary),
    (SELECT array_agg(ic.relname::text) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
     WHERE i.indrelid = c.oid),
    (SELECT array_agg(name) FROM (
        SELECT 'trigger ' || t.tgname FROM pg_trigger t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 3 = 3
        UNION ALL SELECT 'rule ' || r.rulename FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'D'
    ) AS found (name))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE c.relkind = 'r' AND n.nspname = ANY (%s)
"""


@dataclass(frozen=True)
class ExistingTable:
    """A table as PostgreSQL's catalogue has it; ``bytes`` are those of its rows.

    ``changers`` are the rules, and the triggers before a row, that can change what is written.
    """

    oid: int
    bytes: int
    comment: str
    columns: tuple[tuple[str, str], ...]
    column_comments: tuple[str, ...]
    key: tuple[str, ...]
    indexes: frozenset[str]
    changers: tuple[str, ...]

    def fits(self, model: PublishedModel) -> bool:
        """Whether columns, their types and order, and the primary key are those declared."""
        return self.columns == _declared(model) and self.key == (model.key,)


def existing_tables(pg: Connection, schemas: Iterable[str]) -> dict[tuple[str, str], ExistingTable]:
    """Tables of some schemas, by schema and name."""
    found = {}
    for schema, name, oid, size, comment, columns, key, indexes, changers in pg.execute(_EXISTING, (list(schemas),)):
        found[schema, name] = ExistingTable(
            oid=oid,
            bytes=size,
            comment=comment,
            columns=tuple((column, kind) for column, kind, _ in columns or ()),
            column_comments=tuple(text for _, _, text in columns or ()),
            key=tuple(key or ()),
            indexes=frozenset(indexes or ()),
            changers=tuple(changers or ()),
        )
    return found


def count_rows(pg: Connection, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Rows of some tables, by schema and name, in one query."""
    if not names:
        return {}
    parts = [
        sql.SQL("SELECT {}, count(*) FROM {}").format(number, relation(*name)) for number, name in enumerate(names)
    ]
    return {names[number]: rows for number, rows in pg.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()}


def ensure_schema(pg: Connection, schema: str, reader: str) -> None:
    """Create the schema and let the reader role read it, tables made later included.

    Raises:
        PublishError: there is no such role.
    """
    names = {"schema": sql.Identifier(schema), "reader": sql.Identifier(reader)}
    if not pg.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
        pg.execute(sql.SQL("CREATE SCHEMA {schema}").format(**names))
    try:
        row = pg.execute("SELECT has_schema_privilege(%s, %s, 'USAGE')", (reader, schema)).fetchone()
    except errors.UndefinedObject as error:
        raise PublishError(
            f"the role {reader} that reads the marts does not exist",
            rule="what is published can be read",
            next_step=f"create it in PostgreSQL: CREATE ROLE {reader} LOGIN",
        ) from error
    if row and row[0]:
        return
    for statement in (
        "GRANT USAGE ON SCHEMA {schema} TO {reader}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {reader}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader}",
    ):
        pg.execute(sql.SQL(statement).format(**names))


def create_table(pg: Connection, model: PublishedModel, name: str) -> None:
    """An empty table with the declared columns, without its key."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in _declared(model)
    )
    pg.execute(sql.SQL("CREATE TABLE {} ({})").format(relation(model.schema, name), columns))


def add_key(pg: Connection, model: PublishedModel, name: str, suffix: str = "") -> None:
    """The primary key, after the rows: building the index once is faster than keeping it up."""
    pg.execute(
        sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY ({})").format(
            relation(model.schema, name), sql.Identifier(key_name(model) + suffix), sql.Identifier(model.key)
        )
    )


def add_index(pg: Connection, model: PublishedModel, column: str, name: str, suffix: str = "") -> None:
    """An index on one column."""
    pg.execute(
        sql.SQL("CREATE INDEX {} ON {} ({})").format(
            sql.Identifier(index_name(model, column) + suffix), relation(model.schema, name), sql.Identifier(column)
        )
    )


def write_comments(pg: Connection, model: PublishedModel, name: str, existing: ExistingTable | None = None) -> None:
    """Comments that differ from what is there."""
    target = relation(model.schema, name)
    if existing is None or existing.comment != model.description:
        pg.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(target, sql.Literal(model.description)))
    before = existing.column_comments if existing else ("",) * len(model.columns)
    for column, text in zip(model.columns, before, strict=True):
        if column.description != text:
            pg.execute(
                sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                    sql.Identifier(model.schema, name, column.name), sql.Literal(column.description)
                )
            )


def adjust_indexes(pg: Connection, model: PublishedModel, existing: ExistingTable) -> None:
    """Make the table's indexes those declared. Indexes a database administrator added under other names stay."""
    for column in model.column_names:
        name = index_name(model, column)
        if column in model.indexes and name not in existing.indexes:
            add_index(pg, model, column, model.name)
        elif column not in model.indexes and name in existing.indexes:
            pg.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(model.schema, name)))


def key_name(model: PublishedModel) -> str:
    """Name of the primary key's constraint and index."""
    return f"{model.name}_pkey"


def index_name(model: PublishedModel, column: str) -> str:
    """Name of the index on a column, short enough for PostgreSQL with a suffix."""
    name = f"{model.name}_{column}_idx"
    if len(name) <= 56:
        return name
    return f"{name[:43]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}_idx"


def _declared(model: PublishedModel) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.postgres_type) for column in model.columns)
