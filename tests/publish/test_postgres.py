"""What PostgreSQL shows is what the warehouse holds, after anything that can happen to either."""

from __future__ import annotations

import math
import random
import string
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.publish.support import (
    LINES,
    START,
    TOTALS,
    MartsDatabase,
    Warehouse,
    assert_same,
    line,
    with_columns,
)

from backoffice.errors import PublishError
from backoffice.publish import PublishedColumn

pytestmark = pytest.mark.postgres

_TEXTS = [
    "",
    " ",
    "\\N",
    "\\.",
    "a\\nb",
    "x\ty",
    "line\nline",
    "\r\n",
    'say "no"',
    "it's",
    "Ærø – 東京 🚲",
    "{a,b}",
    "NULL",
]


def random_line(choose: random.Random, key: str) -> dict[str, Any]:
    def maybe(value: Any) -> Any:
        return None if choose.random() < 0.2 else value

    return {
        "line_key": key,
        "line_no": maybe(choose.randint(-(2**63), 2**63 - 1)),
        "amount": maybe(Decimal(choose.randint(-(10**18) + 1, 10**18 - 1)) / 10**4),
        "total": maybe(choose.randint(-(10**38) + 1, 10**38 - 1)),
        "ratio": maybe(choose.choice([0.1, 1 / 3, 1e-320, -1.5e300, math.inf, choose.random()])),
        "is_open": maybe(choose.random() < 0.5),
        "ordered_on": maybe(date(1900, 1, 1) + timedelta(days=choose.randint(0, 100_000))),
        "changed_at": maybe(START + timedelta(microseconds=choose.randint(-(10**15), 10**15))),
        "note": maybe(choose.choice(_TEXTS) + choose.choice(["", "".join(choose.choices(string.printable, k=9))])),
        "tags": maybe([maybe(choose.choice(_TEXTS)) for _ in range(choose.randint(0, 3))]),
    }


def change_something(choose: random.Random, warehouse: Warehouse, rate: float = 0.15) -> None:
    for number in range(60):
        key = f"key {number:03d} \\ ' \t{choose.choice(['', ' '])}" if number % 7 == 0 else f"key {number:03d}"
        luck = choose.random()
        if luck < rate:
            warehouse.put(LINES, random_line(choose, key))
        elif luck < rate * 1.5:
            warehouse.remove(LINES, key)
    for number in range(5):
        day = date(2026, 3, 1) + timedelta(days=number)
        if choose.random() < 0.3:
            warehouse.remove(TOTALS, day)
        elif choose.random() < 0.3:
            amount = Decimal(choose.randint(0, 10**9)) / 100
            warehouse.put(TOTALS, {"day": day, "amount": amount, "currency_code": choose.choice(["DKK", "EUR", None])})


def test_difference_equals_the_warehouse_over_many_generations(warehouse, marts):
    choose = random.Random(20260301)
    actions = set()
    for _ in range(30):
        change_something(choose, warehouse)
        if choose.random() < 0.8:  # builds whose audit failed are never published; the next one carries them
            actions |= {change.action for change in marts.publish(warehouse)}
            assert_same(marts, warehouse)
        warehouse.build()
    assert "difference" in actions


def test_counts_say_what_changed(warehouse, marts):
    warehouse.put(LINES, line("a"), line("b"), line("c"))
    first = marts.publish(warehouse)
    assert [(c.model, c.action, c.inserted, c.rows) for c in first] == [
        (LINES.name, "created", 3, 3),
        (TOTALS.name, "created", 0, 0),
    ]
    warehouse.build()
    warehouse.remove(LINES, "a")
    warehouse.put(LINES, line("b", note="new"), line("c"), line("d"))
    warehouse.put(TOTALS, {"day": date(2026, 3, 1), "amount": Decimal("1.00"), "currency_code": "DKK"})
    lines, totals = marts.publish(warehouse)
    assert (lines.action, lines.inserted, lines.updated, lines.deleted, lines.rows) == ("difference", 1, 1, 1, 3)
    assert (totals.action, totals.inserted, totals.rows) == ("compared", 1, 1)
    assert_same(marts, warehouse)
    warehouse.build()
    assert [change.action for change in marts.publish(warehouse)] == ["unchanged", "unchanged"]
    assert marts.current() == warehouse.now.version


