"""CloudEvents 1.0 in JSON: from a request's body to events that fit what their source declares.

In: a body and its content type. Out: :class:`Event` objects with the bytes they came in, or :class:`RefusedError`
that names each problem.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from backoffice.sources import ReadTable
from backoffice.sources.records import converted, converter

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_SORTED = msgspec.json.Encoder(decimal_format="number", order="sorted")
_CONTENT = ("type", "subject", "time", "data")  # the rest, such as a trace's id, may differ in a retry
_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST = 1024
"""Characters of an id, source, type or subject."""

Problems = list[str]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that fits.

    Attributes:
        key: hash of its source and id, by which it is known for ever.
        digest: hash of its content; two events of one key must have the same.
        raw: its JSON as it came.
    """

    key: bytes
    digest: bytes
    raw: bytes


class RefusedError(Exception):
    """A body that is not what it should be; all that is wrong with it, at most twenty problems."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems[:20]
        super().__init__("; ".join(self.problems))


class EventReader:
    """Reads bodies for one source.

    Args:
        reads: the source's.
        schemas: read → function that gives what is wrong with data by the JSON Schema of the read's contract.
    """

    def __init__(self, reads: Mapping[str, ReadTable], schemas: Mapping[str, Callable[[Any], Iterator[str]]]) -> None:
        self._reads = reads
        self._schemas = schemas
        self._types = {type_ for read in reads.values() for type_ in (*read.events, *read.deletes)}

    def events(self, body: bytes, *, batch: bool) -> list[Event]:
        """The events of a body.

        Raises:
            RefusedError: it is not JSON, or one of the events is none or does not fit.
        """
        found: list[Event] = []
        problems: Problems = []
        for number, raw in enumerate(_parts(body) if batch else [body]):
            try:
                found.append(self._event(raw))
            except RefusedError as error:
                problems += [f"event {number}: {problem}" if batch else problem for problem in error.problems]
        if problems:
            raise RefusedError(problems)
        return found

    def _event(self, raw: bytes) -> Event:
        event = decode_event(raw)
        if problems := [*_attribute_problems(event), *_content_problems(event)]:
            raise RefusedError(problems)
        if event["type"] not in self._types:
            raise RefusedError([f"type: {event['type']!r} is none of {', '.join(sorted(self._types))}"])
        if problems := list(self._data_problems(event)):
            raise RefusedError(problems)
        return Event(event_key(event), content_digest(event), raw)

    def _data_problems(self, event: dict[str, Any]) -> Iterator[str]:
        for name, read in self._reads.items():
            if event["type"] in read.events:
                yield from _version_problems(event, read)
                if name in self._schemas:
                    yield from self._schemas[name](event.get("data"))
            elif event["type"] in read.deletes:
                columns = {key: read.columns[key] for key in read.primary_key}
                yield from _column_problems(event, read, columns)


def decode_event(raw: bytes) -> dict[str, Any]:
    """An event's JSON, its fractions as decimals.

    Raises:
        RefusedError: not a JSON object.
    """
    try:
        event = _DECODER.decode(raw)
    except _BROKEN as error:
        raise RefusedError([f"not JSON: {error}"]) from error
    if not isinstance(event, dict):
        raise RefusedError(["not a JSON object"])
    return event


def event_key(event: Mapping[str, Any]) -> bytes:
    """What an event is known by: CloudEvents makes source and id together unique."""
    return hashlib.blake2b(f"{event['source']}\0{event['id']}".encode(), digest_size=16).digest()


def content_digest(event: Mapping[str, Any]) -> bytes:
    """Hash of what an event says, whatever the order of its keys."""
    content = _SORTED.encode([event.get(name) for name in _CONTENT])
    return hashlib.blake2b(content, digest_size=16).digest()


def attributes_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """What ``paths:`` may name beside the data."""
    return {f"${name}": event.get(name) for name in ("id", "source", "type", "subject", "time")}


def _parts(body: bytes) -> list[bytes]:
    try:
        parts = [bytes(part) for part in _PARTS.decode(body)]
    except _BROKEN as error:
        raise RefusedError([f"not a JSON list of events: {error}"]) from error
    if not parts:
        raise RefusedError(["a batch without events"])
    return parts


def _attribute_problems(event: dict[str, Any]) -> Iterator[str]:
    if event.get("specversion") != "1.0":
        yield "specversion: must be 1.0"
    for name in ("id", "source", "type", "subject"):
        value = event.get(name)
        if value is None:
            if name != "subject":
                yield f"{name}: is required"
        elif problem := _text_problem(value):
            yield f"{name}: {problem}"
    time = event.get("time")
    if time is not None:
        try:
            converter("TIMESTAMPTZ")(time)
        except ValueError as error:
            yield f"time: {error}"


def _text_problem(value: Any) -> str:
    if not isinstance(value, str) or not value:
        return "must be a text that is not empty"
    if len(value) > LONGEST:
        return f"longer than {LONGEST} characters"
    return "holds a control character" if _CONTROL.search(value) else ""


def _content_problems(event: dict[str, Any]) -> Iterator[str]:
    kind = event.get("datacontenttype")
    if kind is not None and not (isinstance(kind, str) and _JSON_TYPE.fullmatch(kind)):
        yield "datacontenttype: must be application/json"
    if "data_base64" in event:
        yield "data_base64: data must be JSON"
    if not isinstance(event.get("data", {}), dict):
        yield "data: must be an object"


def _version_problems(event: dict[str, Any], read: ReadTable) -> Iterator[str]:
    if "data" not in event:
        yield "data: is required"
    else:
        yield from _column_problems(event, read, read.columns)


def _column_problems(event: dict[str, Any], read: ReadTable, columns: Mapping[str, str]) -> Iterator[str]:
    values, misfits = converted(columns, read.paths, event.get("data"), attributes_of(event))
    for misfit in misfits:
        place = read.paths.get(misfit.column, misfit.column)
        yield f"data.{place}: {misfit.message} ({columns[misfit.column]}): {misfit.value[:80]!r}"
    wrong = {misfit.column for misfit in misfits}
    for key in read.primary_key:
        if values[key] is None and key not in wrong:
            yield f"data.{read.paths.get(key, key)}: is the key and must not be empty"
