"""One replication connection: the messages of a slot, and how far they are safe with us.

psycopg2's replication cursor acknowledges an idle position by itself, before anything of ours is durable; a slot then
looks as if somebody else had read from it. Speaking the protocol over libpq keeps every acknowledgement ours.
"""

from __future__ import annotations

import contextlib
import select
import struct
import time
from dataclasses import dataclass

import psycopg
from psycopg import pq

from backoffice.collect.postgres.offset import format_lsn, parse_lsn

_HEADER = 25  # kind, start, end and send time before the payload of a data message
_KEEPALIVE = struct.Struct(">QqB").unpack_from
_STATUS = struct.Struct(">cQQQqB").pack
_EPOCH_SECONDS = 946_684_800
_LEAVE_SECONDS = 1.0
_DATA, _ALIVE = ord("w"), ord("k")


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server has sent everything committed before ``position``; ``reply`` asks for an answer now."""

    position: int
    reply: bool


class Replication:
    """A walsender's client. Any failure of the connection is a :class:`psycopg.OperationalError`."""

    def __init__(self, info: str) -> None:
        self._connection = psycopg.connect(info, autocommit=True, replication="database")
        self._libpq = self._connection.pgconn
        self._streaming = False
        self.confirmed = 0

    def close(self) -> None:
        """Leave the slot; waits a moment for the server, so that the next reader finds it free."""
        with contextlib.suppress(psycopg.OperationalError):  # a lost connection has left it already
            if self._streaming:
                self._end_stream()
        self._connection.close()

    def start(self, slot: str, publication: str, lsn: int) -> None:
        """Begin to stream transactions that end after a position."""
        command = (
            f'START_REPLICATION SLOT "{slot}" LOGICAL {format_lsn(lsn)} '
            f"(proto_version '1', publication_names '\"{publication}\"')"
        )
        result = self._libpq.exec_(command.encode())
        if result.status != pq.ExecStatus.COPY_BOTH:
            raise self._failure(result)
        self._streaming = True
        self.confirmed = lsn
        self._report(reply=True)  # its answer tells us where the server is, also when there is nothing to send

    def timeline_history(self, timeline: int) -> str:
        """The file in which a timeline tells its ancestors; empty for the first one, which has none."""
        if timeline == 1:
            return ""
        result = self._libpq.exec_(f"TIMELINE_HISTORY {timeline}".encode())
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise self._failure(result)
        return (result.get_value(0, 1) or b"").decode()

    def read(self, timeout: float) -> bytes | Keepalive | None:
        """The payload of the next message, or a keepalive; None when nothing comes for ``timeout`` seconds."""
        while True:
            size, data = self._libpq.get_copy_data(1)
            if size > 0:
                if data[0] == _DATA:
                    return bytes(data[_HEADER:])
                if data[0] == _ALIVE:
                    position, _, reply = _KEEPALIVE(data, 1)
                    return Keepalive(position, bool(reply))
            elif size < 0:
                raise self._failure(self._libpq.get_result())
            elif not self._readable(timeout):
                return None

    def confirm(self, lsn: int) -> None:
        """Tell the source that everything before a position is durable here: it may forget it."""
        self.confirmed = max(self.confirmed, lsn)
        self._report()

    def reply(self) -> None:
        """Answer a keepalive without confirming more."""
        self._report()

    def _end_stream(self) -> None:
        self._libpq.put_copy_end()
        self._flush()
        deadline = time.monotonic() + _LEAVE_SECONDS
        while time.monotonic() < deadline:
            size, _ = self._libpq.get_copy_data(1)
            if size < 0:
                self._libpq.get_result()  # of the whole command: the slot is released before it is sent
                return
            if size == 0:
                self._readable(_LEAVE_SECONDS / 10)

    def _readable(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._libpq.socket], [], [], timeout)
        self._libpq.consume_input()
        return bool(ready)

    def _report(self, reply: bool = False) -> None:
        now = int((time.time() - _EPOCH_SECONDS) * 1_000_000)
        self._libpq.put_copy_data(_STATUS(b"r", self.confirmed, self.confirmed, self.confirmed, now, reply))
        self._flush()

    def _flush(self) -> None:
        while self._libpq.flush():
            select.select([], [self._libpq.socket], [], 1.0)

    def _failure(self, result: pq.abc.PGresult | None) -> psycopg.OperationalError:
        text = result.error_message.decode(errors="replace").strip() if result else ""
        return psycopg.OperationalError(text or "the server ended the stream")


def timeline_ends(info: str, timeline: int) -> dict[int, int]:
    """Ancestors of a source's timeline, each with the position it was left at.

    Raises:
        psycopg.OperationalError: the source cannot be reached.
    """
    with contextlib.closing(Replication(info)) as link:
        lines = [line.split() for line in link.timeline_history(timeline).splitlines()]
    return {int(words[0]): parse_lsn(words[1]) for words in lines if len(words) > 1 and words[0].isdigit()}
