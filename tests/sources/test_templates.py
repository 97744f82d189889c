"""The shipped source templates, run over the real data they were written for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from tests.collect.files.camt import camt, detail, entry
from tests.data import shared_data

from backoffice.collect.files import FileCollector
from backoffice.contracts import Column, Contracts, load_contracts
from backoffice.landing import ENVELOPE, LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_source, load_sources
from backoffice.sources.mapping import MappedTable, current_rows, mapped_tables, row_select

Row = dict[str, Any]

_SUM_OF_LINES = "select sum(round(unit_price::numeric * quantity * (1 - discount::numeric), 2)) from order_details"


@dataclass
class World:
    """A source's data as it lands, and its canonical rows."""

    config: SourceConfig
    contracts: Contracts
    connection: duckdb.DuckDBPyConnection
    facts: Row = field(default_factory=dict)

    def mapped(self) -> list[MappedTable]:
        return mapped_tables({self.config.source: self.config}, self.contracts)

    def rows(self, name: str) -> list[Row]:
        """Canonical rows of a table: per-row columns, and derived ones beside them."""
        item = next(item for item in self.mapped() if item.table.name == name)
        self.connection.execute(
            f"select * from ({row_select(item, item.raw_name)}) as r left join ({self._derived(item)}) as d "
            "on d._batch_id = r._batch_id and d._row_no = r._row_no order by r._row_no"
        )
        assert self.connection.description is not None
        names = [column[0] for column in self.connection.description]
        return [dict(zip(names, row, strict=True)) for row in self.connection.fetchall()]

    def _derived(self, item: MappedTable) -> str:
        ctes = ", ".join(
            f"{read} as ({current_rows(self.config, read, f'{self.config.source}__{read}', 'true')})"
            for read in self.config.reads
        )
        columns = "".join(
            f", cast({text} as {item.table.column(name).physical_type}) as {name}"
            for name, text in item.derived_expressions().items()
        )
        alias = item.mapping.alias
        joins = " ".join(item.mapping.join)
        return (
            f"with {ctes} select {alias}._batch_id, {alias}._row_no{columns} "
            f"from {item.mapping.driver} as {alias} {joins}"
        )


@pytest.fixture
def contracts(settings: Settings) -> Contracts:
    return load_contracts(settings.contracts_dir)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def northwind(
    settings: Settings,
    contracts: Contracts,
    connection: duckdb.DuckDBPyConnection,
    pg_server: Any,
    pg_database: str,
    tmp_path: Path,
) -> World:
    """Northwind in a real PostgreSQL; its rows as text, typed as declared, which is how they are collected."""
    config = _template(settings, "northwind")
    with psycopg.connect(pg_server.url(pg_database), autocommit=True) as source:
        source.execute(shared_data("northwind/northwind.sql").read_text(encoding="utf-8"))
        source.execute("set search_path to public")
        for name, read in config.reads.items():
            path = tmp_path / f"{name}.csv"
            with path.open("wb") as file, source.cursor() as cursor:
                listed = ", ".join(read.columns)
                with cursor.copy(f"copy (select {listed} from {read.table}) to stdout (format csv)") as copy:
                    file.writelines(bytes(block) for block in copy)
            types = ", ".join(f"'{column}': '{kind}'" for column, kind in read.columns.items())
            _raw(connection, config, name, f"read_csv('{path}', header = false, columns = {{{types}}})", envelope=False)
        keys = source.execute(
            "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'p'"
        ).fetchall()
        total = source.execute(_SUM_OF_LINES).fetchone()
    return World(config, contracts, connection, {"keys": dict(keys), "net": total})


@pytest.fixture
def adventureworks(settings: Settings, contracts: Contracts, connection: duckdb.DuckDBPyConnection) -> World:
    """AdventureWorks' exports, landed by the file collector."""
    config = _template(settings, "adventureworks")
    settings = settings.model_copy(update={"file_stable_seconds": 0.0})
    folder = settings.home / "inbox" / "adventureworks"
    folder.mkdir(parents=True)
    for path in shared_data("adventureworks").glob("*.csv"):
        shutil.copyfile(path, folder / path.name)
    return _collected(config, contracts, connection, settings)


