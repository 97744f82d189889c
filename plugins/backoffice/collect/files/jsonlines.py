"""Files of JSON objects, one a line: plain ones, and the messages of a Singer tap (SCHEMA, RECORD, STATE).

Values land as text, as everything of a file does: numbers with all their digits, lists and objects as JSON. What a read
does not declare is kept beside. A line that is no object puts the file aside: nothing tells what it would have been.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from backoffice.errors import FileSetAsideError
from backoffice.landing import EXTRA
from backoffice.sources import ReadTable
from backoffice.sources.records import as_json, value_at

Row = dict[str, str | None]

_LINE_BYTES = 16 << 20
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_BROKEN = (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError)
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class SingerState:
    """The last STATE of a tap's output: where the tap goes on."""

    value: Any = None


def objects(raw: Path, read: ReadTable) -> Iterator[Row]:
    """One row for each line.

    Raises:
        FileSetAsideError: a line is no JSON object; names it.
    """
    for number, found in _lines(raw):
        yield _row(number, found, read)


def records(raw: Path, read: ReadTable, state: SingerState) -> Iterator[Row]:
    """One row for each RECORD of the read's stream; its STATE is put into ``state``.

    Raises:
        FileSetAsideError: a line is no message, the stream has no SCHEMA before its records, or has another key.
    """
    described = False
    for number, message in _lines(raw):
        kind, stream = message.get("type"), message.get("stream")
        if kind == "STATE":
            state.value = message.get("value")
        elif kind not in ("SCHEMA", "RECORD", "ACTIVATE_VERSION", "BATCH"):
            raise _no_message(number, f"type {kind!r} is no message of a tap")
        elif stream != read.part:
            continue
        elif kind == "SCHEMA":
            _check_key(number, message, read)
            described = True
        elif kind == "RECORD":
            if not described:
                raise _no_message(number, f"a record of {stream} before its SCHEMA")
            yield _row(number, _record(number, message), read)
        else:
            raise _no_message(number, f"{kind} of {stream} is not followed: have the tap send records")
    if not described:
        raise _no_message(0, f"no SCHEMA of stream {read.part}")


def _record(number: int, message: dict[str, Any]) -> dict[str, Any]:
    record = message.get("record")
    if not isinstance(record, dict):
        raise _no_message(number, "a RECORD without a record")
    return record


def _check_key(number: int, message: dict[str, Any], read: ReadTable) -> None:
    said = message.get("key_properties")
    declared = sorted(read.paths.get(name, name) for name in read.file_key)
    if said and declared and sorted(map(str, said)) != declared:
        raise _no_message(number, f"the key of stream {read.part} is {', '.join(map(str, said))}")


def _no_message(number: int, what: str) -> FileSetAsideError:
    return FileSetAsideError(
        f"line {number}: {what}" if number else what,
        rule="format of the read: singer, the output of a tap",
        next_step="mend `part`, `primary_key` or `pattern` in the source's YAML, or run the tap again",
    )


def _lines(raw: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with raw.open("rb") as file:
        number = 0
        while line := file.readline(_LINE_BYTES + 1):
            number += 1
            text = line.removeprefix(_BOM) if number == 1 else line
            if text.strip():
                yield number, _object(number, text)
        if number == 0:
            raise _not_read("the file is empty", 1)


def _object(number: int, text: bytes) -> dict[str, Any]:
    if len(text) > _LINE_BYTES:
        raise _not_read(f"longer than {_LINE_BYTES >> 20} MB", number)
    try:
        found = _DECODER.decode(text)
    except _BROKEN as error:
        raise _not_read(str(error) or type(error).__name__, number) from error
    if not isinstance(found, dict):
        raise _not_read(f"a {type(found).__name__}, no object", number)
    return found


def _not_read(what: str, number: int) -> FileSetAsideError:
    return FileSetAsideError(
        f"line {number}: {what}",
        rule="format of the read: a JSON object a line, in UTF-8",
        next_step="have it sent again, or mend `format` in the source's YAML",
    )


def _row(number: int, found: dict[str, Any], read: ReadTable) -> Row:
    row: Row = {}
    problem: tuple[str, str] | None = None
    for column in read.columns:
        path = read.paths.get(column)
        row[column] = text = _text(found.get(column) if path is None else value_at(found, path))
        if text is not None and "\x00" in text:
            row[column], problem = None, (column, text)
    used = {read.paths.get(column, column).partition(".")[0] for column in read.columns}
    beside = {name: _text(value) for name, value in found.items() if name not in used}
    row[EXTRA] = json.dumps(beside, ensure_ascii=False) if beside else None
    row["_defect"] = _defect(number, *problem) if problem else None
    return row


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f") if -20 < value.adjusted() < 60 else str(value)
    return str(value) if isinstance(value, int) else as_json(value)


def _defect(number: int, column: str, text: str) -> str:
    shown = text.replace("\x00", "\\0")
    found = {"rule": "structure", "column": column, "value": shown, "message": "holds a NUL", "line": number}
    return json.dumps(found, ensure_ascii=False)
