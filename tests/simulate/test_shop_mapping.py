"""``sources/templates/shop.yaml``: every row of the living shop becomes a canonical row that keeps its contract."""

from __future__ import annotations

import random
from datetime import timedelta

import duckdb
import pytest

from backoffice.contracts import load_contracts
from backoffice.landing import ENVELOPE
from backoffice.settings import Settings
from backoffice.simulate import orders
from backoffice.simulate.live import EVENTS, Shop
from backoffice.sources import load_source
from backoffice.sources.mapping import mapped_tables, row_select

SETTINGS = Settings()
CONTRACTS = load_contracts(SETTINGS.contracts_dir)
SHOP = load_source(SETTINGS.sources_dir / "templates" / "shop.yaml")
MAPPED = {mapped.table.name: mapped for mapped in mapped_tables({"shop": SHOP}, CONTRACTS)}
POSTGRES_TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "DATE": "date",
    "TIMESTAMPTZ": "timestamp with time zone",
}
REFERENCES = [
    (mapped.table.name, column.name, column.foreign_key)
    for mapped in MAPPED.values()
    for column in mapped.table.columns
    if column.foreign_key and column.foreign_key.table in MAPPED and column.name in mapped.row_expressions()
]

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def canonical(pg_server, filled_shop, tmp_path_factory):
    """DuckDB with a view for each canonical table, over a shop in which everything has happened."""
    import psycopg

    folder = tmp_path_factory.mktemp("rows")
    name = f"{filled_shop}_mapped"
    with psycopg.connect(pg_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {filled_shop}")
    with psycopg.connect(pg_server.url(name), autocommit=True) as connection, duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        world = Shop(connection, random.Random(8))
        for event in EVENTS * 40:
            event.happen(world)
        _spread_over_states(connection)
        for read_name, read in SHOP.reads.items():
            path = folder / f"{read_name}.csv"
            with path.open("wb") as file, connection.cursor() as cursor:
                columns = ", ".join(read.columns)
                with cursor.copy(f"COPY (SELECT {columns} FROM {read.table}) TO STDOUT (FORMAT csv, HEADER)") as copy:
                    for block in copy:
                        file.write(block)
            duck.execute(
                f"CREATE TABLE {read_name} AS SELECT *, {_envelope()} FROM read_csv('{path}', columns = {read.columns})"
            )
        for mapped in MAPPED.values():
            duck.execute(f"CREATE TABLE c_{mapped.table.name} AS {row_select(mapped, mapped.mapping.driver)}")
        yield duck
    pg_server.drop_database(name)


def _spread_over_states(connection) -> None:
    """An order in every state, so that every code is mapped once."""
    entered = orders.open_orders(connection, (orders.ENTERED,))
    for state, order_no in zip((*orders.NEXT_STATE, orders.INVOICED, orders.CANCELLED), entered, strict=False):
        connection.execute("UPDATE shop.sales_order SET state = %s WHERE order_no = %s", (state, order_no))


def _envelope() -> str:
    fixed = {"_op": "'r'", "_row_no": "row_number() OVER ()"}
    given = [f"cast({fixed.get(name, 'NULL')} AS {kind}) AS {name}" for name, (kind, _, _) in ENVELOPE.items()]
    return ", ".join([*given, "1 AS _batch_seq", "1 AS _generation"])


def count(duck, statement):
    return duck.execute(statement).fetchone()[0]


def test_all_eight_tables_are_mapped_row_by_row():
    assert set(MAPPED) == {
        "customer",
        "employee",
        "department",
        "employment",
        "product",
        "sales_order",
        "sales_order_line",
        "compensation",
    }
    assert not any(mapped.is_derived for mapped in MAPPED.values())
    assert not any(mapped.mapping.accept for mapped in MAPPED.values())


@pytest.mark.parametrize("name", SHOP.reads)
def test_reads_say_what_the_database_has(shop, name):
    read = SHOP.reads[name]
    rows = shop.execute(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod),
               a.attnum = ANY (i.indkey::smallint[])
           FROM pg_attribute AS a JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
           WHERE a.attrelid = %s::regclass AND a.attnum > 0""",
        (read.table,),
    ).fetchall()
    types = {column: kind for column, kind, _ in rows}
    wanted = {
        column: POSTGRES_TYPES.get(kind) or kind.replace("DECIMAL", "numeric") for column, kind in read.columns.items()
    }
    assert {column: types[column] for column in wanted} == wanted
    assert {column for column, _, in_key in rows if in_key} == set(read.primary_key)


@pytest.mark.parametrize("name", MAPPED)
def test_every_row_maps(canonical, name):
    driver = MAPPED[name].mapping.driver
    assert count(canonical, f"SELECT count(*) FROM c_{name}") == count(canonical, f"SELECT count(*) FROM {driver}") > 0
    assert canonical.execute(f"SELECT _cast_error FROM c_{name} WHERE _cast_error IS NOT NULL").fetchall() == []
    unknown = "created_at_source IS NULL OR updated_at_source IS NULL OR updated_at_source < created_at_source"
    assert count(canonical, f"SELECT count(*) FROM c_{name} WHERE {unknown}") == 0


@pytest.mark.parametrize("name", MAPPED)
def test_every_row_keeps_its_contract(canonical, name):
    table = MAPPED[name].table
    key = ", ".join(column.name for column in table.primary_key)
    broken = {f"{key} unique": f"SELECT count(*) - count(DISTINCT ({key})) FROM c_{name}"}
    for column in table.columns:
        if column.name not in MAPPED[name].row_expressions():
            assert not column.required, column.name
            continue
        for rule, condition in _rules(column).items():
            broken[f"{column.name} {rule}"] = f"SELECT count(*) FROM c_{name} WHERE {condition}"
        if column.unique:
            broken[f"{column.name} unique"] = (
                f"SELECT count({column.name}) - count(DISTINCT {column.name}) FROM c_{name}"
            )
    assert {rule: found for rule, query in broken.items() if (found := count(canonical, query))} == {}


def _rules(column) -> dict[str, str]:
    rules = {}
    if column.required:
        rules["required"] = f"{column.name} IS NULL"
    if column.enum:
        rules["enum"] = f"{column.name} NOT IN {(*column.enum, '')}"
    if column.pattern:
        rules["pattern"] = f"NOT regexp_matches({column.name}, '{column.pattern}')"
    if column.minimum is not None:
        rules["minimum"] = f"{column.name} < {column.minimum}"
    if column.maximum is not None:
        rules["maximum"] = f"{column.name} > {column.maximum}"
    if column.exclusive_minimum is not None:
        rules["exclusive minimum"] = f"{column.name} <= {column.exclusive_minimum}"
    return rules


@pytest.mark.parametrize(("name", "column", "target"), REFERENCES)
def test_references_are_there(canonical, name, column, target):
    orphans = f"""SELECT count(*) FROM c_{name} AS r WHERE r.{column} IS NOT NULL
                  AND r.{column} NOT IN (SELECT {target.column} FROM c_{target.table})"""
    assert count(canonical, orphans) == 0


def test_amounts_and_dates_come_out_right(canonical):
    row = canonical.execute(
        """SELECT fx_rate FROM c_sales_order WHERE currency_code = 'DKK'
           UNION SELECT 1 FROM c_sales_order WHERE net_amount + tax_amount + freight_amount <> gross_amount"""
    ).fetchall()
    assert [value for (value,) in row] == [1]
    left_on = canonical.execute("SELECT termination_date FROM c_employee WHERE status = 'terminated'").fetchone()[0]
    ends = "SELECT effective_to FROM c_employment WHERE employee_id = '110'"
    assert canonical.execute(ends).fetchall() == [(left_on + timedelta(days=1),)]
    assert count(canonical, "SELECT max(amount) FROM c_compensation WHERE component = 'base_salary'") < 200_000
    assert count(canonical, "SELECT max(discount_pct) FROM c_sales_order_line") == 15


def test_every_code_of_an_order_is_mapped(canonical):
    codes = SHOP.tables["sales.order/sales_order"].map["status"].values
    assert count(canonical, "SELECT count(DISTINCT state) FROM sales_order") == len(codes) == 11
    found = canonical.execute("SELECT DISTINCT status FROM c_sales_order").fetchall()
    assert {status for (status,) in found} == set(codes.values())
