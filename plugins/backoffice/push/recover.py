"""Bringing the index of accepted events up to what is on the disk: after a kill, a power cut, or its loss.

In: landed batches and segments. Out: the index, knowing every event in them.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import duckdb

from backoffice.landing import BatchStore, Manifest
from backoffice.landing.envelope import EVENT
from backoffice.push.events import content_digest, decode_event, event_key
from backoffice.push.seen import FILE, Known, Seen
from backoffice.push.segments import Position, records
from backoffice.settings import Settings

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_AT_ONCE = 2000
_LANDED = Position()  # of an event whose segment may be gone


def recover(settings: Settings, source: str, store: BatchStore) -> Seen:
    """Open the index of a source, and let it learn what it does not know.

    Raises:
        OSError: a segment cannot be read or made durable.
        RefusedError: a segment holds what was never accepted.
    """
    folder = settings.push_dir / source
    seen = _opened(folder, source)
    try:
        reached = seen.reached()
        landed = _learn_landed(seen, store, source, reached)
        for group in _grouped(records(folder, max(reached, landed))):
            seen.add([_known(record.raw, record.at) for record in group], group[-1].end)
    except BaseException:
        seen.close()
        raise
    return seen


def _opened(folder: Path, source: str) -> Seen:
    """The index; an empty one in place of one that cannot be read."""
    try:
        return Seen(folder / FILE)
    except sqlite3.OperationalError:  # the disk, not what is in the file
        raise
    except sqlite3.DatabaseError as error:
        _log.error("the index of accepted events of %s is made again: %s", source, error)
        for path in folder.glob(f"{FILE}*"):
            path.unlink()
        return Seen(folder / FILE)


def _learn_landed(seen: Seen, store: BatchStore, source: str, reached: Position) -> Position:
    """Events whose segments may be gone are known from their batches; gives how far those reach."""
    last = store.last(source)
    position = Position.of(last.offset if last else None)
    if last is None or position <= reached:
        return position
    manifests = _manifests_after(store, source, last.seq, reached)
    with duckdb.connect() as connection:
        for raws in _landed_events(connection, store, manifests):
            seen.add([_known(raw.encode(), _LANDED) for raw in raws], reached)
    seen.add([], position)
    return position


def _manifests_after(store: BatchStore, source: str, last: int, reached: Position) -> list[Manifest]:
    found: list[Manifest] = []
    for seq in range(last, 0, -1):
        manifest = store.manifest(source, seq)
        if manifest is None or Position.of(manifest.offset) <= reached:
            break
        found.append(manifest)
    return found[::-1]


def _landed_events(
    connection: duckdb.DuckDBPyConnection, store: BatchStore, manifests: Sequence[Manifest]
) -> Iterator[list[str]]:
    for group in _grouped(iter(manifests)):
        for table in sorted({table.name for manifest in group for table in manifest.tables}):
            relation = store.relation(group, table)
            rows = connection.execute(f"SELECT {EVENT} FROM {relation} WHERE {EVENT} IS NOT NULL")
            while found := rows.fetchmany(_AT_ONCE):
                yield [str(raw) for (raw,) in found]


def _known(raw: bytes, at: Position) -> Known:
    event = decode_event(raw)
    return Known(event_key(event), content_digest(event), at)


def _grouped(found: Iterator[_T]) -> Iterator[list[_T]]:
    while group := list(itertools.islice(found, _AT_ONCE)):
        yield group
