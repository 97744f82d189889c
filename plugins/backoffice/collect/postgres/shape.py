"""The shape of a landed table: its columns with their types, and when a new shape calls for a new full copy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from backoffice.collect.postgres.catalog import (
    SourceColumn,
    SourceTable,
    TypeResolver,
    column_numbers,
    fingerprint,
    table_name,
)
from backoffice.collect.postgres.offset import Copied
from backoffice.collect.postgres.pgoutput import Relation
from backoffice.landing import envelope_schema
from backoffice.sources import ReadTable, SourceConfig


class CopyNeeded(Exception):
    """The stream alone cannot give a table's rows any more: it must be copied anew before the stream goes on."""

    def __init__(self, read: str, why: str) -> None:
        self.read = read
        self.why = why
        super().__init__(f"{read}: {why}")


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Columns of a table at some point of the stream; ``key`` holds the primary key's positions."""

    read: str
    schema_name: str
    table_name: str
    columns: tuple[SourceColumn, ...]
    key: tuple[int, ...]
    arrow: pa.Schema


def make_shape(name: str, read: ReadTable, columns: Iterable[SourceColumn]) -> Shape:
    """The shape of a read with these columns."""
    columns = tuple(columns)
    positions = {column.name: position for position, column in enumerate(columns)}
    fields = [pa.field(column.name, column.type.arrow) for column in columns]
    return Shape(
        name,
        *table_name(read),
        columns,
        tuple(positions[column] for column in read.primary_key if column in positions),
        pa.schema([*fields, *(pa.field(column, type_) for column, type_ in envelope_schema())]),
    )


def merged(shapes: Iterable[Shape], read: ReadTable) -> Shape:
    """A shape that holds the rows of all of these: a table altered between two changes of one transaction.

    Of a column that changed its type the last one counts; values before it are read again from their text.
    """
    shapes = list(shapes)
    columns = {column.name: column for shape in shapes for column in shape.columns}
    return make_shape(shapes[-1].read, read, columns.values())


class Shapes:
    """Shapes of the relations a stream describes.

    Args:
        config: the reads.
        types: asks the catalogue for types.
        copied: each read's last full copy, which the stream must fit.
    """

    def __init__(self, config: SourceConfig, types: TypeResolver, copied: Mapping[str, Copied]) -> None:
        self._config = config
        self._types = types
        self._copied = copied
        self._by_table = {table_name(read): name for name, read in config.reads.items()}
        self._by_oid = {copy.oid: name for name, copy in copied.items() if name in config.reads}
        self._known: dict[Relation, Shape] = {}

    def read_of(self, relation: Relation) -> str | None:
        """The read a relation belongs to; None for a table we have stopped reading.

        Raises:
            CopyNeeded: a table that is read was renamed.
        """
        name = self._by_table.get((relation.schema, relation.name))
        if name is None and relation.oid in self._by_oid:
            raise CopyNeeded(self._by_oid[relation.oid], f"it is now called {relation.schema}.{relation.name}")
        return name

    def of(self, relation: Relation, name: str) -> Shape:
        """The shape of a read's relation.

        Raises:
            CopyNeeded: it is not the table that was copied, or columns relied on came, went or changed their type.
        """
        shape = self._known.get(relation)
        if shape is None:
            shape = self._known[relation] = self._make(relation, name)
        return shape

    def _make(self, relation: Relation, name: str) -> Shape:
        read, copied = self._config.reads[name], self._copied.get(name)
        columns = [
            SourceColumn(
                column.name,
                self._types.resolve(column.type_oid, column.type_modifier, read.columns.get(column.name, "")),
            )
            for column in relation.columns
        ]
        if copied is None or copied.oid != relation.oid:
            raise CopyNeeded(name, "it is not the table that was copied")
        if copied.columns != fingerprint({column.name: column.type for column in columns}, read):
            raise CopyNeeded(name, "columns relied on came, went or changed their type")
        if copied.numbers != column_numbers(self._types.connection, relation.oid, read):
            raise CopyNeeded(name, "columns relied on were made anew")
        return make_shape(name, read, columns)


def copied_as(table: SourceTable, read: ReadTable, batch: int) -> Copied:
    """What the offset remembers of a full copy of a table."""
    columns = {column.name: column.type for column in table.columns}
    return Copied(oid=table.oid, columns=fingerprint(columns, read), numbers=table.numbers, batch=batch)