@pytest.fixture
def bank(settings: Settings, contracts: Contracts, connection: duckdb.DuckDBPyConnection) -> World:
    """A day of two accounts, landed by the file collector."""
    settings = settings.model_copy(update={"file_stable_seconds": 0.0})
    folder = settings.home / "inbox" / "bank"
    folder.mkdir(parents=True)
    other = camt(entry("1.00"), statement="S2").replace("DK7320000012345678", "DK5000400440116243")
    (folder / "day.xml").write_text(camt(entry("150.00", details=detail()), entry("50.00", "DBIT")), "utf-8")
    (folder / "other.xml").write_text(other, "utf-8")
    return _collected(_template(settings, "bank"), contracts, connection, settings)


def _collected(
    config: SourceConfig, contracts: Contracts, connection: duckdb.DuckDBPyConnection, settings: Settings
) -> World:
    store = LocalBatchStore(settings.landing_dir)
    manifests = FileCollector(config, store, settings).scan_once()
    for name in config.reads:
        landed = [store.uri(manifest, name) for manifest in manifests if manifest.tables[0].name == name]
        _raw(connection, config, name, f"read_parquet({landed})", envelope=True)
    return World(config, contracts, connection, {table.name: table for m in manifests for table in m.tables})


def _template(settings: Settings, name: str) -> SourceConfig:
    return load_source(settings.sources_dir / "templates" / f"{name}.yaml")


def _raw(
    connection: duckdb.DuckDBPyConnection, config: SourceConfig, name: str, relation: str, *, envelope: bool
) -> None:
    given = {"_batch_id": "'b'", "_row_no": "row_number() over ()", "_op": "'r'"}
    added = [f"cast({given.get(key, 'null')} as {kind}) as {key}" for key, (kind, _, _) in ENVELOPE.items()]
    columns = ["*", *([] if envelope else added), "1 as _batch_seq", "1 as _generation"]
    connection.execute(f"create table {config.source}__{name} as select {', '.join(columns)} from {relation}")


def _breaks(column: Column, value: Any, accepted: bool) -> bool:
    """Whether a value breaks its column's own rules."""
    if value is None:
        return column.required and not accepted
    lowest, highest, above = column.minimum, column.maximum, column.exclusive_minimum
    return (
        (bool(column.enum) and value not in column.enum)
        or (column.pattern is not None and re.search(column.pattern, value) is None)
        or (lowest is not None and value < lowest)
        or (highest is not None and value > highest)
        or (above is not None and value <= above)
    )


def _assert_contract_holds(world: World) -> None:
    for item in world.mapped():
        rows = world.rows(item.table.name)
        assert [row["_cast_error"] for row in rows if row["_cast_error"]] == []
        given = {*item.mapping.columns, *item.mapping.map, *item.mapping.derived, *item.mapping.accept}
        for column in item.table.columns:
            if column.name not in given:
                continue
            values = [row.get(column.name) for row in rows]
            accepted = column.name in item.mapping.accept
            assert [value for value in values if _breaks(column, value, accepted)] == [], column.name
            if column.unique:
                assert len(set(values)) == len(values), column.name


def _assert_parents_exist(world: World) -> None:
    mapped = {item.table.name: item for item in world.mapped()}
    for item in mapped.values():
        for column in item.table.columns:
            parent = column.foreign_key
            if parent and parent.table in mapped and column.name in item.row_expressions():
                keys = {row[parent.column] for row in world.rows(parent.table)}
                children = {row[column.name] for row in world.rows(item.table.name)} - {None}
                assert children <= keys, f"{item.table.name}.{column.name}"


@pytest.mark.postgres
def test_northwind_keeps_every_contract(northwind: World) -> None:
    counts = {item.table.name: len(northwind.rows(item.table.name)) for item in northwind.mapped()}
    assert counts == {"customer": 91, "employee": 9, "vendor": 29, "product": 77} | {
        "sales_order": 830,
        "sales_order_line": 2155,
    }
    _assert_contract_holds(northwind)
    _assert_parents_exist(northwind)


@pytest.mark.postgres
def test_northwind_keys_are_the_sources_own(northwind: World) -> None:
    for read in northwind.config.reads.values():
        name = read.table.removeprefix("public.")
        assert northwind.facts["keys"][name] == f"PRIMARY KEY ({', '.join(read.primary_key)})"


@pytest.mark.postgres
def test_northwind_revenue_is_postgresqls_to_the_cent(northwind: World) -> None:
    lines = northwind.rows("sales_order_line")
    assert northwind.facts["net"] == (Decimal("1265793.29"),)
    assert sum(line["net_amount"] for line in lines) == northwind.facts["net"][0]
    line = next(line for line in lines if line["order_line_id"] == "10250-51")
    assert (line["unit_price"], line["discount_pct"], line["net_amount"]) == (
        Decimal("42.400000"),
        Decimal("15.0000"),
        Decimal("1261.4000"),
    )


