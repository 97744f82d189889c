"""Tables altered while they are collected."""

from __future__ import annotations

import pytest
from tests.collect.postgres.replay import Running, wait_for

from backoffice.errors import CollectError, PreflightError

pytestmark = pytest.mark.postgres


@pytest.fixture
def one(source):
    source.execute(
        "CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(9,2))",
        "INSERT INTO item VALUES (1, 'first', 1), (2, 'second', 2)",
    )
    source.read("item", {"id": "INTEGER", "name": "VARCHAR", "price": "DECIMAL(9,2)"})
    source.catch_up()
    return source


def kinds(landed) -> list[str]:
    return [manifest.kind for manifest in landed]


def test_a_new_column_lands_from_the_change_that_brings_it(one):
    one.execute("ALTER TABLE item ADD colour text DEFAULT 'red'", "INSERT INTO item VALUES (3, 'third', 3, 'blue')")
    assert kinds(one.catch_up()) == ["stream"]
    assert "colour" not in one.rows("item")[0] and one.rows("item")[-1]["colour"] == "blue"


def test_relying_on_a_column_added_earlier_copies_the_table_again(one):
    one.execute("ALTER TABLE item ADD colour text DEFAULT 'red'", "INSERT INTO item VALUES (3, 'third', 3, 'blue')")
    one.catch_up()
    one.reads["item"]["columns"]["colour"] = "VARCHAR"
    assert kinds(one.catch_up()) == ["snapshot"]
    assert one.replayed("item") == one.actual("item")
    assert one.catch_up() == []


def test_a_column_relied_on_that_was_made_anew_copies_the_table_again(one):
    one.execute("ALTER TABLE item DROP price", "ALTER TABLE item ADD price numeric(9,2) DEFAULT 7")
    one.execute("UPDATE item SET name = 'x' WHERE id = 1")
    one.catch_up()
    assert one.replayed("item") == one.actual("item") and one.replayed("item")[(2,)][2] == 7


def test_while_streaming(one):
    with Running(one.collector()) as running:
        one.execute("ALTER TABLE item ALTER price TYPE numeric(12,4) USING price * 10")
        one.execute("INSERT INTO item VALUES (3, 'third', 3.1415)")
        wait_for(lambda: (3,) in one.replayed("item"))
    assert "snapshot" in kinds(running.landed)
    assert one.replayed("item") == one.actual("item")


def test_a_column_relied_on_that_went_stops_with_the_remedy_and_recovers(one):
    with pytest.raises(PreflightError, match="has no column price") as caught, Running(one.collector()) as running:
        one.execute("INSERT INTO item VALUES (3, 'before', 3)")
        wait_for(lambda: running.landed)
        one.execute("ALTER TABLE item RENAME price TO cost", "INSERT INTO item VALUES (4, 'after', 4)")
        running.join()
    assert "take it out of reads.item.columns" in caught.value.next_step
    one.execute("INSERT INTO item VALUES (5, 'while away', 5)", "ALTER TABLE item RENAME cost TO price")
    one.catch_up()
    assert one.replayed("item") == one.actual("item")


def test_a_renamed_table_stops(one):
    with pytest.raises(CollectError, match="does not exist"), Running(one.collector()) as running:
        one.execute("ALTER TABLE item RENAME TO thing", "INSERT INTO thing VALUES (3, 'x', 3)")
        running.join()


def test_a_table_dropped_and_created_again_is_copied_again(one):
    one.execute(
        "DROP TABLE item",
        "CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(9,2))",
        "INSERT INTO item VALUES (9, 'other', 9)",
    )
    assert kinds(one.catch_up()) == ["snapshot"]
    assert one.replayed("item") == one.actual("item")


@pytest.mark.parametrize("batch_rows", [1000, 2])
def test_altered_in_the_middle_of_a_transaction(one, batch_rows):
    one.transaction(
        "UPDATE item SET name = name || '!'",
        "ALTER TABLE item ADD colour text",
        "UPDATE item SET colour = 'red'",
        "ALTER TABLE item DROP colour, ADD size int",
        "UPDATE item SET size = 5",
        "INSERT INTO item SELECT i, 'many', i, i FROM generate_series(10, 20) i",
    )
    landed = []
    one.collector(batch_rows=batch_rows).run(0, landed.append)
    assert [manifest.rows for manifest in landed] == [17]
    rows = one.rows("item", landed)
    assert [(row["name"], row["colour"], row["size"]) for row in rows[:6]] == [
        ("first!", None, None),
        ("second!", None, None),
        ("first!", "red", None),
        ("second!", "red", None),
        ("first!", None, 5),
        ("second!", None, 5),
    ]
    assert one.replayed("item") == one.actual("item")


