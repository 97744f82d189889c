"""Reading many changes at once gives what reading them one by one gives."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from tests.collect.postgres.messages import message

from backoffice.collect.postgres.arrow import Stamp, gathered_to_arrow, rows_to_arrow
from backoffice.collect.postgres.catalog import SourceColumn
from backoffice.collect.postgres.pgoutput import UNCHANGED
from backoffice.collect.postgres.rows import Gathered
from backoffice.collect.postgres.shape import make_shape
from backoffice.collect.postgres.tuples import read_tuples
from backoffice.collect.postgres.types import column_type
from backoffice.errors import CollectError
from backoffice.sources import ReadTable

STAMP = Stamp("s-0000000001", datetime(2026, 1, 1, tzinfo=UTC))
TYPES = {"id": (23, -1), "name": (1043, 64), "price": (1700, (12 << 16 | 2) + 4), "at": (1184, -1), "note": (25, -1)}
READ = ReadTable.model_validate({"table": "public.item", "primary_key": ["id"], "columns": dict.fromkeys(TYPES, "")})
SHAPE = make_shape("item", READ, [SourceColumn(name, column_type(*type_)) for name, type_ in TYPES.items()])
WORDS = ["", "blå", "n", "t", "日本", "x" * 300]


def gathered(payloads: list[bytes]) -> Gathered:
    numbers = list(range(1, len(payloads) + 1))
    return Gathered(SHAPE, payloads, numbers, [f"0/1/{n}" for n in numbers], [1_000_000 * n for n in numbers])


def some_change(chance: random.Random, number: int) -> bytes:
    kind = chance.choice("IUD")
    if kind == "D":
        return message(kind, number, *[None] * 4)
    price = chance.choice(["12.50", "0.01", None, "NaN", "12345678901.00"])
    at = chance.choice(["2026-01-31 10:00:00+00", None, "infinity"])
    note = chance.choice([None, UNCHANGED, *WORDS]) if kind == "U" else chance.choice([None, *WORDS])
    return message(kind, number, chance.choice([None, *WORDS]), price, at, note)


@pytest.mark.parametrize("seed", range(20))
def test_at_once_is_as_one_by_one(seed):
    chance = random.Random(seed)
    found = gathered([some_change(chance, number) for number in range(chance.choice([1, 2, 7, 400]))])
    at_once = gathered_to_arrow(SHAPE, found, STAMP)
    at_once.validate(full=True)
    assert at_once.to_pylist() == rows_to_arrow(SHAPE, found.one_by_one(), STAMP).to_pylist()


def test_values_ops_and_what_was_not_sent():
    sent = [message("I", 1, ""), message("U", 2, UNCHANGED), message("I", 3, None), message("D", 4, None)]
    read = read_tuples(sent, 2, (0,))
    assert read.ops.to_pylist() == ["c", "u", "c", "d"]
    assert [texts.to_pylist() for texts in read.texts] == [["1", "2", "3", "4"], ["", None, None, None]]
    assert {position: mask.tolist() for position, mask in read.not_sent.items()} == {1: [False, True, False, False]}


def test_of_a_deleted_row_its_key_is_kept():
    """Under REPLICA IDENTITY FULL, or of an index with more columns, more is sent."""
    read = read_tuples([message("D", 4, "was"), message("I", 5, "is")], 2, (0,))
    assert [texts.to_pylist() for texts in read.texts] == [["4", "5"], [None, "is"]]


def test_rows_that_took_a_look_of_their_own_stand_where_they_came():
    found = gathered([message("I", n, "a", None, None, None) for n in range(4)])
    found.rows = gathered([message("U", 9, "b", None, None, None)]).one_by_one()
    found.numbers, found.rows[0].number = [1, 2, 4, 5], 3
    table = gathered_to_arrow(SHAPE, found, STAMP)
    assert table["_row_no"].to_pylist() == [1, 2, 3, 4, 5]
    assert table["id"].to_pylist() == [0, 1, 9, 2, 3]


def test_rows_of_another_shape_are_put_under_the_names():
    """As after ALTER TABLE within a transaction."""
    wider = make_shape("item", READ, [SourceColumn("new", column_type(25)), *SHAPE.columns])
    table = gathered_to_arrow(
        wider, gathered([message("I", 1, "a", "1.00", None, None), message("D", 2, *"abcd")]), STAMP
    )
    rows = table.select(["new", *TYPES]).to_pylist()
    assert [(row["new"], row["id"], row["name"]) for row in rows] == [(None, 1, "a"), (None, 2, None)]
    assert table.schema == wider.arrow


def test_batches_join_with_their_numbers_counted_on():
    first, later = gathered([message("I", 1)] * 2), gathered([message("I", 2)] * 2)
    later.rows = gathered([message("I", 3)]).one_by_one()
    first.extend(later, 2)
    assert (first.numbers, len(first.payloads), [row.number for row in first.rows]) == ([1, 2, 3, 4], 4, [3])


def test_the_text_of_another_encoding_is_refused():
    with pytest.raises(pa.ArrowInvalid, match="UTF8"):
        read_tuples([message("I", 1).replace(b"1", b"\xe6")], 1, (0,))


def test_a_tuple_of_another_table_and_a_binary_value_are_refused():
    with pytest.raises(CollectError, match="3 values in the stream, where its table has 2 columns"):
        read_tuples([message("I", 1, 2), message("I", 1, 2, 3)], 2, (0,))
    with pytest.raises(CollectError, match="kind 'b' in the stream"):
        read_tuples([b"I" + struct.pack(">I", 7) + b"N" + struct.pack(">H", 1) + b"b\0\0\0\1x"], 1, (0,))
