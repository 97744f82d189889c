"""Changes as they land: operations, order, identity, unusual rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.collect.postgres.replay import Running, wait_for

pytestmark = pytest.mark.postgres


@pytest.fixture
def shop(source):
    source.execute(
        "CREATE TABLE customer (id int PRIMARY KEY, name text)",
        "CREATE TABLE purchase (id int PRIMARY KEY, customer_id int, amount numeric(12,2))",
        "CREATE TABLE line (purchase_id int, no int, item text, PRIMARY KEY (purchase_id, no))",
        "INSERT INTO customer VALUES (1, 'Ada'), (2, NULL)",
    )
    source.read("customer", {"id": "INTEGER", "name": "VARCHAR"})
    source.read("purchase", {"id": "INTEGER", "customer_id": "INTEGER", "amount": "DECIMAL(12,2)"})
    source.read("line", {"purchase_id": "INTEGER", "no": "INTEGER", "item": "VARCHAR"}, ("purchase_id", "no"))
    return source


def same(source) -> bool:
    return all(source.replayed(name) == source.actual(name) for name in source.reads)


def test_first_batch_is_a_full_copy_of_every_table(shop):
    (manifest,) = shop.catch_up()
    assert manifest.kind == "snapshot"
    assert {table.name: (table.rows, table.full) for table in manifest.tables} == {
        "customer": (2, True),
        "purchase": (0, True),
        "line": (0, True),
    }
    assert [(row["_op"], row["_row_no"], row["name"]) for row in shop.rows("customer")] == [
        ("r", 1, "Ada"),
        ("r", 2, None),
    ]
    assert same(shop)


def test_a_transaction_over_three_tables_is_one_batch_in_order(shop):
    shop.catch_up()
    shop.transaction(
        "INSERT INTO purchase VALUES (7, 1, 19.90)",
        "INSERT INTO line VALUES (7, 1, 'ink'), (7, 2, 'pen')",
        "UPDATE customer SET name = 'Ada L.' WHERE id = 1",
        "DELETE FROM line WHERE no = 2",
    )
    (manifest,) = shop.catch_up()
    assert manifest.kind == "stream" and manifest.rows == 5
    rows = sorted((row for name in shop.reads for row in shop.rows(name, [manifest])), key=lambda row: row["_row_no"])
    assert [(row["_row_no"], row["_op"]) for row in rows] == [(1, "c"), (2, "c"), (3, "c"), (4, "u"), (5, "d")]
    lsn = rows[0]["_event_id"].split("/1")[0]
    assert len({row["_event_id"] for row in rows}) == 5
    assert len({row["_event_id"].rsplit("/", 1)[0] for row in rows}) == 1, lsn
    assert {row["_event_at"] for row in rows} == {manifest.event_at_min} == {manifest.event_at_max}
    assert abs((datetime.now(UTC) - manifest.event_at_min).total_seconds()) < 60
    assert (rows[4]["purchase_id"], rows[4]["no"], rows[4]["item"]) == (7, 2, None)
    assert same(shop)


def test_nothing_new_lands_nothing(shop):
    shop.catch_up()
    assert shop.catch_up() == []


def test_a_changed_key_lands_as_delete_and_update(shop):
    shop.catch_up()
    shop.execute("UPDATE customer SET id = 20 WHERE id = 2")
    shop.catch_up()
    assert [(row["_op"], row["id"]) for row in shop.rows("customer")[2:]] == [("d", 2), ("u", 20)]
    assert len(set(shop.event_ids())) == len(shop.event_ids())
    assert same(shop)


def test_truncate_is_one_row_without_values(shop):
    shop.execute("INSERT INTO line VALUES (1, 1, 'x')", "INSERT INTO purchase VALUES (1, 1, 1)")
    shop.catch_up()
    shop.transaction("TRUNCATE line, purchase", "INSERT INTO line VALUES (9, 9, 'after')")
    shop.catch_up()
    last = shop.rows("line")[-2:]
    assert [(row["_op"], row["item"]) for row in last] == [("t", None), ("c", "after")]
    assert same(shop)


def test_a_rolled_back_transaction_leaves_no_trace(shop):
    shop.catch_up()
    shop.execute("BEGIN", "INSERT INTO customer VALUES (5, 'no')", "ROLLBACK", "INSERT INTO customer VALUES (6, 'yes')")
    shop.catch_up()
    assert [row["id"] for row in shop.rows("customer")] == [1, 2, 6]


BIG = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 500) i)"


@pytest.fixture
def documents(source):
    for name in ("doc", "full_doc"):
        source.execute(
            f"CREATE TABLE {name} (id int PRIMARY KEY, rev int, body text)",
            f"ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL",
            f"INSERT INTO {name} VALUES (1, 1, {BIG})",
        )
        source.read(name, {"id": "INTEGER", "rev": "INTEGER", "body": "VARCHAR"})
    source.execute("ALTER TABLE full_doc REPLICA IDENTITY FULL")
    source.catch_up()
    return source


def test_a_large_value_that_is_not_resent_is_named_unchanged(documents):
    documents.execute("UPDATE doc SET rev = 2", "UPDATE doc SET body = 'short'")
    documents.catch_up()
    first, second = documents.rows("doc")[1:]
    assert (first["rev"], first["body"], first["_unchanged"]) == (2, None, ["body"])
    assert (second["body"], second["_unchanged"]) == ("short", None)
    assert same(documents)


def test_replica_identity_full_fills_it_from_the_old_row(documents):
    documents.execute("UPDATE full_doc SET rev = 2", "DELETE FROM full_doc")
    documents.catch_up()
    first, second = documents.rows("full_doc")[1:]
    assert (len(first["body"]), first["_unchanged"]) == (16000, None)
    assert (second["_op"], second["id"], second["rev"], second["body"]) == ("d", 1, None, None)


def test_a_changed_key_brings_its_large_value_along(documents):
    documents.execute("UPDATE doc SET id = 2")
    documents.catch_up()
    assert (documents.rows("doc")[-1]["_unchanged"], len(documents.rows("doc")[-1]["body"])) == (None, 16000)
    assert same(documents)


def test_a_row_that_does_not_fit_lands_with_its_defects(source):
    source.execute("CREATE TABLE odd (id int PRIMARY KEY, price numeric(9,2), day date, note text)")
    source.read("odd", {"id": "INTEGER", "price": "DECIMAL(9,2)", "day": "DATE"})
    source.catch_up()
    source.execute("INSERT INTO odd VALUES (1, 1.50, '2024-02-29', 'good'), (2, 'NaN', 'infinity', 'bad')")
    source.catch_up()
    good, bad = source.rows("odd")
    assert good["_defect"] is None
    assert (bad["price"], bad["day"], bad["note"]) == (None, None, "bad")
    defect = json.loads(bad["_defect"])
    assert (defect["rule"], defect["column"], defect["value"]) == ("type", "price", "NaN")
    assert defect["more"][0]["column"] == "day" and defect["more"][0]["value"] == "infinity"


def test_a_large_transaction_is_one_batch_with_all_before_it_in_another(shop):
    shop.catch_up()
    shop.execute(
        "INSERT INTO customer VALUES (3, 'before')",
        "INSERT INTO purchase SELECT i, 1, i FROM generate_series(1, 1000) i",
        "INSERT INTO customer VALUES (4, 'after')",
    )
    landed = []
    shop.collector(batch_rows=100).run(0, landed.append)
    assert [manifest.rows for manifest in landed] == [1, 1000, 1]
    assert [row["_row_no"] for row in shop.rows("purchase")] == list(range(1, 1001))
    assert same(shop)


def test_batches_close_at_the_row_limit(shop):
    shop.catch_up()
    for number in range(10):
        shop.execute(f"INSERT INTO customer VALUES ({100 + number}, 'x'), ({200 + number}, 'y')")
    landed = []
    shop.collector(batch_rows=4, batch_seconds=60).run(0, landed.append)
    assert [manifest.rows for manifest in landed] == [4, 4, 4, 4, 4]
    assert same(shop)


def test_streaming_lands_without_being_asked_and_moves_an_idle_slot(shop):
    shop.execute("CREATE TABLE other (id int)")
    with Running(shop.collector()) as running:
        wait_for(lambda: running.landed)
        shop.execute("INSERT INTO customer VALUES (3, 'live')")
        wait_for(lambda: len(running.landed) == 2)
        shop.execute("INSERT INTO other SELECT generate_series(1, 1000)")
        wait_for(lambda: shop.collector().status().lag_bytes == 0)
    assert running.counts.batches == 2 and running.counts.rows == 3 and running.counts.transactions == 1
    assert [manifest.kind for manifest in running.landed] == ["snapshot", "stream"]
    assert shop.catch_up() == []  # the slot is past the last batch: our own note says that we moved it
    assert same(shop)


def test_a_short_run_moves_an_idle_slot_too(shop):
    shop.catch_up()
    shop.execute("CREATE TABLE other (id int)", "INSERT INTO other SELECT generate_series(1, 1000)")
    assert shop.catch_up() == []
    assert shop.collector().status().lag_bytes == 0
