"""Reading ahead changes neither the order nor where an error is met, and leaves nothing running."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from backoffice.collect.postgres import bulk, copy
from backoffice.collect.postgres.ahead import ahead


def test_parts_come_in_order_and_at_most_two_are_read_before_they_are_asked_for():
    read: list[int] = []

    def parts() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    with ahead(parts()) as coming:
        for number in coming:
            assert read[number] == number and len(read) <= number + 4
    assert read == list(range(10))


def test_an_error_is_raised_where_it_was_met():
    def parts() -> Iterator[int]:
        yield 1
        raise OSError("the source went away")

    seen = []
    with pytest.raises(OSError, match="went away"), ahead(parts()) as coming:
        seen.extend(coming)
    assert seen == [1]


def test_leaving_waits_for_the_part_that_is_being_read():
    reading, go_on, read = threading.Event(), threading.Event(), []

    def parts() -> Iterator[int]:
        yield 1
        reading.set()
        go_on.wait(10)
        read.append(2)
        yield 2

    with ahead(parts()) as coming:
        assert next(coming) == 1
        reading.wait(10)
        go_on.set()
    assert read == [2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


@pytest.mark.postgres
@pytest.mark.parametrize("value", ["1.5", "'NaN'"], ids=["in bulk", "as text"])
def test_rows_are_numbered_over_the_parts_and_tables_of_a_copy(source, monkeypatch, value):
    monkeypatch.setattr(bulk, "_BATCH_ROWS", 2048)
    monkeypatch.setattr(copy, "_TEXT_ROWS", 1000)
    amount = f"CASE g WHEN 7 THEN {value}::numeric ELSE g END"
    for name in ("one", "two"):
        source.execute(
            f"CREATE TABLE {name} (id int PRIMARY KEY, amount numeric(9, 2))",
            f"INSERT INTO {name} SELECT g, {amount} FROM generate_series(1, 9000) AS g",
        )
        source.read(name, {"id": "INTEGER", "amount": "DECIMAL(9,2)"})
    source.catch_up()
    rows = [row for name in source.reads for row in source.rows(name)]
    assert sorted(row["_row_no"] for row in rows) == list(range(1, 18_001))
    assert len({row["_event_id"] for row in rows}) == 18_000
    assert [row["id"] for row in source.rows("two")] == list(range(1, 9001))
