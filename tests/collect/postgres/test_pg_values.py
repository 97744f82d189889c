"""Values, names and settings as sources have them: nothing of it may change what lands."""

from __future__ import annotations

import json

import pytest
from psycopg import sql
from tests.collect.postgres.replay import Source

from backoffice.landing import Manifest

pytestmark = pytest.mark.postgres

VALUES = {
    "nested": ("int[]", ["{{1,2},{3,NULL}}", "[0:1]={7,8}"]),
    "texts": ("text[]", ['{"a,b",NULL,"NULL","\\"q\\"","back\\\\slash",""," "}', "{}"]),
    "doc": ("json", ['{"b":  1, "a": [null, "\\u00e6"], "a": 2}']),
    "docb": ("jsonb", ['{"a": {"x": 1.50}, "b": []}', '"text"', "null"]),
    "fixed": ("char(5)", ["ab", "", "  x"]),
    "vary": ("varchar(5)", ["ab   "]),
    "bytes": ("bytea", ["\\x00ff5c27", "\\x"]),
    "span": ("interval", ["1 year 2 mons -3 days +04:05:06.7", "-1 days"]),
    "cash": ("money", ["1234.5", "-0.05"]),
    "net": ("inet", ["10.1.2.3/8", "::1"]),
    "mac": ("macaddr", ["08:00:2b:01:02:03"]),
    "nums": ("numrange", ["[1.0,2.5)", "empty"]),
    "days": ("datemultirange", ["{[2024-01-01,2024-02-01)}"]),
    "real8": ("double precision", ["0.1234567890123456", "1e-300", "NaN", "-Infinity"]),
    "at": ("timestamptz", ["2026-10-25 02:30:00+02"]),
    "day": ("date", ["2024-02-03"]),
    "vec": ("vector(3)", ["[1,2.5,-3]"]),
    "ident": ("uuid", ["6f1b1b8e-0000-4000-8000-000000000001"]),
    "key_of": ("regclass", ["item"]),
    "word": (
        "text",
        ["", " ", "\u00e6\u00f8\u00e5 \u4e2d \U0001f4a9 e\u0301 \u202e \ufeff", "tab\tnew\nline\r\\N \\."],
    ),
}
SETTINGS = {
    "timezone": "America/New_York",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "search_path": "elsewhere, public",
    "client_encoding": "LATIN1",
    "statement_timeout": "1ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "1ms",
    "transaction_timeout": "2ms",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "on",
}


def values_table(source: Source) -> Source:
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in VALUES.items())
    source.execute("CREATE EXTENSION vector", f"CREATE TABLE item (id serial PRIMARY KEY, {columns})")
    return source.read("item", {"id": "INTEGER", **dict.fromkeys(VALUES, "")})


def insert(source: Source) -> None:
    for name, (kind, values) in VALUES.items():
        for value in values:
            source.connection.execute(f"INSERT INTO item ({name}) VALUES (%s::text::{kind})", (value,))


def told(source: Source, batches: list[Manifest]) -> list[tuple]:
    """What these batches hold, comparable also where it is NaN."""
    rows = source.rows("item", batches)
    return sorted(tuple(map(repr, (row["id"], *(row[name] for name in VALUES)))) for row in rows)


def test_settings_of_role_and_database_change_nothing(source, pg_server):
    """Copied and streamed under hostile defaults, and once more under none: three times the same."""
    values_table(source)
    role, database = f"r_{source.database}", source.database
    source.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD 'sekret-pw'")
    plain, source.url = source.url, pg_server.url(database).replace("postgres:test@", f"{role}:sekret-pw@")
    try:
        for number, (name, value) in enumerate(SETTINGS.items()):
            owner = f"DATABASE {database}" if number % 2 else f"ROLE {role}"
            source.execute(
                f"ALTER {owner} SET {name} = '{value}'"
                if name != "search_path"
                else f"ALTER {owner} SET {name} = {value}"
            )
        insert(source)
        copied = source.catch_up()
        source.execute("DELETE FROM item", "SELECT setval('item_id_seq', 1, false)")
        source.catch_up()
        insert(source)
        streamed = source.catch_up()
        source.url = plain
        again = source.collector().resync()
    finally:
        source.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert told(source, copied) == told(source, streamed) == told(source, [again]) != []
    assert all(row["_defect"] is None for row in source.rows("item"))


def test_values_are_told_as_they_are(source):
    insert(values_table(source))
    source.catch_up()
    found = {name: [row[name] for row in source.rows("item") if row[name] is not None] for name in VALUES}
    assert found["nested"] == ["{{1,2},{3,NULL}}", "[0:1]={7,8}"]
    assert found["texts"] == ['{"a,b",NULL,"NULL","\\"q\\"","back\\\\slash",""," "}', "{}"]
    assert found["doc"] == ['{"b":  1, "a": [null, "\\u00e6"], "a": 2}']
    assert found["fixed"] == ["ab", "", "  x"] and found["vary"] == ["ab   "]
    assert found["bytes"] == [b"\x00\xff\\'", b""]
    assert found["span"] == ["1 year 2 mons -3 days +04:05:06.7", "-1 days"]
    assert found["cash"] == ["$1,234.50", "-$0.05"]
    assert found["key_of"] == ["public.item"] and found["vec"] == ["[1,2.5,-3]"]
    assert found["word"] == VALUES["word"][1]
    assert found["at"][0].isoformat() == "2026-10-25T00:30:00+00:00"