def test_unchanged_rows_are_not_written(warehouse, marts):
    warehouse.put(LINES, line("a"), line("b"), line("c"))
    marts.publish(warehouse)
    query = f"SELECT line_key, xmin::text, xmax::text FROM {LINES.relation} ORDER BY 1"
    before = marts.query(query)
    for full in (False, True):
        warehouse.build()
        warehouse.put(LINES, line("a"), line("b", note=f"changed {full}"))  # a is written again with the same values
        changes = marts.publish(warehouse, full=full)
        assert (changes[0].inserted, changes[0].updated, changes[0].deleted) == (0, 1, 0)
        after = marts.query(query)
        assert [after[0], after[2]] == [before[0], before[2]]
        assert after[1] != before[1]


def test_many_rows_come_into_a_table_that_was_analyzed_empty(warehouse, marts):
    """PostgreSQL believes it to be empty still; joined with it by a loop, what is inserted is read for each row."""
    marts.publish(warehouse)
    marts.execute(f"ANALYZE {LINES.relation}")
    warehouse.build()
    rows = 2000
    warehouse.put(LINES, *(line(f"l{number}") for number in range(rows)))
    marts.publish(warehouse)
    assert_same(marts, warehouse)
    read = "SELECT seq_scan FROM pg_stat_user_tables WHERE relid = %s::regclass AND n_tup_ins = %s"
    deadline = time.monotonic() + 60
    while not (found := marts.query(read, LINES.relation, rows)):
        assert time.monotonic() < deadline, "statistics are told when the publisher has gone"
        time.sleep(0.1)
    assert found[0][0] < 20, "it is looked through for no row"


def test_values_arrive_exactly(warehouse, marts):
    extremes = [
        line("decimal", amount=Decimal("99999999999999.9999")),
        line("decimal negative", amount=Decimal("-0.0001")),
        line("huge", total=10**38 - 1, line_no=-(2**63)),
        line("double", ratio=0.1 + 0.2),
        line("infinite", ratio=-math.inf),
        line("instant", changed_at=datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC), ordered_on=date(9999, 12, 31)),
        line("old", changed_at=datetime(1, 1, 1, tzinfo=UTC), ordered_on=date(1, 1, 1)),
        {"line_key": "nulls"},
        line("empty", note="", tags=[]),
        line("list", tags=["", None, "NULL", "null", 'a"b', "c\\d", "e,f", "{g}", "h\ni\tj", " "]),
        *(line(f"text {number}", note=text) for number, text in enumerate(_TEXTS)),
    ]
    warehouse.put(LINES, *extremes)
    marts.publish(warehouse)
    assert_same(marts, warehouse)
    read = {row[0]: dict(zip(LINES.column_names, row, strict=True)) for row in marts.rows(LINES)}
    for row in extremes:  # also against what was put in, not only against what DuckDB gives back
        assert read[row["line_key"]] == {name: row.get(name) for name in LINES.column_names}


def test_rows_are_removed_by_keys_that_are_no_text(warehouse, marts):
    keys = [UUID(int=number) for number in range(3)]
    columns = (PublishedColumn("entry_key", "UUID", "Key of the entry."), *LINES.columns[1:])
    entries = with_columns(LINES, *columns, name="fct_entries", key="entry_key")
    warehouse.create(entries)
    warehouse.put(entries, *({"entry_key": key, "note": "n"} for key in keys))
    marts.publish(warehouse, [entries])
    warehouse.build()
    warehouse.remove(entries, keys[0])
    warehouse.put(entries, {"entry_key": keys[1], "note": "changed"})  # its old row is logged as removed, too
    (change,) = marts.publish(warehouse, [entries])
    assert (change.inserted, change.updated, change.deleted) == (0, 1, 1)
    assert marts.rows(entries) == warehouse.rows(entries)
    assert [row[0] for row in marts.rows(entries)] == keys[1:]


def test_nan_arrives(warehouse, marts):
    warehouse.put(LINES, line("nan", ratio=math.nan))
    marts.publish(warehouse)
    assert math.isnan(marts.query(f"SELECT ratio FROM {LINES.relation}")[0][0])


