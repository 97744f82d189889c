"""The decoder, message by message; the bytes are written by hand from the protocol's documentation."""

from __future__ import annotations

import struct

import pytest
from tests.collect.postgres.messages import cells

from backoffice.collect.postgres.pgoutput import UNCHANGED, Begin, Change, Commit, Decoder, Relation, Truncate
from backoffice.errors import CollectError

MICROSECONDS_2000 = 946_684_800_000_000


def relation(identity: str = "d", oid: int = 7) -> bytes:
    columns = b"".join(
        bytes([flag]) + name + b"\0" + struct.pack(">Ii", type_oid, modifier)
        for flag, name, type_oid, modifier in ((1, b"id", 23, -1), (0, "navn_æ".encode(), 1043, 24))
    )
    return b"R" + struct.pack(">I", oid) + b"public\0item\0" + identity.encode() + struct.pack(">H", 2) + columns


@pytest.fixture
def decoder():
    made = Decoder()
    made.feed(relation())
    return made


def test_transaction_frame():
    decoder = Decoder()
    assert decoder.feed(b"B" + struct.pack(">QqI", 500, 1_000_000, 42)) == Begin(500, MICROSECONDS_2000 + 1_000_000, 42)
    assert decoder.feed(b"C\0" + struct.pack(">QQq", 500, 540, 5)) == Commit(500, 540, MICROSECONDS_2000 + 5)


def test_relation():
    found = Decoder().feed(relation("f"))
    assert isinstance(found, Relation)
    assert (found.oid, found.schema, found.name, found.replica_identity) == (7, "public", "item", "f")
    assert [(c.name, c.type_oid, c.type_modifier, c.is_key) for c in found.columns] == [
        ("id", 23, -1, True),
        ("navn_æ", 1043, 24, False),
    ]


def change(decoder: Decoder, payload: bytes) -> Change:
    found = decoder.feed(payload)
    assert isinstance(found, Change)
    return found


def test_insert(decoder):
    found = change(decoder, b"I" + struct.pack(">I", 7) + b"N" + cells(1, "blå"))
    assert (found.op, found.read(), found.relation.name) == ("c", (["1", "blå"], None, False), "item")


def test_null_and_empty_text_are_two_things(decoder):
    assert change(decoder, b"I" + struct.pack(">I", 7) + b"N" + cells("", None)).read().new == ["", None]


def test_update_without_and_with_the_old_key(decoder):
    plain = change(decoder, b"U" + struct.pack(">I", 7) + b"N" + cells(1, "x"))
    moved = change(decoder, b"U" + struct.pack(">I", 7) + b"K" + cells(1, None) + b"N" + cells(2, UNCHANGED))
    assert (plain.is_single, plain.read()) == (True, (["1", "x"], None, False))
    assert (moved.is_single, moved.read()) == (False, (["2", UNCHANGED], ["1", None], True))


def test_update_under_full_identity_is_filled_from_the_old_row():
    decoder = Decoder()
    decoder.feed(relation("f"))
    found = change(decoder, b"U" + struct.pack(">I", 7) + b"O" + cells(1, "long") + b"N" + cells(1, UNCHANGED))
    assert found.read() == (["1", "long"], ["1", "long"], False)


def test_delete(decoder):
    found = change(decoder, b"D" + struct.pack(">I", 7) + b"K" + cells(1, None))
    assert (found.op, found.is_single, found.read()) == ("d", True, (None, ["1", None], False))


def test_truncate_names_every_table(decoder):
    decoder.feed(relation(oid=8))
    found = decoder.feed(b"T" + struct.pack(">IBII", 2, 0, 7, 8))
    assert isinstance(found, Truncate) and [table.oid for table in found.relations] == [7, 8]


def test_a_later_relation_message_changes_the_shape_of_later_rows_only(decoder):
    before = change(decoder, b"I" + struct.pack(">I", 7) + b"N" + cells(1, "x"))
    decoder.feed(relation("f"))
    after = change(decoder, b"I" + struct.pack(">I", 7) + b"N" + cells(2, "y"))
    assert (before.relation.replica_identity, after.relation.replica_identity) == ("d", "f")


@pytest.mark.parametrize("payload", [b"Y" + b"\0" * 9, b"O" + b"\0" * 9, b"M" + b"\0" * 20])
def test_types_origins_and_messages_are_passed_over(payload):
    assert Decoder().feed(payload) is None


def test_another_protocol_is_refused(decoder):
    with pytest.raises(CollectError, match="version 1"):
        decoder.feed(b"S\0\0\0\0")
    with pytest.raises(CollectError, match="only text"):
        decoder.feed(b"I" + struct.pack(">I", 7) + b"N" + struct.pack(">H", 1) + b"b\0\0\0\1x").read()
