"""The rows a transaction lands as."""

from __future__ import annotations

from dataclasses import dataclass

from backoffice.collect.postgres.offset import Handover, format_lsn
from backoffice.collect.postgres.pgoutput import Begin, Change, Relation, Truncate, Value
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


class TransactionRows:
    """Rows of the transaction that is arriving, by read, without those a full copy has seen.

    Args:
        begin: of the transaction.
        shapes: of the tables.
        snapshots: by read, the full copies that the stream has not passed.
    """

    def __init__(self, begin: Begin, shapes: Shapes, snapshots: dict[str, Handover]) -> None:
        self.begin = begin
        self.tables: dict[str, list[Row]] = {}
        self.count = 0
        self._shapes = shapes
        self._snapshots = snapshots
        self._prefix = format_lsn(begin.commit_lsn) + "/"
        self._events = 0
        self._wanted: dict[Relation, str | None] = {}

    def take(self) -> dict[str, list[Row]]:
        """Hand the rows over; those that follow are numbered from 1 again."""
        tables, self.tables, self.count = self.tables, {}, 0
        return tables

    def truncate(self, message: Truncate) -> None:
        """A row without values for each emptied table."""
        for relation in message.relations:
            self._events += 1
            read = self._read(relation)
            if read is not None:
                shape = self._shapes.of(relation, read)
                self._add(shape, "t", str(self._events), [None] * len(shape.columns))

    def change(self, change: Change) -> None:
        """One row; two when the key changed: d of the old key, u of the new one.

        Raises:
            CopyNeeded: see :meth:`Shapes.of`.
        """
        self._events += 1
        read = self._read(change.relation)
        if read is None:
            return
        shape = self._shapes.of(change.relation, read)
        event, old, new = str(self._events), change.old, change.new
        if new is None:
            self._add(shape, "d", event, _key_only(shape, old or []))
            return
        moved = old is not None and any(old[position] != new[position] for position in shape.key)
        if moved:
            self._add(shape, "d", event + "-old", _key_only(shape, old or []))
        self._add(shape, change.op, event, new, unchanged=change.has_unchanged, moved=moved)

    def _add(
        self, shape: Shape, op: str, event: str, values: list[Value], *, unchanged: bool = False, moved: bool = False
    ) -> None:
        self.count += 1
        row = Row(shape, self.count, op, self._prefix + event, self.begin.committed_at, values, unchanged, moved)
        self.tables.setdefault(shape.read, []).append(row)

    def _read(self, relation: Relation) -> str | None:
        if relation not in self._wanted:
            self._wanted[relation] = self._wanted_read(relation)
        return self._wanted[relation]

    def _wanted_read(self, relation: Relation) -> str | None:
        read = self._shapes.read_of(relation)
        handover = self._snapshots.get(read or "")
        if handover and handover.has_seen(self.begin.commit_lsn, self.begin.xid):
            return None
        return read


def _key_only(shape: Shape, old: list[Value]) -> list[Value]:
    values: list[Value] = [None] * len(shape.columns)
    for position in shape.key:
        values[position] = old[position]
    return values