@pytest.mark.postgres
def test_northwind_orders_are_read_in_the_companys_zone(northwind: World) -> None:
    orders = northwind.rows("sales_order")
    first = next(order for order in orders if order["order_id"] == "10248")
    assert first["received_at"].isoformat() == "1996-07-04T07:00:00+00:00"
    assert first["freight_amount"] == Decimal("32.3800")
    assert (first["salesperson_id"], first["status"]) == ("5", "shipped")
    assert sum(order["status"] == "received" for order in orders) == 21


@pytest.mark.postgres
def test_northwind_codes_and_categories(northwind: World) -> None:
    assert {row["country_code"] for row in northwind.rows("employee")} == {"US", "GB"}
    products = {row["product_id"]: row for row in northwind.rows("product")}
    assert (products["1"]["category"], products["1"]["status"]) == ("Beverages", "discontinued")


def test_adventureworks_keeps_every_contract(adventureworks: World) -> None:
    counts = {item.table.name: len(adventureworks.rows(item.table.name)) for item in adventureworks.mapped()}
    assert counts == {
        "department": 16,
        "employee": 290,
        "employment": 296,
        "compensation": 316,
        "vendor": 104,
        "purchase_order": 4012,
        "purchase_order_line": 8845,
        "product": 504,
        "customer": 19820,
    }
    _assert_contract_holds(adventureworks)
    _assert_parents_exist(adventureworks)


def test_adventureworks_files_are_whole_tables_each_to_its_read(adventureworks: World) -> None:
    landed = {name: (table.rows, table.full) for name, table in adventureworks.facts.items()}
    assert landed == {
        "department": (16, True),
        "employee": (290, True),
        "department_history": (296, True),
        "pay_history": (316, True),
        "vendor": (104, True),
        "purchase_order_header": (4012, True),
        "purchase_order_detail": (8845, True),
        "product": (504, True),
        "product_subcategory": (37, True),
        "customer": (19820, True),
        "store": (701, True),
        "sales_territory": (10, True),
    }


def test_adventureworks_assignments_are_half_open_and_follow_each_other(adventureworks: World) -> None:
    rows = [row for row in adventureworks.rows("employment") if row["employee_id"] == "250"]
    spans = sorted((str(row["effective_from"]), str(row["effective_to"])) for row in rows)
    assert spans == [("2011-02-25", "2011-07-31"), ("2011-07-31", "2012-07-15"), ("2012-07-15", "None")]
    assert {row["job_title"] for row in rows} == {"Purchasing Manager"}


def test_adventureworks_pay_ends_where_the_next_rate_starts(adventureworks: World) -> None:
    rows = [row for row in adventureworks.rows("compensation") if row["employee_id"] == "4"]
    rows.sort(key=lambda row: row["effective_from"])
    assert [row["effective_to"] for row in rows] == [rows[1]["effective_from"], rows[2]["effective_from"], None]
    assert rows[0]["amount"] == Decimal("8.6200")


def test_adventureworks_national_ids_are_hashed(adventureworks: World) -> None:
    ids = [row["national_id"] for row in adventureworks.rows("employee")]
    assert ids[0] == "08e116260d15091401f4366713c1dbfb8e46690fe20afb7217eaf5c0f5e74819"
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in ids)


def test_a_template_is_active_once_it_is_copied(settings: Settings, tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(settings.sources_dir / "templates", sources / "templates")
    assert load_sources(sources) == {}
    for name in ("northwind", "adventureworks"):
        shutil.copy(sources / "templates" / f"{name}.yaml", sources)
    assert set(load_sources(sources)) == {"northwind", "adventureworks"}


def test_bank_keeps_both_contracts_and_rolls_forward(bank: World) -> None:
    _assert_contract_holds(bank)
    _assert_parents_exist(bank)
    entries = bank.rows("bank_transaction")
    for statement in bank.rows("bank_statement"):
        own = [row["amount"] for row in entries if row["statement_id"] == statement["statement_id"]]
        if statement["bank_account_id"] == "DK7320000012345678":
            assert own == [Decimal(150), Decimal(-50)]
            assert statement["opening_balance"] + sum(own) == statement["closing_balance"]
    assert sorted(row["bank_transaction_id"] for row in entries) == [
        "DK5000400440116243/S2/1/1",
        "DK7320000012345678/S1/1/1",
        "DK7320000012345678/S1/2/1",
    ]
