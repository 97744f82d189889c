"""A small world for the landing gate: one source, two contracts' tables, real landing, loader, DuckDB and GX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from backoffice.contracts import Column, Contracts, Table
from backoffice.landing import LocalBatchStore, Manifest, envelope_schema
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.validate import GateResult, validate, write_suites
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load

SHOP: dict[str, Any] = {
    "apiVersion": "backoffice/v1",
    "source": "shop",
    "source_relation": "shop_dk",
    "description": "A shop.",
    "connection": {"kind": "postgres", "database": "shop"},
    "reads": {
        "lines": {
            "table": "public.lines",
            "columns": {
                "id": "VARCHAR",
                "qty": "DECIMAL(18,4)",
                "discount": "DECIMAL(9,4)",
                "currency": "VARCHAR",
                "state": "VARCHAR",
                "kind": "VARCHAR",
                "due": "VARCHAR",
            },
            "primary_key": ["id"],
        },
        "notes": {"table": "public.notes", "columns": {"id": "BIGINT", "body": "VARCHAR"}, "primary_key": ["id"]},
    },
    "tables": {
        "sales.order/line": {
            "from": "lines l",
            "columns": {
                "line_id": "l.id",
                "ordered_qty": "l.qty",
                "discount_pct": "l.discount",
                "currency_code": "l.currency",
                "kind": "l.kind",
                "promised_date": "cast(l.due as date)",
            },
            "map": {"status": {"expr": "l.state", "values": {"o": "open", "c": "closed"}}},
            "accept": {"warehouse_id": "the shop has one warehouse"},
        }
    },
}
GOOD: dict[str, Any] = {
    "id": "L1",
    "qty": Decimal("2"),
    "discount": Decimal("10"),
    "currency": "DKK",
    "state": "o",
    "kind": "normal",
    "due": "2026-01-31",
}
_LINE = (
    Column("line_id", "VARCHAR", "Key.", required=True, primary_key=True),
    Column("ordered_qty", "DECIMAL(18,4)", "Ordered.", required=True, minimum=Decimal("0.5")),
    Column("discount_pct", "DECIMAL(9,4)", "Discount.", minimum=Decimal(0), maximum=Decimal(100)),
    Column("currency_code", "VARCHAR", "Currency.", required=True, pattern="^[A-Z]{3}$"),
    Column("status", "VARCHAR", "Status.", required=True, enum=("open", "closed")),
    Column("kind", "VARCHAR", "Kind.", enum=("normal", "gift"), enum_severity="warning"),
    Column("promised_date", "DATE", "Promised."),
    Column("warehouse_id", "VARCHAR", "Where from.", required=True),
    Column("unit_price", "DECIMAL(18,6)", "No source has it.", exclusive_minimum=Decimal(0)),
)
_ARROW = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "DECIMAL(18,4)": pa.decimal128(18, 4)}


class World:
    """Everything the step needs, with short ways to land, load and validate."""

    def __init__(self, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
        self.settings = settings
        self.connection = connection
        self.store = LocalBatchStore(settings.landing_dir)
        self.sources = {"shop": SourceConfig.model_validate(SHOP)}
        self.contracts = Contracts([Table("sales.order", "1.2.0", "line", "one row per line", "state", _LINE)])
        self.generation = 0

    def land(self, *rows: dict[str, Any], read: str = "lines", image: bool = False) -> Manifest:
        """Land rows of one read in a batch; keys starting with ``_`` set the envelope."""
        batch = self.store.begin("shop")
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        columns = self.sources["shop"].reads[read].columns
        envelope = {"_batch_id": batch.batch_id, "_op": "c", "_event_at": moment, "_ingested_at": moment}
        listed = [envelope | {"_row_no": number, "_event_id": str(number)} | row for number, row in enumerate(rows, 1)]
        types = [(name, _ARROW.get(kind, pa.decimal128(9, 4))) for name, kind in columns.items()]
        pq.write_table(pa.Table.from_pylist(listed, pa.schema([*types, *envelope_schema()])), batch.path(read))
        full: frozenset[str] = frozenset({read} if image else ())
        return batch.commit(kind="snapshot" if image else "stream", offset={}, full_tables=full)

    def land_image(self, *rows: dict[str, Any]) -> Manifest:
        """Land rows that are the whole table."""
        return self.land(*rows, image=True)

    def good(self, **changes: Any) -> dict[str, Any]:
        """A row that keeps every rule, with changes."""
        return GOOD | changes

    def load(self) -> None:
        """The step before."""
        result = load(self.connection, self.store, self.sources, fingerprint="f", holder="test")
        self.generation = result.generation

    def validate(self) -> GateResult:
        """The step under test."""
        return validate(
            self.connection,
            self.store,
            self.sources,
            self.contracts,
            settings=self.settings,
            generation=self.generation,
        )

    def judge_rows(self, *rows: dict[str, Any], read: str = "lines") -> GateResult:
        """Land, load and validate."""
        self.land(*rows, read=read)
        self.load()
        return self.validate()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        return self.connection.execute(sql).fetchall()

    def rules(self) -> list[tuple[Any, ...]]:
        """(row number, rule) of every verdict."""
        return self.query("SELECT row_no, rule FROM meta.verdict ORDER BY ALL")

    def change_column(self, name: str, **changes: Any) -> None:
        """Change the contract and write its suites again."""
        table = next(iter(self.contracts))
        columns = tuple(replace(column, **changes) if column.name == name else column for column in table.columns)
        self.contracts = Contracts([replace(table, columns=columns)])
        write_suites(self.contracts, self.settings.expectations_dir)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A new world with written suites."""
    settings = Settings(home=tmp_path / "home", project_dir=tmp_path / "project")
    with open_warehouse(settings) as connection:
        made = World(settings, connection)
        write_suites(made.contracts, settings.expectations_dir)
        settings.sources_dir.mkdir()
        (settings.sources_dir / "shop.yaml").write_text(yaml.safe_dump(SHOP), encoding="utf-8")
        yield made
