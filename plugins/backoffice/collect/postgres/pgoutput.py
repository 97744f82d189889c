"""Decoder of PostgreSQL's ``pgoutput`` plugin, protocol version 1.

Version 1 sends a transaction only after it has committed, as Begin, its changes, Commit. A Begin already carries the
commit's position and time, so rows can be stamped while the transaction is still arriving.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from backoffice.errors import CollectError

_U16 = struct.Struct(">H").unpack_from
_U32 = struct.Struct(">I").unpack_from
_I32 = struct.Struct(">i").unpack_from
_RELATION_COLUMN = struct.Struct(">Ii").unpack_from
_BEGIN = struct.Struct(">QqI").unpack_from
_COMMIT = struct.Struct(">QQq").unpack_from
_EPOCH_MICROSECONDS: Final = 946_684_800_000_000  # 2000-01-01, where PostgreSQL's clock starts

TUPLE_AT: Final = 6
"""Where the first tuple of a change begins: after its kind, its relation and the tuple's own kind."""
NULL: Final = ord("n")
TEXT: Final = ord("t")
NOT_SENT: Final = ord("u")
"""Kinds of a value within a tuple."""
OPS: Final[dict[int, Literal["c", "u", "d"]]] = {ord("I"): "c", ord("U"): "u", ord("D"): "d"}
"""What a change's first byte says it is."""
_KIND_AT: Final = TUPLE_AT - 1
_NEW_TUPLE: Final = ord("N")


class Unchanged(enum.Enum):
    """A large value kept out of line (TOAST) that an update did not touch: PostgreSQL does not send it."""

    UNCHANGED = enum.auto()


UNCHANGED: Final = Unchanged.UNCHANGED
Value = str | None | Unchanged
"""A column's value in PostgreSQL's text form."""


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A column as the stream describes it; ``is_key`` says it belongs to the replica identity."""

    name: str
    type_oid: int
    type_modifier: int
    is_key: bool


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A table's shape from this point of the stream on. ``replica_identity`` is d, n, f or i as in pg_class."""

    oid: int
    schema: str
    name: str
    replica_identity: str
    columns: tuple[RelationColumn, ...]


@dataclass(slots=True)
class Begin:
    """Start of a transaction: position of its commit, time of its commit in Unix microseconds, 32-bit id."""

    commit_lsn: int
    committed_at: int
    xid: int


@dataclass(slots=True)
class Commit:
    """End of a transaction: ``end_lsn`` is where reading goes on after it."""

    commit_lsn: int
    end_lsn: int
    committed_at: int


class Tuples(NamedTuple):
    """The values of one change.

    ``old`` is the former row: whole under REPLICA IDENTITY FULL, else its key columns only, and for an update only when
    the key changed. ``has_unchanged`` says that ``new`` holds :data:`UNCHANGED`.
    """

    new: list[Value] | None
    old: list[Value] | None
    has_unchanged: bool


@dataclass(slots=True)
class Change:
    """A row created (c), updated (u) or deleted (d), its values still as they were sent."""

    op: Literal["c", "u", "d"]
    relation: Relation
    payload: bytes

    @property
    def is_single(self) -> bool:
        """Whether it carries one tuple, at :data:`TUPLE_AT`: all do but an update that tells the former row too."""
        return self.payload[_KIND_AT] == _NEW_TUPLE or self.op == "d"

    def read(self) -> Tuples:
        """Its values, one by one; :mod:`backoffice.collect.postgres.tuples` reads those of many changes at once.

        Raises:
            CollectError: a value is not in text form.
        """
        if self.op == "d":
            return Tuples(None, read_tuple(self.payload)[0], False)
        at, old = TUPLE_AT, None
        if self.payload[_KIND_AT] != _NEW_TUPLE:
            old, end, _ = read_tuple(self.payload)
            at = end + 1
        new, _, has_unchanged = read_tuple(self.payload, at)
        if has_unchanged and old is not None and self.relation.replica_identity == "f":
            new = [was if now is UNCHANGED else now for now, was in zip(new, old, strict=True)]
            has_unchanged = UNCHANGED in new
        return Tuples(new, old, has_unchanged)


