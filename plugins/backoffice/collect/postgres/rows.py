"""The rows a transaction lands as."""

from __future__ import annotations

from dataclasses import dataclass, field

from backoffice.collect.postgres.offset import Handover, format_lsn
from backoffice.collect.postgres.pgoutput import OPS, Begin, Change, Relation, Truncate, Value, read_tuple
from backoffice.collect.postgres.shape import Shape, Shapes


@dataclass(slots=True)
class Row:
    """A row to land. ``number`` counts within its batch, ``at`` is Unix microseconds.

    ``moved`` marks the row of a changed key: values it does not resend lie under another key.
    """

    shape: Shape
    number: int
    op: str
    event_id: str
    at: int
    values: list[Value]
    has_unchanged: bool = False
    moved: bool = False


@dataclass(slots=True)
class Gathered:
    """Rows of one table in one shape.

    Nearly every change is one row with one tuple: its message waits in ``payloads`` as it was sent, with the row's
    number, event id and instant beside it, to be read with all the others. ``rows`` are those that take a look of their
    own. Both are in the order of their numbers.
    """

    shape: Shape
    payloads: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    ats: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def extend(self, later: Gathered, before: int) -> None:
        """Take rows of the same shape, numbered on after the first ``before``."""
        self.payloads += later.payloads
        self.numbers += [number + before for number in later.numbers]
        self.event_ids += later.event_ids
        self.ats += later.ats
        for row in later.rows:
            row.number += before
        self.rows += later.rows

    def one_by_one(self) -> list[Row]:
        """All rows with their values read; for those whose shape is not the one they are written in."""
        beside = zip(self.payloads, self.numbers, self.event_ids, self.ats, strict=True)
        read = [_read_row(self.shape, *values) for values in beside]
        return sorted([*read, *self.rows], key=lambda row: row.number)


class TransactionRows:
    """Rows of the transaction that is arriving, by read, without those a full copy has seen.

    Args:
        begin: of the transaction.
        shapes: of the tables.
        snapshots: by read, the full copies that the stream has not passed.
    """

    def __init__(self, begin: Begin, shapes: Shapes, snapshots: dict[str, Handover]) -> None:
        self.begin = begin
        self.tables: dict[str, list[Gathered]] = {}
        self.count = 0
        self._shapes = shapes
        self._snapshots = snapshots
        self._prefix = format_lsn(begin.commit_lsn) + "/"
        self._events = 0
        self._places: dict[Relation, Gathered | None] = {}

    def take(self) -> dict[str, list[Gathered]]:
        """Hand the rows over; those that follow are numbered from 1 again."""
        tables, self.tables, self.count, self._places = self.tables, {}, 0, {}
        return tables

    def truncate(self, message: Truncate) -> None:
        """A row without values for each emptied table."""
        for relation in message.relations:
            self._events += 1
            place = self._place(relation)
            if place is not None:
                self._add(place, "t", str(self._events), [None] * len(place.shape.columns))

    def change(self, change: Change) -> None:
        """One row; two when the key changed: d of the old key, u of the new one.

        Raises:
            CopyNeeded: see :meth:`Shapes.of`.
        """
        self._events += 1
        place = self._place(change.relation)
        if place is None:
            return
        if not change.is_single:
            self._update(place, change, str(self._events))
            return
        self.count += 1
        place.payloads.append(change.payload)
        place.numbers.append(self.count)
        place.event_ids.append(f"{self._prefix}{self._events}")
        place.ats.append(self.begin.committed_at)

    def _update(self, place: Gathered, change: Change, event: str) -> None:
        """An update that tells what the row was before."""
        new, old, has_unchanged = change.read()
        if new is None or old is None:
            raise AssertionError("a change with two tuples is an update")
        moved = any(old[position] != new[position] for position in place.shape.key)
        if moved:
            self._add(place, "d", event + "-old", _key_only(place.shape, old))
        self._add(place, "u", event, new, unchanged=has_unchanged, moved=moved)

    def _add(
        self, place: Gathered, op: str, event: str, values: list[Value], *, unchanged: bool = False, moved: bool = False
    ) -> None:
        self.count += 1
        event_id, at = self._prefix + event, self.begin.committed_at
        place.rows.append(Row(place.shape, self.count, op, event_id, at, values, unchanged, moved))

    def _place(self, relation: Relation) -> Gathered | None:
        """Where a relation's rows are gathered; None when they are not wanted."""
        if relation not in self._places:
            self._places[relation] = self._new_place(relation)
        return self._places[relation]

    def _new_place(self, relation: Relation) -> Gathered | None:
        read = self._shapes.read_of(relation)
        handover = self._snapshots.get(read or "")
        if read is None or (handover and handover.has_seen(self.begin.commit_lsn, self.begin.xid)):
            return None
        place = Gathered(self._shapes.of(relation, read))
        self.tables.setdefault(read, []).append(place)
        return place


def _read_row(shape: Shape, payload: bytes, number: int, event_id: str, at: int) -> Row:
    op, (values, _, has_unchanged) = OPS[payload[0]], read_tuple(payload)
    return Row(shape, number, op, event_id, at, _key_only(shape, values) if op == "d" else values, has_unchanged)


def _key_only(shape: Shape, old: list[Value]) -> list[Value]:
    values: list[Value] = [None] * len(shape.columns)
    for position in shape.key:
        values[position] = old[position]
    return values
