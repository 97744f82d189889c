"""One meaning of a type: the full copy and the stream give the same column and the same value."""

from __future__ import annotations

import math

import duckdb
import pytest

from backoffice.collect.postgres.types import column_type

TYPES = {
    "a_bool": ("boolean", "BOOLEAN", ["true", "false"]),
    "a_small": ("smallint", "SMALLINT", ["-32768"]),
    "an_int": ("integer", "INTEGER", ["2147483647"]),
    "a_big": ("bigint", "BIGINT", ["-9223372036854775808"]),
    "an_oid": ("oid", "BIGINT", ["4294967295"]),
    "a_real": ("real", "FLOAT", ["3.4028235e38", "'NaN'", "0.1"]),
    "a_double": ("double precision", "DOUBLE", ["1.7976931348623157e308", "'-infinity'", "0.1"]),
    "money12": ("numeric(12,2)", "DECIMAL(12,2)", ["-1234567890.12", "0.5"]),
    "wide": ("numeric(38,0)", "DECIMAL(38,0)", ["99999999999999999999999999999999999999"]),
    "rounded": ("numeric(4,-2)", "DECIMAL(6,0)", ["123400"]),
    "fraction": ("numeric(2,5)", "DECIMAL(5,5)", ["0.00099"]),
    "wider": ("numeric(50,4)", "DECIMAL(38,4)", ["1234567890123456789012345678901234.5678"]),
    "tiny": ("numeric(60,45)", "VARCHAR", ["0.000000000000000000000000000000000000000000001"]),
    "free": ("numeric", "DECIMAL(38,9)", ["12345678901234567890123456789.123456789", "1.500000000000"]),
    "free_declared": ("numeric", "DECIMAL(20,12)", ["1.123456789012"]),
    "free_text": ("numeric", "VARCHAR", ["1e-40"]),
    "a_text": ("text", "VARCHAR", ["''", "E'tab\\t \"quote\" \\\\N \\n ✓'"]),
    "a_varchar": ("varchar(9)", "VARCHAR", ["'pad  '"]),
    "a_char": ("char(6)", "VARCHAR", ["'EUR'"]),
    "a_name": ("name", "VARCHAR", ["'x'"]),
    "a_letter": ('"char"', "VARCHAR", ["'x'"]),
    "a_date": ("date", "DATE", ["'0001-01-01'", "'9999-12-31'", "'2024-02-29'"]),
    "a_time": ("time", "TIME", ["'23:59:59.999999'", "'00:00'", "'12:30:00.5'"]),
    "a_stamp": ("timestamp", "TIMESTAMP", ["'0001-01-01 00:00'", "'9999-12-31 23:59:59.999999'"]),
    "an_instant": ("timestamptz", "TIMESTAMP WITH TIME ZONE", ["'2026-10-25 02:30:00.123456+02'", "'1890-01-01 UTC'"]),
    "a_uuid": ("uuid", "UUID", ["'6f1b1b8e-0000-4000-8000-000000000001'"]),
    "some_bytes": ("bytea", "BLOB", ["'\\x00deadbeef'", "''"]),
    "a_json": ("json", "VARCHAR", ['\'{"b" : 1,  "a": null}\'']),
    "a_jsonb": ("jsonb", "VARCHAR", ['\'{"b" : 1,  "a": null}\'']),
    "numbers": ("int[]", "VARCHAR", ["'{1,NULL,3}'", "'{}'"]),
    "texts": ("text[]", "VARCHAR", ["ARRAY['a,b', NULL, '\"']"]),
    "flags": ("boolean[]", "VARCHAR", ["'{t,f}'"]),
    "instants": ("timestamptz[]", "VARCHAR", ["ARRAY['2026-10-25 02:30+02'::timestamptz]"]),
    "mood": ("mood", "VARCHAR", ["'so so'"]),
    "span": ("interval", "VARCHAR", ["'1 year 2 mons -3 days 04:05:06.7'"]),
    "period": ("tstzrange", "VARCHAR", ["'[2024-01-01 00:00+01,)'"]),
    "address": ("inet", "VARCHAR", ["'10.0.0.1'", "'10.0.0.0/8'"]),
    "place": ("point", "VARCHAR", ["'(1.5,2)'"]),
    "bits": ("bit(4)", "VARCHAR", ["'1010'"]),
    "clock": ("timetz", "VARCHAR", ["'12:30+02'"]),
    "pair": ("pair", "VARCHAR", ["ROW(1, NULL)::pair", "ROW(NULL, NULL)::pair"]),
    "cash": ("cash", "DECIMAL(9,2)", ["12.30"]),
    "code": ("code", "VARCHAR", ["'ab'"]),
    "doubled": ("int GENERATED ALWAYS AS (id * 2) STORED", "INTEGER", []),
}
DECLARED = {"free_declared": "DECIMAL(20, 12)", "free_text": "VARCHAR"}
MISFITS = {
    "money12": ["'NaN'"],
    "free": ["'NaN'", "'Infinity'", "0.0000000001", "1e30"],
    "wider": ["1e40"],
    "a_date": ["'infinity'", "'0044-03-15 BC'", "'10000-01-01'"],
    "a_stamp": ["'-infinity'", "'20000-01-01'"],
    "an_instant": ["'infinity'", "'0001-01-01 00:00+00 BC'"],
    "a_time": ["'24:00'"],
}


