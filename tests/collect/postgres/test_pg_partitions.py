"""Partitioned tables: what the stream tells of them under the root's name, and what only the catalogue knows."""

from __future__ import annotations

import pytest
from tests.collect.postgres.replay import Running, Source, wait_for

from backoffice.errors import PreflightError

pytestmark = pytest.mark.postgres

REPLACED = "a partition was truncated, rewritten or attached anew"


@pytest.fixture
def sale(source):
    source.execute(
        "CREATE TABLE sale (id int, year int, note text DEFAULT '-', PRIMARY KEY (id, year)) PARTITION BY LIST (year)",
        "CREATE TABLE sale_4 PARTITION OF sale FOR VALUES IN (2024)",
        "CREATE TABLE sale_5 PARTITION OF sale FOR VALUES IN (2025) PARTITION BY LIST (id)",
        "CREATE TABLE sale_5_rest PARTITION OF sale_5 DEFAULT",
        "INSERT INTO sale VALUES (1, 2024, 'a'), (2, 2024, 'b'), (3, 2025, 'c')",
    )
    source.read("sale", {"id": "INTEGER", "year": "INTEGER", "note": "VARCHAR"}, ("id", "year"))
    source.catch_up()
    return source


def copied_because(source: Source) -> list[str]:
    """Catch up; the reasons of the full copies this took."""
    landed = source.catch_up()
    assert source.replayed("sale") == source.actual("sale")
    assert source.catch_up() == []
    return [reason for manifest in landed for reason in manifest.notes.get("reasons", {}).values()]


def test_rows_of_all_partitions_land_under_the_root(sale):
    sale.execute("INSERT INTO sale VALUES (4, 2025, 'd')", "UPDATE sale SET year = 2024 WHERE id = 3")
    sale.execute(
        "DELETE FROM sale WHERE id = 1",
        "UPDATE sale SET note = 'x' WHERE id = 2",
        "INSERT INTO sale_4 VALUES (9, 2024)",
    )
    assert copied_because(sale) == []
    sale.execute("TRUNCATE sale")  # told by the stream, and copied because its partitions look truncated one by one
    assert copied_because(sale) == [REPLACED] and sale.replayed("sale") == {}


def test_a_partition_made_as_one_costs_nothing(sale):
    sale.execute("CREATE TABLE sale_6 PARTITION OF sale FOR VALUES IN (2026)", "INSERT INTO sale VALUES (6, 2026)")
    assert copied_because(sale) == []
    sale.execute("TRUNCATE sale_6")  # the stream does not tell
    assert copied_because(sale) == [REPLACED]


def test_an_empty_partition_that_is_attached_costs_nothing(sale):
    sale.execute(
        "CREATE TABLE sale_6 (LIKE sale INCLUDING ALL)", "ALTER TABLE sale ATTACH PARTITION sale_6 FOR VALUES IN (2026)"
    )
    sale.catch_up()
    sale.execute("INSERT INTO sale VALUES (6, 2026)")
    assert copied_because(sale) == []


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (
            [
                "CREATE TABLE sale_6 (LIKE sale INCLUDING ALL)",
                "INSERT INTO sale_6 VALUES (6, 2026)",
                "ALTER TABLE sale ATTACH PARTITION sale_6 FOR VALUES IN (2026)",
            ],
            "a partition was attached",
        ),
        (["ALTER TABLE sale DETACH PARTITION sale_4"], "a partition was detached or dropped"),
        (["DROP TABLE sale_5"], "a partition was detached or dropped"),
        (
            [
                "ALTER TABLE sale DETACH PARTITION sale_4",
                "DELETE FROM sale_4 WHERE id = 1",
                "ALTER TABLE sale ATTACH PARTITION sale_4 FOR VALUES IN (2024)",
            ],
            REPLACED,
        ),
        (["TRUNCATE sale_4"], REPLACED),
        (["TRUNCATE sale_5"], REPLACED),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_the_stream_does_not_tell_is_copied(sale, statements, reason, at_once):
    sale.transaction(*statements) if at_once else sale.execute(*statements)
    assert copied_because(sale) == [reason]


def test_while_streaming(sale, monkeypatch):
    monkeypatch.setattr("backoffice.collect.postgres.stream._CATALOGUE_SECONDS", 0.1)
    with Running(sale.collector()) as running:
        wait_for(lambda: sale.collector().status().active)
        sale.execute("CREATE TABLE sale_7 PARTITION OF sale FOR VALUES IN (2027)", "INSERT INTO sale VALUES (7, 2027)")
        wait_for(lambda: (7, 2027) in sale.replayed("sale"))
        sale.execute("TRUNCATE sale_4")
        wait_for(lambda: sale.replayed("sale") == sale.actual("sale"))
    assert [manifest.kind for manifest in running.landed] == ["stream", "snapshot"]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE UNLOGGED TABLE sale_8 PARTITION OF sale FOR VALUES IN (2028)"],
        [
            "CREATE FOREIGN DATA WRAPPER elsewhere",
            "CREATE SERVER far FOREIGN DATA WRAPPER elsewhere",
            "CREATE FOREIGN TABLE sale_8 (id int NOT NULL, year int NOT NULL, note text) SERVER far",
            "ALTER TABLE sale DROP CONSTRAINT sale_pkey",
            "ALTER TABLE sale ATTACH PARTITION sale_8 FOR VALUES IN (2028)",
        ],
    ],
)
def test_a_partition_whose_changes_are_not_logged_is_refused(sale, statements):
    sale.execute(*statements)
    with pytest.raises(
        PreflightError, match=r"changes of partition public.sale_8 of public.sale are not logged"
    ) as caught:
        sale.catch_up()
    assert "detach it" in caught.value.next_step