@dataclass(slots=True)
class Truncate:
    """Tables emptied by one statement."""

    relations: tuple[Relation, ...]


Message = Begin | Commit | Change | Truncate | Relation


class Decoder:
    """Turns the payloads of one replication connection into messages; relations are remembered by their oid.

    A new connection needs a new decoder: the server describes its tables again.
    """

    def __init__(self) -> None:
        self._relations: dict[int, Relation] = {}
        self._readers: dict[int, Callable[[bytes], Message | None]] = {
            **dict.fromkeys(OPS, self._change),
            ord("B"): _begin,
            ord("C"): _commit,
            ord("R"): self._relation,
            ord("T"): self._truncate,
            ord("Y"): _ignored,  # a type's name: types are looked up in the catalogue
            ord("O"): _ignored,  # origin of a change that another replication brought
            ord("M"): _ignored,  # logical message
        }

    def feed(self, payload: bytes) -> Message | None:
        """Decode one message; None for what is of no interest.

        Raises:
            CollectError: the payload is not protocol version 1.
        """
        reader = self._readers.get(payload[0])
        if reader is None:
            raise CollectError(
                f"message {chr(payload[0])!r} does not belong to pgoutput protocol version 1",
                next_step="the slot must be one this collector created: see `connection.slot` in the source's file",
            )
        return reader(payload)

    def _relation(self, payload: bytes) -> Relation:
        relation = _read_relation(payload)
        self._relations[relation.oid] = relation
        return relation

    def _change(self, payload: bytes) -> Change:
        return Change(OPS[payload[0]], self._relations[_U32(payload, 1)[0]], payload)

    def _truncate(self, payload: bytes) -> Truncate:
        count = _U32(payload, 1)[0]
        return Truncate(tuple(self._relations[_U32(payload, 6 + 4 * index)[0]] for index in range(count)))


def _begin(payload: bytes) -> Begin:
    lsn, at, xid = _BEGIN(payload, 1)
    return Begin(lsn, at + _EPOCH_MICROSECONDS, xid)


def _commit(payload: bytes) -> Commit:
    commit_lsn, end_lsn, at = _COMMIT(payload, 2)
    return Commit(commit_lsn, end_lsn, at + _EPOCH_MICROSECONDS)


def _ignored(payload: bytes) -> None:
    return None


def read_tuple(payload: bytes, at: int = TUPLE_AT) -> tuple[list[Value], int, bool]:
    """Values from a position, the position after them, and whether one was not sent.

    Raises:
        CollectError: a value is not in text form.
    """
    count = _U16(payload, at)[0]
    at += 2
    values: list[Value] = []
    append = values.append
    has_unchanged = False
    for _ in range(count):
        kind = payload[at]
        at += 1
        if kind == TEXT:
            end = at + 4 + _I32(payload, at)[0]
            append(payload[at + 4 : end].decode())
            at = end
        elif kind == NULL:
            append(None)
        elif kind == NOT_SENT:
            append(UNCHANGED)
            has_unchanged = True
        else:
            raise not_text(kind)
    return values, at, has_unchanged


def not_text(kind: int) -> CollectError:
    """A value came in a form that was not asked for."""
    return CollectError(f"a value of kind {chr(kind)!r} in the stream, where only text was asked for")


def _read_relation(payload: bytes) -> Relation:
    oid = _U32(payload, 1)[0]
    schema, at = _read_name(payload, 5)
    name, at = _read_name(payload, at)
    identity, count = chr(payload[at]), _U16(payload, at + 1)[0]
    at += 3
    columns = []
    for _ in range(count):
        is_key = bool(payload[at] & 1)
        column, at = _read_name(payload, at + 1)
        type_oid, modifier = _RELATION_COLUMN(payload, at)
        at += 8
        columns.append(RelationColumn(column, type_oid, modifier, is_key))
    return Relation(oid, schema or "pg_catalog", name, identity, tuple(columns))


def _read_name(payload: bytes, at: int) -> tuple[str, int]:
    end = payload.index(0, at)
    return payload[at:end].decode(), end + 1
