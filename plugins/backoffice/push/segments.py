"""Segment files: accepted events in the order they were accepted, each with the instant and a checksum.

A segment is only ever appended to, by one process; after a start a new one is begun, so what a kill cut off stays at
the end of an old one. Whoever reads makes the file durable first: nothing is landed that a power cut could take back.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backoffice.durable import naming, sync_folder

_HEAD = struct.Struct(">IIq")  # bytes of the event, checksum of instant and event, microseconds since 1970
_SUFFIX = ".events"
_Read = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a source's accepted events: number of the segment, and bytes before it there."""

    segment: int = 0
    byte: int = 0

    @classmethod
    def of(cls, offset: Mapping[str, Any] | None) -> Position:
        """The place a batch's offset names; the beginning when there is no batch yet."""
        return cls(int(offset["segment"]), int(offset["byte"])) if offset else cls()

    def as_offset(self) -> dict[str, Any]:
        """The offset of a batch that holds the events before this place."""
        return {"segment": self.segment, "byte": self.byte}


@dataclass(frozen=True, slots=True)
class Record:
    """An accepted event.

    Attributes:
        at: where it begins.
        end: where the next one begins.
        received: when it was accepted, in microseconds since 1970.
        raw: its JSON as it came.
    """

    at: Position
    end: Position
    received: int
    raw: bytes


class SegmentWriter:
    """Appends to one new segment."""

    def __init__(self, folder: Path, number: int) -> None:
        self.path = segment_path(folder, number)
        self.end = Position(number, 0)
        with naming(self.path):
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        sync_folder(folder)

    def append(self, events: Sequence[bytes], received: int) -> list[Position]:
        """Write events and make them durable, all with one fsync; gives where each begins.

        Raises:
            OSError: it failed; how much of them is in the segment is then not known.
        """
        frames = [framed(raw, received) for raw in events]
        places = []
        byte = self.end.byte
        for frame in frames:
            places.append(Position(self.end.segment, byte))
            byte += len(frame)
        with naming(self.path):
            _write_all(self._file, b"".join(frames))
            os.fsync(self._file)
        self.end = Position(self.end.segment, byte)
        return places

    def close(self) -> None:
        """Append no more."""
        os.close(self._file)


def framed(raw: bytes, received: int) -> bytes:
    """An event as it stands in a segment."""
    stamp = received.to_bytes(8, "big", signed=True)
    return _HEAD.pack(len(raw), zlib.crc32(raw, zlib.crc32(stamp)), received) + raw


def read_segment(folder: Path, start: Position, most: int) -> list[Record]:
    """Whole events of a segment from a place on, about ``most`` bytes of them; the file is made durable first.

    Raises:
        FileNotFoundError: there is no such segment.
    """
    with segment_path(folder, start.segment).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        os.fsync(file.fileno())
        file.seek(start.byte)
        found: list[Record] = []
        while start.byte < size and most > 0:
            record = _read_record(file.read(_HEAD.size), file.read, start, size)
            if record is None:
                break
            found.append(record)
            most -= record.end.byte - start.byte
            start = record.end
    return found


def _read_record(head: bytes, read: _Read, start: Position, size: int) -> Record | None:
    """None where an event is not whole: it is being written, or its writer was killed."""
    if len(head) < _HEAD.size:
        return None
    length, checksum, received = _HEAD.unpack(head)
    end = Position(start.segment, start.byte + _HEAD.size + length)
    if not length or end.byte > size:
        return None
    raw = read(length)
    if zlib.crc32(raw, zlib.crc32(head[8:])) != checksum:
        return None
    return Record(start, end, received, raw)


def segments(folder: Path) -> list[int]:
    """Numbers of the segments there are, in order."""
    if not folder.exists():
        return []
    return sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def waiting_bytes(folder: Path, landed: Position) -> int:
    """Bytes of accepted events after a place."""
    total = 0
    for number in segments(folder):
        if number >= landed.segment:
            try:
                size = segment_path(folder, number).stat().st_size
            except FileNotFoundError:  # landed and removed since the listing
                continue
            total += max(0, size - landed.byte) if number == landed.segment else size
    return total


def segment_path(folder: Path, number: int) -> Path:
    """Where a segment is."""
    return folder / f"{number:012d}{_SUFFIX}"


def records(folder: Path, start: Position, most: int = 8 << 20) -> Iterator[Record]:
    """Every whole event from a place on, over all segments."""
    for number in segments(folder):
        if number < start.segment:
            continue
        place = start if number == start.segment else Position(number, 0)
        while found := read_segment(folder, place, most):
            yield from found
            place = found[-1].end


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
