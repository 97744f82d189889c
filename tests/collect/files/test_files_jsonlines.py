"""JSON lines and the output of a Singer tap: values with all their digits, and files put aside by their line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from backoffice.sources import ReadTable

READ: dict[str, Any] = {
    "pattern": "*.jsonl",
    "format": "jsonl",
    "primary_key": ["id"],
    "columns": {"id": "INTEGER", "amount": "DECIMAL(30,10)", "city": "VARCHAR", "paid": "BOOLEAN", "tags": "JSON"},
    "paths": {"city": "customer.address.city", "tags": "tags"},
}
TAP: dict[str, Any] = {
    "pattern": "*.singer",
    "format": "singer",
    "part": "users",
    "primary_key": ["id"],
    "columns": {"id": "INTEGER", "mail": "VARCHAR"},
    "paths": {"mail": "contact.mail"},
}


def _message(kind: str, **values: Any) -> str:
    return json.dumps({"type": kind, **values}) + "\n"


SCHEMA = _message("SCHEMA", stream="users", schema={}, key_properties=["id"])
USER = _message("RECORD", stream="users", record={"id": 1, "contact": {"mail": "a@b.dk"}})


def test_values_land_as_text_with_all_their_digits(inbox: Callable[..., Any]) -> None:
    files = inbox(items=READ)
    first = (
        '{"id": 1, "amount": 12345678901234567890.0123456789, "customer": {"address": {"city": "Århus"}}, "new": [1]}'
    )
    files.drop("a.jsonl", f'\ufeff{first}\n\n{{"id": 2, "amount": "1e3", "paid": true, "tags": {{"a": [1.10, null]}}}}')
    (manifest,) = files.land()
    one, two = files.rows(manifest)
    assert (one["id"], one["amount"], one["city"], one["paid"]) == (
        "1",
        "12345678901234567890.0123456789",
        "Århus",
        None,
    )
    assert json.loads(one["_extra"]) == {"new": "[1]"}
    assert (two["amount"], two["paid"], two["tags"], two["_extra"]) == ("1e3", "true", '{"a":[1.10,null]}', None)
    assert [row["_row_no"] for row in (one, two)] == [1, 2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 1}\n{"id": 2', "line 2: "),
        ('{"id": 1}\n[1]\n', "line 2: a list, no object"),
        ('{"id": NaN}\n', "line 1: "),
        (b'{"id": "\xff"}\n', "line 1: "),
        (b'{"id": "\x00"}\n', "line 1: "),
        ("", "line 1: the file is empty"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "line 1: "),
        ('{"id": "' + "x" * (17 << 20) + '"}', "line 1: longer than 16 MB"),
    ],
    ids=["cut", "list", "nan", "encoding", "nul", "empty", "deep", "long"],
)
def test_a_malformed_file_is_set_aside_with_its_line(inbox: Callable[..., Any], content: Any, said: str) -> None:
    files = inbox(items=READ)
    files.drop("bad.jsonl", content)
    files.drop("good.jsonl", '{"id": 7}', mtime=1_700_000_001)
    assert [manifest.rows for manifest in files.land()] == [1]
    (entry,) = map(json.loads, files.errors())
    assert entry["file"] == "bad.jsonl" and entry["what"].startswith(said)


def test_a_nul_within_a_text_is_a_defect_of_its_row(inbox: Callable[..., Any]) -> None:
    files = inbox(items=READ)
    files.drop("a.jsonl", '{"id": 1, "tags": "a\\u0000b"}\n{"id": 2}\n')
    (manifest,) = files.land()
    bad, good = files.rows(manifest)
    assert json.loads(bad["_defect"]) == {"rule": "structure", "column": "tags", "value": "a\\0b"} | {
        "message": "holds a NUL",
        "line": 1,
    }
    assert good["_defect"] is None


def test_a_taps_stream_lands_with_its_state(inbox: Callable[..., Any]) -> None:
    files = inbox(users=TAP)
    other = _message("SCHEMA", stream="orders", schema={}) + _message("RECORD", stream="orders", record={"id": 9})
    states = [_message("STATE", value={"users": "2026-01-0" + day}) for day in "12"]
    files.drop("out.singer", SCHEMA + states[0] + USER + other + states[1])
    (manifest,) = files.land()
    (row,) = files.rows(manifest)
    assert (row["id"], row["mail"]) == ("1", "a@b.dk")
    assert manifest.notes["state"] == {"users": "2026-01-02"}


def test_streams_of_one_file_are_reads_of_their_own(inbox: Callable[..., Any]) -> None:
    files = inbox(users=TAP, orders=TAP | {"part": "orders", "columns": {"id": "INTEGER"}, "paths": {}})
    other = _message("SCHEMA", stream="orders", schema={}) + _message("RECORD", stream="orders", record={"id": 9})
    files.drop("out.singer", SCHEMA + USER + other)
    assert {manifest.tables[0].name: files.rows(manifest)[0]["id"] for manifest in files.land()} == {
        "users": "1",
        "orders": "9",
    }


def test_a_whole_table_without_a_record_of_it_deletes_by_its_key(inbox: Callable[..., Any]) -> None:
    files = inbox(users=TAP | {"full": True})
    files.drop("out.singer", SCHEMA + USER)
    files.drop("keyless.singer", SCHEMA + _message("RECORD", stream="users", record={}), mtime=1_700_000_001)
    assert [manifest.tables[0].full for manifest in files.land()] == [True, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (USER, "line 1: a record of users before its SCHEMA"),
        (SCHEMA + _message("HELLO"), "line 2: type 'HELLO' is no message of a tap"),
        (SCHEMA.replace('"id"', '"uuid"'), "line 1: the key of stream users is uuid"),
        (_message("STATE", value=1), "no SCHEMA of stream users"),
        (SCHEMA + _message("RECORD", stream="users"), "line 2: a RECORD without a record"),
        (SCHEMA + _message("ACTIVATE_VERSION", stream="users", version=1), "line 2: ACTIVATE_VERSION of users"),
        (SCHEMA + USER[:-5], "line 2: "),
    ],
)
def test_what_is_no_output_of_a_tap_is_set_aside(inbox: Callable[..., Any], content: str, said: str) -> None:
    files = inbox(users=TAP)
    files.drop("out.singer", content)
    assert files.land() == []
    (entry,) = map(json.loads, files.errors())
    assert entry["what"].startswith(said)


@pytest.mark.parametrize("wrong", [TAP | {"part": ""}, READ | {"aliases": {"id": ["nr"]}}, READ | {"part": "users"}])
def test_a_wrong_declaration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReadTable.model_validate(wrong)
