"""Contracts as the platform uses them: tables, columns and the rules that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

LoadPattern = Literal["state", "event", "ledger", "eff"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference to the key column of another table."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its rules. ``physical_type`` is DuckDB's.

    An amount says what it is in: the ``currency_column`` of its row, or the functional ``currency`` of its company.
    """

    name: str
    physical_type: str
    description: str
    required: bool = False
    primary_key: bool = False
    unique: bool = False
    enum: tuple[str, ...] = ()
    enum_severity: Severity = "error"
    pattern: str | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    exclusive_minimum: Decimal | None = None
    foreign_key: ForeignKey | None = None
    tags: tuple[str, ...] = ()
    currency_column: str | None = None
    currency: Literal["functional"] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What a row is quarantined with: a document, found by a column of this table.

    ``sales_order`` for orders and their lines, whose ``order_id`` says which order they belong to. A document is named
    after its header table; a ``journal`` has none, it is the lines with one ``journal_id``.
    """

    name: str
    column: str


@dataclass(frozen=True, slots=True)
class Table:
    """A canonical table. ``key`` is ``<contract>/<table>``, the name used in source files.

    A table without a ``document`` has rows that stand alone: a bad version stays out, the last good one stays in.
    ``purpose`` is what its contract is for.
    """

    contract: str
    version: str
    name: str
    grain: str
    load_pattern: LoadPattern
    columns: tuple[Column, ...]
    document: Document | None = None
    purpose: str = ""

    @property
    def key(self) -> str:
        """``<contract>/<table>``."""
        return f"{self.contract}/{self.name}"

    @property
    def primary_key(self) -> tuple[Column, ...]:
        """Key columns in order."""
        return tuple(column for column in self.columns if column.primary_key)

    @property
    def key_column(self) -> str:
        """Name of the canonical key: a hash of source_relation and the native key."""
        return f"{self.name}_key"

    @property
    def document_key_column(self) -> str | None:
        """Name of the canonical key of the document a row belongs to; None for its header and rows that stand alone.

        ``sales_order_key`` of order lines; a document without a header has a key all the same (``journal_key``).
        """
        return f"{self.document.name}_key" if self.document and self.document.name != self.name else None

    def column(self, name: str) -> Column | None:
        """A column by name."""
        return next((column for column in self.columns if column.name == name), None)


class Contracts:
    """All canonical tables."""

    def __init__(self, tables: list[Table]) -> None:
        self._by_key = {table.key: table for table in tables}
        self._by_name = {table.name: table for table in tables}

    def __iter__(self) -> Iterator[Table]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: str) -> Table | None:
        """A table by ``<contract>/<table>``."""
        return self._by_key.get(key)

    def named(self, name: str) -> Table | None:
        """A table by its own name, which is unique over all contracts."""
        return self._by_name.get(name)
