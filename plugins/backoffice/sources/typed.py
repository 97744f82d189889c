"""DuckDB SQL that reads a file's text as a declared type, by the formats the source's YAML gives."""

from __future__ import annotations

import re

from backoffice.sources.dialect import FileDialect

_NUMBERS = ("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "HUGEINT")


def typed_sql(column: str, kind: str, dialect: FileDialect) -> str:
    """Expression giving the column's text as ``kind``; NULL where the text does not fit.

    Args:
        column: SQL of the text.
        kind: DuckDB type.
        dialect: formats of the file.
    """
    upper = kind.upper()
    if upper.startswith(_NUMBERS) and (dialect.decimal, dialect.thousands) != (".", ""):
        return f"try_cast({_plain_number(column, dialect)} as {kind})"
    if upper == "DATE" and dialect.date_format:
        return f"try_cast(try_strptime({column}, {_list(dialect.date_format)}) as {kind})"
    if upper.startswith(("TIMESTAMP", "DATETIME")) and dialect.timestamp_format:
        return f"try_cast(try_strptime({column}, {_list(dialect.timestamp_format)}) as {kind})"
    return f"try_cast({column} as {kind})"


def swapped_number(column: str, kind: str, dialect: FileDialect) -> str:
    """Condition: the text is a number only if the decimal mark is the other one of point and comma."""
    if not kind.upper().startswith(("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL")):
        return "false"
    other = "," if dialect.decimal == "." else "."
    return f"regexp_full_match(trim({column}), '[+-]?[0-9{_escaped(dialect.decimal)}]*{_escaped(other)}[0-9]{{1,2}}')"


def _plain_number(column: str, dialect: FileDialect) -> str:
    """The text with a point as its only mark; NULL unless thousands stand in groups of three."""
    decimal, thousands = _escaped(dialect.decimal), _escaped(dialect.thousands)
    whole = rf"(\d+|\d{{1,3}}({thousands}\d{{3}})+)" if thousands else r"\d+"
    shape = _literal(rf"[+-]?({whole})?({decimal}\d*)?")
    text = f"trim({column})"
    plain = f"replace({text}, {_literal(dialect.thousands)}, '')" if thousands else text
    return f"case when regexp_full_match({text}, {shape}) then replace({plain}, {_literal(dialect.decimal)}, '.') end"


def _escaped(mark: str) -> str:
    return mark if mark.isspace() else re.escape(mark)


def _list(formats: tuple[str, ...]) -> str:
    return "[" + ", ".join(_literal(text) for text in formats) + "]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
