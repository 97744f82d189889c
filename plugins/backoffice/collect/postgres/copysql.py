"""SQL of a full copy: what a bulk read selects, and whether a table holds a value it could not bring over exactly."""

from __future__ import annotations

from psycopg import sql

from backoffice.collect.postgres.catalog import SourceColumn, SourceTable
from backoffice.collect.postgres.refetch import output_text
from backoffice.collect.postgres.types import Kind

_YEARS = {
    "date": "{0} < '0001-01-01' OR {0} > '9999-12-31'",
    "timestamp": "{0} < '0001-01-01' OR {0} >= '10000-01-01'",
    "timestamptz": "{0} < '0001-01-01 00:00+00' OR {0} >= '10000-01-01 00:00+00'",
}


def bulk_query(table: SourceTable, only: sql.Composable | None = None) -> sql.Composed:
    """All rows, or those of a condition, each column of the very type it lands in."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_typed(column), sql.Identifier(column.name)) for column in table.columns
    )
    return sql.SQL("SELECT {} FROM {}{}").format(columns, table.identifier, _where(only))


def text_query(table: SourceTable, only: sql.Composable | None = None) -> sql.Composed:
    """All rows, or those of a condition, as PostgreSQL writes them out, like the stream."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    return sql.SQL("COPY (SELECT {} FROM {}{}) TO STDOUT").format(columns, table.identifier, _where(only))


def misfit_query(table: SourceTable) -> sql.Composed | None:
    """Whether any value does not fit its column; None when the types rule it out."""
    conditions = [condition for column in table.columns if (condition := _misfit(column))]
    numbers = [sql.Identifier(column.name) for column in table.columns if column.type.kind is Kind.DECIMAL]
    if numbers:  # one comparison of all: a fourth of the time that a condition for each takes
        conditions.append(sql.SQL("'NaN' IN ({})").format(sql.SQL(", ").join(numbers)))
    if not conditions:
        return None
    return sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(table.identifier, sql.SQL(" OR ").join(conditions))


def _where(only: sql.Composable | None) -> sql.Composable:
    return sql.SQL(" WHERE {}").format(only) if only else sql.SQL("")


def _typed(column: SourceColumn) -> sql.Composed:
    name = sql.Identifier(column.name)
    if column.type.kind is Kind.OTHER:
        return output_text(column.name)
    if column.type.kind is Kind.UUID:
        return sql.SQL("uuid_send({}::uuid)").format(name)  # the scanner would give it as text
    if column.type.kind is Kind.PADDED:
        return sql.SQL("{}::bpchar::text").format(name)
    return sql.SQL("{}::{}").format(name, sql.SQL(column.type.postgres))


def _misfit(column: SourceColumn) -> sql.Composed | None:
    name = sql.Identifier(column.name)
    if column.type.postgres in _YEARS:
        return sql.SQL(_YEARS[column.type.postgres]).format(name)
    if column.type.kind is Kind.TIME:
        return sql.SQL("{} = '24:00'").format(name)
    if column.type.narrower:
        precision, scale = column.type.arrow.precision, column.type.arrow.scale
        # infinity is greater than every number here; trunc() keeps a number only when it has no further digits
        return sql.SQL("abs({0}) >= 1e{1} OR trunc({0}, {2}) <> {0}").format(
            name, sql.Literal(precision - scale), sql.Literal(scale)
        )
    return None