@pytest.fixture
def tables(source):
    source.execute(
        "CREATE TYPE mood AS ENUM ('glad', 'so so')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN price AS numeric(9,2)",
        "CREATE DOMAIN cash AS price CHECK (VALUE > 0)",
        "CREATE DOMAIN code AS char(4)",
    )
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in TYPES.items())
    for table in ("plain", "odd"):
        source.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, {columns})")
        source.read(table, {"id": "INTEGER", **DECLARED})
    return source


def described(source, manifest, table: str) -> dict[str, str]:
    query = f"DESCRIBE FROM read_parquet('{source.store.uri(manifest, table)}')"
    return {name: kind for name, kind, *_ in duckdb.sql(query).fetchall()}


def comparable(row: dict) -> dict:
    volatile = {"seq", "_batch_id", "_row_no", "_op", "_event_id", "_event_at", "_ingested_at"}
    return {
        name: "nan" if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
        if name not in volatile
    }


def test_copy_and_stream_land_the_same_types_and_values(tables):
    names = ", ".join(name for name in TYPES if name != "doubled")
    tables.catch_up()
    for name, (_, _, values) in TYPES.items():
        for value in values:
            tables.execute(f"INSERT INTO plain ({name}) VALUES ({value})")
        for value in MISFITS.get(name, []):
            tables.execute(f"INSERT INTO odd ({name}) VALUES ({value})")
    tables.execute(f"INSERT INTO odd (id, {names}) SELECT id + 1000, {names} FROM plain")
    streamed = tables.catch_up()
    copied = tables.collector().resync()
    for table in ("plain", "odd"):
        types = described(tables, copied, table)
        assert {name: types[name] for name in TYPES} == {name: kind for name, (_, kind, _) in TYPES.items()}
        assert all(described(tables, batch, table) == types for batch in streamed if table in names_of(batch))
        by_stream = [comparable(row) for row in tables.rows(table, streamed)]
        by_copy = [comparable(row) for row in sorted(tables.rows(table, [copied]), key=lambda row: row["id"])]
        assert by_stream == by_copy
        assert sum(row["_defect"] is not None for row in by_copy) == (
            sum(len(values) for values in MISFITS.values()) if table == "odd" else 0
        )
        assert all(row["doubled"] == 2 * row["id"] for row in by_copy)


def names_of(manifest) -> set[str]:
    return {table.name for table in manifest.tables}


def test_values_are_the_source_s_own(tables):
    tables.execute(
        "INSERT INTO plain (free, a_char, some_bytes, an_instant, address, pair)"
        " VALUES (0.1, 'EUR', '\\xff00', '2026-10-25 02:30+02', '10.0.0.1', ROW(1, 'x'))"
    )
    tables.catch_up()
    (row,) = tables.rows("plain")
    assert str(row["free"]) == "0.100000000" and row["a_char"] == "EUR" and row["some_bytes"] == b"\xff\x00"
    assert row["an_instant"].isoformat() == "2026-10-25T00:30:00+00:00"
    assert (row["address"], row["pair"], row["doubled"]) == ("10.0.0.1", "(1,x)", 2)


@pytest.mark.parametrize(
    ("modifier", "declared", "expected"),
    [
        (-1, "", "DECIMAL(38,9)"),
        (-1, "decimal(18, 4)", "DECIMAL(18,4)"),
        (-1, "NUMERIC(50,2)", "DECIMAL(38,2)"),
        (-1, "VARCHAR", "VARCHAR"),
        (-1, "DOUBLE", "DECIMAL(38,9)"),
        ((10 << 16 | 3) + 4, "VARCHAR", "DECIMAL(10,3)"),
    ],
)
def test_numeric(modifier, declared, expected):
    found = column_type(1700, modifier, declared)
    assert found is not None and found.duckdb == expected
