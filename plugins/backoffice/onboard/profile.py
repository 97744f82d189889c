"""What a source holds, as far as a look at some of its rows tells: tables, columns, types, keys and values.

Looking is where guessing is allowed: a person reads what comes of it before anything is collected.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from psycopg import sql

from backoffice.collect.postgres.connect import connect, conninfo
from backoffice.errors import CollectError
from backoffice.sources.formats import PARTS

_ROWS = 1000
_TYPES = {
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "uuid": "UUID",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
}
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+|[+-]?\d+")
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_ROOTS = {"BkToCstmr": "camt", "Invoice": "ubl", "CreditNote": "ubl", "AuditFile": "saft"}
_TABLES = """SELECT t.table_schema, t.table_name, c.column_name, c.data_type, c.numeric_precision, c.numeric_scale,
    EXISTS (SELECT FROM information_schema.table_constraints k JOIN information_schema.key_column_usage u
        USING (constraint_schema, constraint_name) WHERE k.constraint_type = 'PRIMARY KEY'
        AND k.table_schema = t.table_schema AND k.table_name = t.table_name AND u.column_name = c.column_name)
    FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN ('pg_catalog', 'information_schema')
    ORDER BY 1, 2, c.ordinal_position"""


@dataclass(slots=True)
class ColumnProfile:
    """A column: its DuckDB type, and the values that are filled, each once, as text."""

    name: str
    kind: str
    is_key: bool = False
    values: list[str] = field(default_factory=list)
    nulls: int = 0


@dataclass(slots=True)
class TableProfile:
    """A table or a set of files of one layout; ``reading`` is the read's YAML but for columns and key."""

    name: str
    reading: dict[str, Any]
    columns: list[ColumnProfile]
    rows: int = 0

    @property
    def key(self) -> list[str]:
        """Columns that tell its rows: those the database says, or the first whose values are all filled and unlike."""
        declared = [column.name for column in self.columns if column.is_key]
        alone = [c.name for c in self.columns if self.rows and not c.nulls and len(c.values) == self.rows]
        return declared or alone[:1]


def profile_database(url: str) -> list[TableProfile]:
    """The tables of a PostgreSQL database.

    Raises:
        CollectError: it cannot be read, or has no table the role may see.
    """
    tables: dict[tuple[str, str], TableProfile] = {}
    try:
        with connect(conninfo(url, "map init")) as connection:
            for schema, name, column, kind, precision, scale, is_key in connection.execute(_TABLES).fetchall():
                reading = {"table": f"{schema}.{name}"}
                table = tables.setdefault((schema, name), TableProfile(_identifier(name), reading, []))
                table.columns.append(ColumnProfile(column, _type(kind, precision, scale), is_key))
            for (schema, name), table in tables.items():
                _look(connection, sql.Identifier(schema, name), table)
    except psycopg.Error as error:
        raise CollectError(f"the database cannot be read: {str(error).strip()}") from error
    return _some(list(tables.values()), "the database has no table that the role may see")


def profile_folder(folder: Path) -> list[TableProfile]:
    """The kinds of files in a folder, told by their names without numbers.

    Raises:
        CollectError: it is not there, or holds no file of a known kind.
    """
    if not folder.is_dir():
        raise CollectError(
            "the folder is not there", where=str(folder), next_step="create it, with an example of each file"
        )
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        found[_pattern(path.name)] = path  # the newest by name, whose columns are today's
    profiles = [table for pattern, path in found.items() for table in _file(pattern, path)]
    return _some(profiles, f"nothing in {folder} could be read as CSV, JSON lines, camt, UBL or SAF-T")


def _some(profiles: list[TableProfile], nothing: str) -> list[TableProfile]:
    if not profiles:
        raise CollectError(nothing, next_step="write the source's file by hand, see docs/sources.md")
    return profiles


def _look(connection: psycopg.Connection[Any], identifier: sql.Identifier, table: TableProfile) -> None:
    columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c.name)) for c in table.columns)
    rows = connection.execute(sql.SQL("SELECT {} FROM {} LIMIT {}").format(columns, identifier, _ROWS)).fetchall()
    _take_in(table, rows)


def _take_in(table: TableProfile, rows: Iterable[tuple[Any, ...]]) -> None:
    listed = list(rows)
    table.rows = len(listed)
    for place, column in enumerate(table.columns):
        filled = [str(row[place]) for row in listed if row[place] is not None]
        column.values, column.nulls = list(dict.fromkeys(filled)), len(listed) - len(filled)