def test_an_enum_learns_a_word_and_a_domain_is_its_base(source):
    source.execute(
        "CREATE TYPE mood AS ENUM ('glad')",
        "CREATE DOMAIN pct AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100)",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE TABLE item (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, p pct, c pair, ms mood[],"
        " twice numeric GENERATED ALWAYS AS (id * 2) STORED)",
        "INSERT INTO item (m, p) VALUES ('glad', 12.5)",
    )
    source.read(
        "item", {"id": "INTEGER", "m": "VARCHAR", "p": "DECIMAL(5,2)", "c": "VARCHAR", "ms": "VARCHAR", "twice": ""}
    )
    source.catch_up()
    source.execute("ALTER TYPE mood ADD VALUE 'so so' BEFORE 'glad'", "ALTER DOMAIN pct ADD CHECK (VALUE <> 7)")
    source.execute("""INSERT INTO item (m, p, c, ms) VALUES ('so so', 99, ROW(1, 'a "b"'), '{"so so",glad}')""")
    source.execute("ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'", "INSERT INTO item (m) VALUES ('happy')")
    source.catch_up()
    assert [manifest.kind for manifest in source.batches()] == ["snapshot", "stream"]
    rows = source.rows("item")
    assert [row["m"] for row in rows] == ["glad", "so so", "happy"]
    assert [(str(row["p"]), row["c"], row["ms"]) for row in rows[1:2]] == [("99.00", '(1,"a ""b""")', '{"so so",glad}')]
    assert [int(row["twice"]) for row in rows] == [2, 4, 6]


def test_what_no_column_can_hold_is_told_with_its_text(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, n numeric(9,2), d date, t timestamp, z timestamptz)")
    source.read("item", {"id": "INTEGER", "n": "", "d": "", "t": "", "z": ""})
    odd = [
        ("n", "NaN"),
        ("d", "infinity"),
        ("d", "-infinity"),
        ("d", "0044-03-15 BC"),
        ("d", "294276-12-31"),
        ("t", "infinity"),
        ("t", "4713-01-01 00:00:00 BC"),
        ("z", "294276-12-31 23:59:59.999999+00"),
        ("z", "-infinity"),
    ]
    source.catch_up()
    for number, (column, value) in enumerate(odd):
        source.execute(f"INSERT INTO item (id, {column}) VALUES ({number}, '{value}')")
    source.catch_up()
    source.collector().resync()
    for batch in source.batches()[1:]:
        defects = [json.loads(row["_defect"]) for row in source.rows("item", [batch])]
        assert [(defect["column"], defect["value"]) for defect in defects] == odd
        assert all(row[column] is None for row, (column, _) in zip(source.rows("item", [batch]), odd, strict=True))


def test_odd_names(source):
    odd, column = 'Ord%r "Ø" {}; --', "Ünit %s'x"
    table = sql.Identifier("Mixed Case", odd)
    names = sql.Identifier(column), sql.Identifier("SELECT")
    source.execute('CREATE SCHEMA "Mixed Case"')
    source.connection.execute(
        sql.SQL("CREATE TABLE {} (id int, {} text, {} int, PRIMARY KEY (id, {}))").format(table, *names, names[1])
    )
    insert_row = sql.SQL("INSERT INTO {} VALUES ({}, {}, 3)")
    source.connection.execute(insert_row.format(table, 1, "copied"))
    source.read("odd", {"id": "INTEGER", column: "VARCHAR", "SELECT": "INTEGER"}, ("id", "SELECT"), f"Mixed Case.{odd}")
    source.catch_up()
    source.connection.execute(insert_row.format(table, 2, "streamed"))
    source.connection.execute(sql.SQL("UPDATE {} SET id = 9 WHERE id = 1").format(table))
    source.catch_up()
    assert sorted(source.replayed("odd").values()) == [(2, "streamed", 3), (9, "copied", 3)]


def test_a_database_in_latin1(source, pg_server):
    name = f"latin_{source.database}"
    source.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        latin = Source(pg_server.url(name), source.settings)
        latin.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", "INSERT INTO item VALUES (1, 'Søren ÆØÅ')")
        latin.read("item", {"id": "INTEGER", "name": "VARCHAR"})
        latin.catch_up()
        latin.execute("INSERT INTO item VALUES (2, 'Ñandú ¢')")
        latin.catch_up()
        assert [row["name"] for row in latin.rows("item")] == ["Søren ÆØÅ", "Ñandú ¢"]
        latin.connection.close()
    finally:
        pg_server.drop_database(name)


def test_unlogged_and_temporary_tables_beside_do_not_matter(source):
    source.execute("CREATE TABLE item (id int PRIMARY KEY)", "CREATE UNLOGGED TABLE cache (id int)")
    source.read("item", {"id": "INTEGER"})
    source.catch_up()
    source.transaction(
        "CREATE TEMPORARY TABLE item (id int PRIMARY KEY) ON COMMIT DROP",
        "INSERT INTO pg_temp.item VALUES (1)",
        "INSERT INTO cache VALUES (1)",
        "INSERT INTO public.item VALUES (2)",
    )
    source.catch_up()
    assert source.replayed("item") == {(2,): (2,)}
