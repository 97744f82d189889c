"""The footer against the file: a count or a total that differs means that the file was cut off or changed."""

from __future__ import annotations

import re
from decimal import Decimal

import duckdb

from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect, ReadTable
from backoffice.sources.typed import typed_sql

_AMOUNT = "DECIMAL(38,10)"


def check_footer(
    connection: duckdb.DuckDBPyConnection, read: ReadTable, columns: dict[str, str], footer: list[str], defects: int
) -> None:
    """Compare what the footer says with table ``good``.

    Args:
        connection: holds ``good``.
        read: the read.
        columns: declared column → SQL of its text, of those the file has.
        footer: its lines.
        defects: records that could not be split.

    Raises:
        FileSetAsideError: the footer does not look as declared, or says something else.
    """
    declared = read.dialect.footer
    if not declared or not declared.pattern:
        return
    found = re.search(declared.pattern, "\n".join(footer))
    if not found:
        raise _refused(f"the last lines are not the footer: {footer[-1][:200]!r}")
    groups = found.groupdict()
    rows, total = _counted(connection, read, columns)
    if groups.get("rows") is not None:
        said = _number(connection, groups["rows"], read.dialect)
        if said != rows + defects:
            raise _refused(f"the footer says {groups['rows']} records, the file has {rows + defects}")
    if groups.get("sum") is not None and not defects:  # a record that was not split is judged by itself
        said = _number(connection, groups["sum"], read.dialect)
        if said != total:
            raise _refused(f"the footer says {declared.sum_of} is {groups['sum']}, the file's sum is {total:f}")


def _counted(
    connection: duckdb.DuckDBPyConnection, read: ReadTable, columns: dict[str, str]
) -> tuple[int, Decimal | None]:
    name = read.dialect.footer.sum_of if read.dialect.footer else ""
    amount = typed_sql(columns[name], _AMOUNT, read.dialect) if name in columns else "cast(null as decimal)"
    row = connection.execute(f"select count(*), sum({amount}) from good").fetchone()
    assert row is not None  # an aggregate without groups has one row
    return int(row[0]), Decimal(row[1]).normalize() if row[1] is not None else Decimal(0)


def _number(connection: duckdb.DuckDBPyConnection, text: str, dialect: FileDialect) -> Decimal | None:
    row = connection.execute(f"select {typed_sql('$text', _AMOUNT, dialect)}", {"text": text}).fetchone()
    return Decimal(row[0]).normalize() if row and row[0] is not None else None


def _refused(what: str) -> FileSetAsideError:
    return FileSetAsideError(
        what,
        rule="dialect.footer of the read: a file says itself how much it holds",
        next_step="have the file sent again: it was cut off or changed on its way",
    )