def _type(kind: str, precision: int | None, scale: int | None) -> str:
    if kind == "numeric":
        return f"DECIMAL({precision},{scale})" if precision and precision <= 38 else "DECIMAL(38,10)"
    return _TYPES.get(kind, "VARCHAR")


def _pattern(name: str) -> str:
    """A glob for files that differ by numbers: ``spend_2026-01.csv`` and ``spend_2026-02.csv`` are ``spend_*.csv``."""
    return re.sub(r"\d[\d._ -]*(?=\.\w+$)|\d+", "*", name)


def _file(pattern: str, path: Path) -> Iterator[TableProfile]:
    name = _identifier(re.sub(r"\*|\.\w+$", "", pattern)) or "file"
    kind = path.suffix.lower()
    if kind == ".xml":
        head = path.read_bytes()[:4000].decode("utf-8", "replace")
        format_ = next((known for root, known in _ROOTS.items() if re.search(rf"<(\w+:)?{root}", head)), "")
        for part, rows in PARTS.get(format_, {}).items():
            reading = {"pattern": pattern, "format": format_, "part": part}
            columns = [
                ColumnProfile(column, type_, column in rows.primary_key) for column, type_ in rows.columns.items()
            ]
            yield TableProfile(f"{name}_{part}", reading, columns)
    elif kind in (".jsonl", ".ndjson"):
        yield _json_lines(name, pattern, path)
    elif kind in (".csv", ".txt", ".tsv"):
        yield _delimited(name, pattern, path)


def _json_lines(name: str, pattern: str, path: Path) -> TableProfile:
    with path.open(encoding="utf-8-sig") as file:
        rows = [json.loads(line) for _, line in zip(range(_ROWS), file, strict=False) if line.strip()]
    names = list(dict.fromkeys(key for row in rows for key in row))
    table = TableProfile(name, {"pattern": pattern, "format": "jsonl"}, [ColumnProfile(n, "VARCHAR") for n in names])
    _take_in(table, [tuple(_plain(row.get(n)) for n in names) for row in rows])
    for column in table.columns:
        column.kind = _kind_of(column.values)
    return table


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list | bool) else value


def _kind_of(values: list[str]) -> str:
    """The narrowest type all values have."""
    if values and all(_WHOLE.fullmatch(value) for value in values):
        return "BIGINT"
    with duckdb.connect() as connection:
        for kind in ("DECIMAL(18,4)", "DATE", "TIMESTAMP", "BOOLEAN"):
            query = f"SELECT count(*) = count(try_cast(v AS {kind})) FROM (SELECT unnest(?::VARCHAR[]) AS v)"
            row = connection.execute(query, [values]).fetchone()
            if values and row and row[0]:
                return kind
    return "VARCHAR"


def _delimited(name: str, pattern: str, path: Path) -> TableProfile:
    encoding = _encoding(path)
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT Delimiter, Quote, HasHeader, Columns, DateFormat FROM sniff_csv(?, encoding = ?)",
            [str(path), "utf-8" if encoding == "utf-8" else "latin-1"],
        ).fetchone()
    assert found is not None  # sniff_csv gives one row, or an error
    delimiter, quote, header, columns, date_format = found
    with path.open(encoding=encoding, newline="") as file:
        rows = [row for row, _ in zip(csv.reader(file, delimiter=delimiter), range(_ROWS + 1), strict=False)]
    table = TableProfile(name, {"pattern": pattern}, [ColumnProfile(c["name"], c["type"]) for c in columns])
    width = len(table.columns)
    _take_in(table, [tuple(v or None for v in row) for row in rows[1 if header else 0 :] if len(row) == width])
    dialect: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding, "header": bool(header)}
    if quote not in ('"', "(empty)"):
        dialect["quote"] = quote
    if date_format and any(column.kind == "DATE" for column in table.columns):
        dialect["date_format"] = date_format
    for column in table.columns:
        if column.kind == "VARCHAR" and column.values and all(map(_DECIMAL_COMMA.fullmatch, column.values)):
            column.kind, dialect["decimal"], dialect["thousands"] = "DECIMAL(18,4)", ",", "."
        elif column.kind == "DOUBLE":
            column.kind = "DECIMAL(18,4)"  # an amount in a text has all its digits
    table.reading["dialect"] = dialect
    return table


def _encoding(path: Path) -> str:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _identifier(name: str) -> str:
    plain = re.sub(r"\W+|_+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).strip("_").lower()
    return (plain if not plain[:1].isdigit() else f"t_{plain}")[:40]