def test_another_type_of_a_column_nobody_relies_on_closes_the_batch(one):
    one.execute("ALTER TABLE item ADD free int")
    one.execute("UPDATE item SET free = 1 WHERE id = 1", "ALTER TABLE item ALTER free TYPE text USING free || ' pcs'")
    one.execute("UPDATE item SET free = '2 pcs' WHERE id = 2")
    landed = []
    one.collector(batch_seconds=60).run(0, landed.append)
    assert [row["free"] for row in one.rows("item", landed)] == [1, "2 pcs"]
    assert kinds(landed) == ["stream", "stream"]


def reasons(landed) -> list[str]:
    return [reason for manifest in landed for reason in manifest.notes.get("reasons", {}).values()]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE item ALTER price TYPE numeric(9,2) USING price * 10",
        "ALTER TABLE item ALTER name TYPE text USING upper(name)",
    ],
)
def test_rows_that_an_alter_wrote_anew_are_copied_again(one, statement):
    one.execute(statement)
    assert reasons(one.catch_up()) == ["an ALTER wrote its rows anew"]
    assert one.replayed("item") == one.actual("item")
    assert one.catch_up() == []


@pytest.mark.parametrize(
    ("before", "after", "is_copied"),
    [
        ("int", "bigint", True),
        ("bigint", "int", True),
        ("varchar(9)", "varchar(99)", False),
        ("varchar(99)", "text", False),
        ("text", "varchar(9)", True),
        ("numeric(9,2)", "numeric(12,2)", True),
        ("numeric(12,4)", "numeric(9,2)", True),
        ("date", "timestamptz", True),
        ("real", "double precision", True),
    ],
)
def test_a_type_made_wider_or_narrower(source, before, after, is_copied):
    value = "'2024-02-29'" if before == "date" else "'1'"
    source.execute(f"CREATE TABLE item (id int PRIMARY KEY, v {before})", f"INSERT INTO item VALUES (1, {value})")
    source.read("item", {"id": "INTEGER", "v": ""})
    source.catch_up()
    source.execute(f"ALTER TABLE item ALTER v TYPE {after}", f"INSERT INTO item VALUES (2, {value})")
    assert ("snapshot" in kinds(source.catch_up())) is is_copied
    assert source.replayed("item") == source.actual("item")


def test_what_leaves_the_rows_as_they_are_costs_no_copy(one):
    one.execute(
        "ALTER TABLE item ALTER name SET STATISTICS 500, ALTER price SET DEFAULT 0, ALTER name SET NOT NULL",
        "CREATE INDEX ON item (name)",
        "GRANT SELECT (name) ON item TO public",
        "ANALYZE item",
    )
    assert one.catch_up() == []
    one.execute("VACUUM FULL item", "CLUSTER item USING item_pkey")
    assert one.catch_up() == []
    one.execute("TRUNCATE item", "INSERT INTO item VALUES (7, 'seventh', 7)")
    assert kinds(one.catch_up()) == ["stream"]
    assert one.replayed("item") == one.actual("item")


def test_truncate_cascades_to_every_table_it_empties(one):
    one.execute("CREATE TABLE part (id int PRIMARY KEY, item_id int REFERENCES item)", "INSERT INTO part VALUES (1, 1)")
    one.read("part", {"id": "INTEGER", "item_id": "INTEGER"})
    one.execute("CREATE TABLE unread (item_id int REFERENCES item)", "INSERT INTO unread VALUES (1)")
    one.catch_up()
    one.execute("TRUNCATE item CASCADE", "INSERT INTO item VALUES (8, 'eighth', 8)")
    assert kinds(one.catch_up()) == ["stream"]
    assert one.replayed("part") == one.actual("part") == {} and one.replayed("item") == one.actual("item")
    one.execute("TRUNCATE item RESTART IDENTITY CASCADE")
    one.catch_up()
    assert one.replayed("item") == {}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE item RENAME TO thing", "does not exist"),
        ("DROP TABLE item", "does not exist"),
        ("ALTER TABLE item DROP CONSTRAINT item_pkey", "has no key"),
        ("ALTER TABLE item REPLICA IDENTITY NOTHING", "has no key"),
        ("ALTER TABLE item DROP price", "has no column price"),
        ("ALTER PUBLICATION backoffice_erp SET TABLE item WHERE (id > 1)", "filters rows or columns"),
    ],
)
def test_what_happens_to_a_quiet_table_is_seen(one, monkeypatch, statement, said):
    monkeypatch.setattr("backoffice.collect.postgres.stream._CATALOGUE_SECONDS", 0.1)
    with pytest.raises(PreflightError, match=said), Running(one.collector()) as running:
        wait_for(lambda: one.collector().status().active)
        one.execute(statement)
        running.join()


def test_a_table_without_a_trace_is_copied_again(one):
    (one.settings.collect_dir / "erp.tables.json").unlink()
    assert reasons(one.catch_up()) == ["what the table was when it was last copied is not known"]
    assert one.catch_up() == []
