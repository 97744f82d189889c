"""What is published: models, their columns and the type each column has in PostgreSQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from backoffice.errors import PublishError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAME_LENGTH = 50  # PostgreSQL cuts names at 63 bytes without an error; suffixes such as __next come on top
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
Mode = Literal["rows", "whole"]
RESERVED = frozenset({"publication", "publication_table", "current_version"})
_POSTGRES = {
    "VARCHAR": "text",
    "VARCHAR[]": "text[]",
    "BOOLEAN": "boolean",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38,0)",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp with time zone",
    "UUID": "uuid",
}
TYPES = ", ".join(["DECIMAL(p,s)", *_POSTGRES])


def counterpart(duckdb_type: str) -> str | None:
    """The type PostgreSQL has for one of DuckDB's; None when there is no exact one."""
    name = canonical_type(duckdb_type)
    if match := _DECIMAL.fullmatch(name):
        return f"numeric({match[1]},{match[2]})"
    return _POSTGRES.get(name)


@dataclass(frozen=True)
class PublishedColumn:
    """A column readers see.

    Args:
        name: lower case, the same in the warehouse, in PostgreSQL and in the file.
        duckdb_type: its type in the warehouse, exactly.
        description: what it means and its unit; becomes the column's comment.
    """

    name: str
    duckdb_type: str
    description: str

    @property
    def postgres_type(self) -> str:
        """The type in PostgreSQL, as ``format_type`` writes it.

        Raises:
            PublishError: the type has no exact counterpart; naive TIMESTAMP is one (instants are UTC TIMESTAMPTZ).
        """
        found = counterpart(self.duckdb_type)
        if found is None:
            raise PublishError(
                f"a column of type {self.duckdb_type} cannot be published",
                where=f"column {self.name}",
                rule=f"one of {TYPES}",
                next_step="cast the column in its model",
            )
        return found


@dataclass(frozen=True)
class PublishedModel:
    """A warehouse table readers see, under the same schema and name in PostgreSQL and in the file.

    Args:
        name: the table.
        schema: its schema, in the warehouse and in every channel.
        key: the one column that identifies a row: unique, not null.
        columns: what is published, in order; other columns of the warehouse table stay there.
        description: what a row is; becomes the table's comment.
        mode: ``rows``: each warehouse row has ``_generation`` BIGINT, the build that last wrote it, and keys of removed
            rows are in ``meta.removed_row``, so that a publication costs what changed. ``whole``: the table is small
            and is compared completely.
        indexes: columns with an index of their own in PostgreSQL.
        declared_in: the file that says all this, for messages.
    """

    name: str
    schema: str
    key: str
    columns: tuple[PublishedColumn, ...]
    description: str
    mode: Mode
    indexes: tuple[str, ...] = ()
    declared_in: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be published, before anything is touched.

        Raises:
            PublishError: a bad name, a repeated column, or a key or index that is no column.
        """
        for name in (self.name, self.schema, *self.column_names):
            self._require(bool(_NAME.fullmatch(name)) and len(name) <= _NAME_LENGTH, f"{name!r} is no usable name")
        self._require(self.name not in RESERVED, f"{self.name!r} is a name of the publication itself")
        self._require(len(set(self.column_names)) == len(self.columns), "a column is declared twice")
        for name in (self.key, *self.indexes):
            self._require(name in self.column_names, f"{name!r} is not one of its columns")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise PublishError(
                f"model {self.name}: {what}",
                where=self.declared_in,
                rule=f"names are [a-z][a-z0-9_]*, at most {_NAME_LENGTH} long, and columns are declared once",
                next_step="correct the model's declaration",
            )

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(column.name for column in self.columns)

    @property
    def relation(self) -> str:
        """``"schema"."name"``, quoted for DuckDB."""
        return f'"{self.schema}"."{self.name}"'


@dataclass(frozen=True)
class TableChange:
    """What a publication did to a model's table in PostgreSQL; counts are rows.

    ``action``: ``difference`` rows changed since the last publication; ``compared`` every row was compared;
    ``created``; ``rebuilt`` with other columns; ``unchanged``; ``dropped`` no model makes it any more; ``left`` the
    same, but it could not be dropped; ``parked`` the earlier version that is shown again has no such table. ``note``
    says why of the last two. ``rows`` are those after the publication.
    """

    model: str
    inserted: int
    updated: int
    deleted: int
    rows: int
    action: str = "difference"
    note: str = ""

    @property
    def changed(self) -> bool:
        """Whether readers see anything different."""
        return bool(self.inserted or self.updated or self.deleted) or self.action in {"created", "rebuilt", "dropped"}


def canonical_type(duckdb_type: str) -> str:
    """A DuckDB type in the one spelling compared: upper case, no spaces, TIMESTAMPTZ."""
    name = duckdb_type.upper().replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
    return name.replace(" ", "")
