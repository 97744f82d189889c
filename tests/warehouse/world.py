"""A small source for warehouse tests: the tables of seven contracts read one to one, landed without a database."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from backoffice.contracts import Contracts, Table, load_contracts
from backoffice.landing import ENVELOPE, LocalBatchStore, Manifest, fixes_of
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_sources
from backoffice.validate import validate, write_suites
from backoffice.validate.rounds import Gates
from backoffice.validate.verdicts import DECISION, DECISIONS, land_tables
from backoffice.warehouse import audit, build, dbt
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.generate import write_files
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
        "tax_amount": 0,
        "freight_amount": 0,
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
    "gl_entry": {
        "line_number": 1,
        "company_id": "C1",
        "journal_type": "general",
        "posting_date": "2026-03-02",
        "entered_at": START,
        "account_id": "1000",
        "debit": 0,
        "credit": 0,
        "currency_code": "DKK",
        "debit_base": 0,
        "credit_base": 0,
        "is_reversal": False,
        "status": "posted",
    },
}
DOMAINS = ("sales", "operations", "journal", "generic")  # folders of models and tests that need no other contracts
CONTRACTS = {
    "crm.customer",
    "finance.journal",
    "hr.compensation",
    "hr.employee",
    "hr.employment",
    "inventory.product",
    "sales.order",
}
"""What the marts and tests of the dbt project are made of; the other contracts would only be built empty each time."""

HASHED = (
    "dim_customer",
    "dim_product",
    "dim_employee",
    "fct_sales_order_lines",
    "fct_headcount_daily",
    "mart_sales_by_month_customer_employee",
)
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
    tables: dict[str, dict[str, Any]] = {
        table.key: {"from": f"{table.name} t", "columns": {c.name: f"t.{c.name}" for c in table.columns}}
        for table in contracts
    }
    # totals are judged where a test gives them
    tables["sales.order/sales_order"]["accept"] = {"net_amount": "not given", "gross_amount": "not given"}
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


def workspace(checkout: Path, folder: Path, contracts: Collection[str] | None = CONTRACTS) -> Settings:
    """Settings of a project folder with the checkout's models and some of its contracts (all when None), and no sources
    of its own.
    """
    project = folder / "project"
    for name in ("contracts", "dbt_project", "expectations"):
        shutil.copytree(checkout / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
    for path in (project / "contracts").glob("*.odcs.yaml"):
        if contracts is not None and path.name.removesuffix(".odcs.yaml") not in contracts:
            path.unlink()
    for generated in ("staging", "base"):
        shutil.rmtree(project / "dbt_project" / "models" / generated, ignore_errors=True)
    if contracts is not None:
        _drop_other_domains(project / "dbt_project")
    (project / "sources").mkdir()
    return Settings(project_dir=project, home=folder / "home")


def small_project(checkout: Path, folder: Path, contracts: Collection[str] | None = CONTRACTS) -> Path:
    """The folder of a :func:`workspace` whose only source is the one-to-one source, with all generated files."""
    settings = workspace(checkout, folder, contracts)
    found = load_contracts(settings.contracts_dir)
    (settings.sources_dir / "mini.yaml").write_text(source_yaml(found), encoding="utf-8")
    write_files(settings)
    write_suites(found, settings.expectations_dir)
    return settings.project_dir


def _drop_other_domains(dbt_project: Path) -> None:
    """Leave out models and tests of domains whose contracts are not here."""
    models, tests = dbt_project / "models", dbt_project / "tests"
    folders = [*models.glob("*/*/"), *tests.glob("*/"), models / "metrics", models / "semantic"]
    for folder in folders:
        if folder.name not in DOMAINS:
            shutil.rmtree(folder)
    (models / "exposures.yml").unlink()


@dataclass
class World:
    """Lands changes as a collector would; each call of :meth:`land` is a batch."""

    settings: Settings
    source: str = "mini"
    now: datetime = START
    wait: str = "36500 days"  # its clock stands in 2026-03, the platform's does not
    defaults: dict[str, dict[str, Any]] = field(default_factory=lambda: DEFAULTS)
    as_of: datetime | None = None  # when its builds are made; the clock on the wall if none
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

    def cycle(self, published: bool = True) -> int:
        """Load, validate, build through the gates, audit and (if so) stamp as published; returns the generation."""
        sources = self.sources()
        with open_warehouse(self.settings) as connection:
            fingerprint = dbt.fingerprint(self.settings)
            loaded = load(connection, self.store, sources, fingerprint=fingerprint, holder="test")
            if loaded.idle:
                return loaded.generation
            gate = {"settings": self.settings, "generation": loaded.generation}
            validate(connection, self.store, sources, self.contracts, **gate)
            if self.as_of:
                stamp = "UPDATE meta.generation SET as_of = ? WHERE generation = ?"
                connection.execute(stamp, [self.as_of, loaded.generation])
            planned = build.plan(connection)
        gated = Gates(self.settings, self.store, sources, self.contracts).build(planned)
        with open_warehouse(self.settings) as connection:
            build.record_built(connection, planned, dbt.fingerprint(self.settings))
            checks = audit.test_checks(connection, gated.built.tests)
            audit.record(connection, planned.generation, checks + audit.check_books(connection, planned.generation))
            if published:
                stamp = "UPDATE meta.generation SET published_at = now() WHERE generation = ?"
                connection.execute(stamp, [planned.generation])
        return planned.generation

    def sources(self) -> dict[str, SourceConfig]:
        """The configured sources; in this world rows wait as long as it says."""
        found = load_sources(self.settings.sources_dir)
        changes = {"wait_for_parent": self.wait}
        return {name: config.model_copy(update=changes) for name, config in found.items()}

    def decide(self, decision: str, **values: Any) -> None:
        """Land what a person decided."""
        row = {"source": self.source, "source_relation": self.source, "actor": "ann", "reason": "seen"} | values
        row |= {"decision": decision, "decided_at": datetime.now(UTC)}
        land_tables(self.store, {DECISION: pa.Table.from_pylist([row], DECISIONS)})

    def fix(self, mended: Manifest, *rows: tuple[int, tuple[str, str, dict[str, Any]]]) -> Manifest:
        """Land rows by which a person replaces those with the same numbers in a batch."""
        assert mended.event_at_max is not None
        now, self.now = self.now, mended.event_at_max  # it happened when the row that is replaced did
        batch = self.store.begin(fixes_of(self.source))
        for name in dict.fromkeys(table for _, (table, _, _) in rows):
            own = [(number, op, values) for number, (table, op, values) in rows if table == name]
            self._write(batch.path(name), self._table(name), batch.batch_id, own)
        self.now = now
        notes = {"fixes": mended.batch_id, "actor": "ann", "reason": "seen"}
        return batch.commit(kind="fix", offset={}, notes=notes)

    @contextmanager
    def changed_test(self, name: str, sql: str) -> Iterator[None]:
        """Put another query into a test of the dbt project."""
        path = self.settings.dbt_dir / "tests" / f"{name}.sql"
        text = path.read_text(encoding="utf-8")
        path.write_text(sql, encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")

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
        row = self.defaults[table.name] | values
        if table.name in NUMBERED:
            row.setdefault(NUMBERED[table.name], values[table.primary_key[0].name])
        return row


def table_hashes(world: World) -> dict[str, Any]:
    """The rows of every mart that changes with the data, in an order of their own, without the builds they are of."""
    hashes = {}
    for model in HASHED:
        columns = [
            name
            for (name,) in world.query(
                f"SELECT column_name FROM duckdb_columns() WHERE schema_name = 'marts' AND table_name = '{model}'"
            )
            if name not in ("_generation", "_known_generation")
        ]
        listed = ", ".join(f"cast({name} AS VARCHAR)" for name in columns)
        hashes[model] = world.query(f"SELECT list(r ORDER BY r) FROM (SELECT [{listed}] AS r FROM marts.{model})")[0][0]
    return hashes
