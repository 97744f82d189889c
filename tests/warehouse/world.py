"""A small source for warehouse tests: the eight canonical tables read one to one, landed without a database."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from backoffice.contracts import Contracts, Table, load_contracts
from backoffice.landing import ENVELOPE, LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import load_sources
from backoffice.warehouse import audit, build, dbt
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DEFAULTS: dict[str, dict[str, Any]] = {
    "customer": {
        "name": "Acme",
        "customer_type": "company",
        "country_code": "DK",
        "currency_code": "DKK",
        "payment_terms_days": 30,
        "status": "active",
        "created_at": START,
        "region": "North",
        "segment": "smb",
    },
    "employee": {
        "full_name": "Ada",
        "country_code": "DK",
        "worker_type": "employee",
        "status": "active",
        "original_hire_date": "2024-02-01",
        "last_hire_date": "2024-02-01",
    },
    "department": {"company_id": "C1", "name": "Sales", "function": "sales", "is_back_office": False},
    "employment": {
        "company_id": "C1",
        "department_id": "D1",
        "job_title": "Clerk",
        "work_arrangement": "onsite",
        "fte_pct": 100,
        "effective_from": "2024-02-01",
    },
    "product": {"name": "Bolt", "unit_of_measure": "EA", "is_stocked": True, "status": "active"},
    "sales_order": {
        "company_id": "C1",
        "channel": "web",
        "received_at": START,
        "currency_code": "DKK",
        "fx_rate": 1,
        "net_amount": 0,
        "tax_amount": 0,
        "freight_amount": 0,
        "gross_amount": 0,
        "status": "received",
    },
    "sales_order_line": {
        "line_number": 1,
        "ordered_qty": 2,
        "cancelled_qty": 0,
        "unit_price": 10,
        "net_amount": 20,
        "currency_code": "DKK",
    },
    "compensation": {
        "component": "base_salary",
        "frequency": "monthly",
        "amount": 40000,
        "currency_code": "DKK",
        "effective_from": "2024-02-01",
    },
}
NUMBERED = {
    "customer": "customer_number",
    "employee": "employee_number",
    "product": "sku",
    "sales_order": "order_number",
}


def source_yaml(contracts: Contracts, name: str = "mini") -> str:
    """The source file of the one-to-one source."""
    reads = {
        table.name: {
            "table": f"public.{table.name}",
            "columns": {column.name: column.physical_type for column in table.columns},
            "primary_key": [column.name for column in table.primary_key],
        }
        for table in contracts
    }
    tables = {
        table.key: {"from": f"{table.name} t", "columns": {c.name: f"t.{c.name}" for c in table.columns}}
        for table in contracts
    }
    data = {
        "apiVersion": "backoffice/v1",
        "source": name,
        "source_relation": name,
        "description": "A source for tests.",
        "connection": {"kind": "postgres", "database": name},
        "defaults": {"timezone": "Europe/Copenhagen"},
        "reads": reads,
        "tables": tables,
    }
    return yaml.safe_dump(data, sort_keys=False)


def workspace(checkout: Path, folder: Path, **values: Any) -> Settings:
    """Settings of a project folder with the checkout's contracts and models and no sources of its own."""
    project = folder / "project"
    for name in ("contracts", "dbt_project", "expectations"):
        shutil.copytree(checkout / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
    for generated in ("staging", "base"):
        shutil.rmtree(project / "dbt_project" / "models" / generated, ignore_errors=True)
    (project / "sources").mkdir()
    return Settings(project_dir=project, home=folder / "home", **values)


@dataclass
class World:
    """Lands changes as a collector would; each call of :meth:`land` is a batch."""

    settings: Settings
    source: str = "mini"
    now: datetime = START
    contracts: Contracts = field(init=False)

    def __post_init__(self) -> None:
        self.contracts = load_contracts(self.settings.contracts_dir)
        self.store = LocalBatchStore(self.settings.landing_dir)

    def land(self, *changes: tuple[str, str, dict[str, Any]], full: frozenset[str] = frozenset()) -> Manifest:
        """Land (table, op, values) rows, in order, as one batch a minute after the one before."""
        self.now += timedelta(minutes=1)
        batch = self.store.begin(self.source)
        for name in dict.fromkeys(table for table, _, _ in changes):
            rows = [(number, op, row) for number, (t, op, row) in enumerate(changes, 1) if t == name]
            self._write(batch.path(name), self._table(name), batch.batch_id, rows)
        return batch.commit(
            kind="stream",
            offset={"at": self.now.isoformat()},
            full_tables=full,
            event_at_min=self.now,
            event_at_max=self.now,
        )

    def cycle(self) -> int:
        """Load, build, audit and stamp as published; returns the generation."""
        with open_warehouse(self.settings) as connection:
            loaded = load(
                connection,
                self.store,
                load_sources(self.settings.sources_dir),
                fingerprint=dbt.fingerprint(self.settings),
                holder="test",
            )
            if loaded.idle:
                return loaded.generation
            planned = build.plan(connection)
        build.build(self.settings, planned)
        checks = audit.run_tests(self.settings, planned)
        with open_warehouse(self.settings) as connection:
            build.record_built(connection, planned, dbt.fingerprint(self.settings))
            audit.record(connection, planned.generation, checks + audit.check_books(connection, planned.generation))
            connection.execute(
                "UPDATE meta.generation SET published_at = now() WHERE generation = ?", [planned.generation]
            )
        return planned.generation

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with open_warehouse(self.settings) as connection:
            return connection.execute(sql).fetchall()

    def _table(self, name: str) -> Table:
        table = self.contracts.named(name)
        assert table is not None, name
        return table

    def _write(self, path: Path, table: Table, batch_id: str, rows: list[tuple[int, str, dict[str, Any]]]) -> None:
        columns = {c.name: c.physical_type for c in table.columns} | {n: kind for n, (kind, _, _) in ENVELOPE.items()}
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE TABLE t ({', '.join(f'{n} {k}' for n, k in columns.items())})")
            for number, op, values in rows:
                row = self._row(table, op, values) | {
                    "_batch_id": batch_id,
                    "_row_no": number,
                    "_op": op,
                    "_event_id": f"{batch_id}/{number}",
                    "_event_at": self.now,
                    "_ingested_at": self.now,
                }
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO t ({names}) VALUES ({marks})", list(row.values()))
            connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")

    def _row(self, table: Table, op: str, values: dict[str, Any]) -> dict[str, Any]:
        if op in ("d", "t"):
            return values
        row = DEFAULTS[table.name] | values
        if table.name in NUMBERED:
            row.setdefault(NUMBERED[table.name], values[table.primary_key[0].name])
        return row