def test_types_and_comments_are_declared(warehouse, marts):
    marts.publish(warehouse)
    found = marts.query(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
           FROM pg_attribute a WHERE a.attrelid = %s::regclass AND a.attnum > 0 ORDER BY a.attnum""",
        LINES.relation,
    )
    types = ["text", "bigint", "numeric(18,4)", "numeric(38,0)", "double precision", "boolean", "date"]
    types += ["timestamp with time zone", "text", "text[]"]
    expected = [(c.name, kind, c.description) for c, kind in zip(LINES.columns, types, strict=True)]
    assert found == expected
    assert marts.query("SELECT obj_description(%s::regclass)", LINES.relation) == [(LINES.description,)]


def test_a_server_restored_to_an_older_generation_heals(warehouse, marts):
    warehouse.put(LINES, line("a"), line("b"))
    marts.publish(warehouse)
    old, old_lines = warehouse.now, warehouse.rows(LINES)
    warehouse.build()
    warehouse.remove(LINES, "a")
    warehouse.put(LINES, line("c"))
    marts.publish(warehouse)
    marts.execute(  # what a backup of the old generation would hold
        f"DELETE FROM {LINES.relation}",
        f"INSERT INTO {LINES.relation} (line_key, line_no, amount, note) SELECT unnest(ARRAY['a', 'b']), 1, 10.5, 'n'",
        "UPDATE marts.publication_table SET rows = 2 WHERE table_name = 'fct_sales_order_lines'",
        f"DELETE FROM marts.publication WHERE version <> '{old.version}'",
        "UPDATE marts.publication SET is_current = true",
    )
    assert marts.rows(LINES) == old_lines
    warehouse.build()
    changes = marts.publish(warehouse)
    assert changes[0].action == "difference"  # the generations in between are known to the warehouse
    assert_same(marts, warehouse)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP SCHEMA marts CASCADE",
        f"TRUNCATE {LINES.relation}",
        f"DROP TABLE {LINES.relation}",
        f"DELETE FROM {LINES.relation} WHERE line_key = 'a'",
        "DELETE FROM marts.publication",
        "DELETE FROM marts.publication_table",
        f"INSERT INTO {LINES.relation} (line_key) VALUES ('stranger')",
        f"TRUNCATE {TOTALS.relation}",
    ],
)
def test_a_damaged_server_heals(warehouse, marts, damage):
    warehouse.put(LINES, line("a"), line("b"))
    warehouse.put(TOTALS, {"day": date(2026, 3, 1), "amount": Decimal(1), "currency_code": "DKK"})
    marts.publish(warehouse)
    marts.execute(damage)
    warehouse.build()
    marts.publish(warehouse)
    assert_same(marts, warehouse)


def test_a_rebuilt_warehouse_is_compared_completely(warehouse, marts):
    """It counts its generations from one again, and logged nothing of what the old one removed."""
    warehouse.put(LINES, line("a"), line("gone"))
    marts.publish(warehouse)
    warehouse.connection.execute("DELETE FROM meta.generation; DELETE FROM meta.removed_row")
    warehouse.create(LINES)
    warehouse.now = type(warehouse.now)(0, START + timedelta(hours=1))
    warehouse.build()
    warehouse.put(LINES, line("a"), line("b"))  # as many rows as before: counting them would not tell
    changes = marts.publish(warehouse)
    assert (changes[0].action, changes[0].inserted, changes[0].deleted) == ("compared", 1, 1)
    assert_same(marts, warehouse)


def test_after_a_full_build_everything_is_compared(warehouse, marts):
    warehouse.put(LINES, line("a"), line("gone"))
    marts.publish(warehouse)
    warehouse.create(LINES)
    warehouse.build(is_full=True)
    warehouse.put(LINES, line("a"), line("b"))
    assert marts.publish(warehouse)[0].action == "compared"
    assert_same(marts, warehouse)


def test_an_earlier_generation_can_be_published_again(warehouse, marts):
    warehouse.put(LINES, line("a"))
    first = warehouse.now
    marts.publish(warehouse)
    warehouse.build()
    warehouse.put(LINES, line("a", note="second"))
    second = warehouse.now
    marts.publish(warehouse)
    warehouse.connection.execute(f"UPDATE {LINES.relation} SET note = 'n', _generation = 1")
    warehouse.now = first
    marts.publish(warehouse)
    assert_same(marts, warehouse)
    warehouse.now = second
    warehouse.build()
    warehouse.put(LINES, line("b"))
    marts.publish(warehouse)
    assert_same(marts, warehouse)
    versions = marts.query("SELECT version, is_current FROM marts.publication ORDER BY generation")
    assert versions == [(first.version, False), (second.version, False), (warehouse.now.version, True)]


def test_a_model_published_whole_is_looked_through_when_a_build_wrote_it(warehouse, marts):
    day = {"day": date(2026, 3, 1), "amount": 5, "currency_code": "DKK"}
    warehouse.build()
    warehouse.put(TOTALS, day)
    marts.publish(warehouse)
    amount = "SELECT amount FROM marts.mart_sales_by_day"

    warehouse.build()
    warehouse.connection.execute(f"UPDATE {TOTALS.relation} SET amount = 6")  # what no build does
    marts.publish(warehouse)
    assert marts.query(amount) == [(5,)], "nobody wrote it, so nobody looked"

    warehouse.build()
    warehouse.put(TOTALS, day | {"amount": 7})
    marts.publish(warehouse)
    assert marts.query(amount) == [(7,)]


def test_counts_of_large_tables_are_carried_forward(warehouse, marts, monkeypatch):
    """Above a size the rows are not counted in every cycle, and a removal nobody logged is still found."""
    monkeypatch.setattr("backoffice.publish.postgres._COUNTED_BYTES", -1)
    warehouse.put(LINES, line("a"), line("b"))
    marts.publish(warehouse)
    warehouse.build()
    warehouse.put(LINES, line("c"))
    assert marts.publish(warehouse)[0].action == "difference"
    warehouse.build()
    warehouse.connection.execute(f"DELETE FROM {LINES.relation} WHERE line_key = 'a'")
    assert marts.publish(warehouse)[0].action == "compared"
    assert_same(marts, warehouse)


def test_nothing_is_published_when_one_table_fails(warehouse, marts):
    warehouse.put(LINES, line("a"))
    marts.publish(warehouse)
    before = warehouse.now
    warehouse.build()
    warehouse.put(LINES, line("b"))
    for _ in range(2):
        warehouse.connection.execute(f"INSERT INTO {TOTALS.relation} VALUES (DATE '2026-03-01', 1, 'DKK')")
    with pytest.raises(PublishError, match=r"2026-03-01.*duplicated") as raised:
        marts.publish(warehouse)
    assert raised.value.where == "marts.mart_sales_by_day"
    assert marts.current() == before.version
    assert [row[0] for row in marts.rows(LINES)] == ["a"]


def test_rows_that_stay_different_are_refused(warehouse, marts):
    marts.publish(warehouse)
    marts.execute(
        f"""CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN DELETE FROM {LINES.relation} WHERE line_key = NEW.line_key; RETURN NULL; END'""",
        f"CREATE TRIGGER t AFTER INSERT ON {LINES.relation} FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    warehouse.build()
    warehouse.put(LINES, line("a"))
    with pytest.raises(PublishError, match="0 rows and the warehouse has 1"):
        marts.publish(warehouse, full=True)
    assert marts.current() != warehouse.now.version


def test_a_table_other_than_declared_is_refused(warehouse, marts):
    narrowed = with_columns(
        TOTALS, TOTALS.columns[0], PublishedColumn("amount", "DECIMAL(18,4)", ""), PublishedColumn("x", "DATE", "")
    )
    with pytest.raises(PublishError, match=r"amount: DECIMAL\(18,4\), found DECIMAL\(18,2\); x: DATE, found none"):
        marts.publish(warehouse, [narrowed])


def test_a_server_that_is_away_is_said(warehouse, marts, free_port):
    away = MartsDatabase("", f"postgresql://marts_publisher:x@127.0.0.1:{free_port()}/marts", "")
    with pytest.raises(PublishError, match="cannot be reached"):
        away.publish(warehouse)
