"""A small warehouse as the build leaves it, and the two readers' views of a database of marts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import psycopg

from backoffice.publish import PublishedColumn, PublishedModel, publish_postgres, version_id

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

LINES = PublishedModel(
    name="fct_sales_order_lines",
    schema="marts",
    key="line_key",
    columns=(
        PublishedColumn("line_key", "VARCHAR", "Key of the line."),
        PublishedColumn("line_no", "BIGINT", "Number in its order."),
        PublishedColumn("amount", "DECIMAL(18,4)", "Net amount in the document's currency."),
        PublishedColumn("total", "HUGEINT", "A sum."),
        PublishedColumn("ratio", "DOUBLE", "A share."),
        PublishedColumn("is_open", "BOOLEAN", "Whether it is open."),
        PublishedColumn("ordered_on", "DATE", "Business date."),
        PublishedColumn("changed_at", "TIMESTAMPTZ", "When it changed."),
        PublishedColumn("note", "VARCHAR", "What somebody's wrote: it's free text."),
        PublishedColumn("tags", "VARCHAR[]", "Labels."),
    ),
    description="One row a line of a sales order.",
    mode="rows",
    indexes=("ordered_on",),
)

TOTALS = PublishedModel(
    name="mart_sales_by_day",
    schema="marts",
    key="day",
    columns=(
        PublishedColumn("day", "DATE", "Business date."),
        PublishedColumn("amount", "DECIMAL(18,2)", "Net amount."),
        PublishedColumn("currency_code", "VARCHAR", "Its currency."),
    ),
    description="Sales a day.",
    mode="whole",
)

MODELS = [LINES, TOTALS]


@dataclass(frozen=True)
class Generation:
    """A build of the warehouse."""

    number: int
    as_of: datetime

    @property
    def version(self) -> str:
        return version_id(self.number, self.as_of)

    @property
    def values(self) -> dict[str, Any]:
        return {"generation": self.number, "as_of": self.as_of, "version": self.version}


class Warehouse:
    """Writes what a build writes: rows with ``_generation``, removed keys, and a line in ``meta.generation``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.now = Generation(0, START)

    def create(self, model: PublishedModel) -> None:
        columns = [f'"{column.name}" {column.duckdb_type}' for column in model.columns]
        columns += ["_generation BIGINT"] if model.mode == "rows" else []
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {model.schema}")
        self.connection.execute(f"CREATE OR REPLACE TABLE {model.relation} ({', '.join(columns)})")

    def build(self, *, audited: bool = True, is_full: bool = False) -> Generation:
        """Begin the next generation; rows written after this belong to it."""
        self.now = Generation(self.now.number + 1, self.now.as_of + timedelta(seconds=3, microseconds=7))
        self.connection.execute(
            """INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder, audited_at, audit_passed)
               VALUES (?, ?, ?, ?, 'test', ?, ?)""",
            [self.now.number, self.now.as_of, self.now.as_of, is_full, self.now.as_of, audited],
        )
        return self.now

    def put(self, model: PublishedModel, *rows: dict[str, Any]) -> None:
        """Insert or replace rows by key, as delete+insert does: the deleted keys are logged."""
        for row in rows:
            self.remove(model, row[model.key])
            values = [row.get(name) for name in model.column_names]
            values += [self.now.number] if model.mode == "rows" else []
            places = ", ".join("?" * len(values))
            self.connection.execute(f"INSERT INTO {model.relation} VALUES ({places})", values)

    def remove(self, model: PublishedModel, key: Any) -> None:
        self._written(model)
        found = self.connection.execute(
            f'DELETE FROM {model.relation} WHERE "{model.key}" = ? RETURNING CAST("{model.key}" AS VARCHAR)', [key]
        ).fetchall()
        for (text,) in found if model.mode == "rows" else []:
            self.connection.execute(
                "INSERT INTO meta.removed_row VALUES (?, ?, ?)", [model.name, text, self.now.number]
            )

    def _written(self, model: PublishedModel) -> None:
        self.connection.execute("DELETE FROM meta.model_built WHERE model = ?", [model.name])
        self.connection.execute("INSERT INTO meta.model_built VALUES (?, ?)", [model.name, self.now.number])

    def rows(self, model: PublishedModel) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' for name in model.column_names)
        return self.connection.execute(f'SELECT {names} FROM {model.relation} ORDER BY "{model.key}"').fetchall()


class MartsDatabase:
    """A PostgreSQL database owned by the publisher."""

    def __init__(self, admin_url: str, publisher_url: str, reader_url: str) -> None:
        self.admin_url = admin_url
        self.publisher_url = publisher_url
        self.reader_url = reader_url

    def publish(self, warehouse: Warehouse, models: list[PublishedModel] | None = None, full: bool = False):
        return publish_postgres(
            warehouse.connection,
            MODELS if models is None else models,
            url=self.publisher_url,
            full=full,
            **warehouse.now.values,
        )

    def execute(self, *statements: str) -> None:
        """As the superuser."""
        with psycopg.connect(self.admin_url, autocommit=True) as pg:
            for statement in statements:
                pg.execute(statement)

    def query(self, query: str, *values: Any, url: str = "") -> list[tuple[Any, ...]]:
        """As the reader, unless another URL is given; in UTC."""
        with psycopg.connect(url or self.reader_url, autocommit=True) as pg:
            pg.execute("SET timezone = 'UTC'")
            return pg.execute(query, values or None).fetchall()

    def rows(self, model: PublishedModel) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' for name in model.column_names)
        return self.query(
            f'SELECT {names} FROM {model.relation} ORDER BY "{model.key}" COLLATE "C"'
            if model.key == "line_key"
            else f'SELECT {names} FROM {model.relation} ORDER BY "{model.key}"'
        )

    def current(self) -> str:
        return self.query("SELECT version FROM marts.current_version")[0][0]


def with_columns(model: PublishedModel, *columns: PublishedColumn, **changes: Any) -> PublishedModel:
    return replace(model, columns=columns or model.columns, **changes)


def assert_same(marts: MartsDatabase, warehouse: Warehouse) -> None:
    for model in MODELS:
        assert marts.rows(model) == warehouse.rows(model)
    assert marts.current() == warehouse.now.version


def line(key: str, **values: Any) -> dict[str, Any]:
    return {"line_key": key, "line_no": 1, "amount": Decimal("10.5000"), "note": "n", **values}
