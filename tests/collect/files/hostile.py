"""Malformed and hostile files, made by seed: what a watched folder may be given by accident or on purpose."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.collect.files.camt import camt, entry

Make = Callable[[random.Random], bytes]

CAMT = camt(*(entry(str(number)) for number in range(1, 20)))
ROW = "{n};name {n};{n}.50;2026-01-02\n"
HEADER = "id;name;amount;day\n"

READS: dict[str, Any] = {
    "rows": {
        "pattern": "*.csv",
        "primary_key": ["id"],
        "columns": {"id": "INTEGER", "name": "VARCHAR", "amount": "DECIMAL(18,2)", "day": "DATE"},
        "dialect": {"delimiter": ";"},
    },
    "packed": {
        "pattern": "*.csv.gz",
        "primary_key": ["id"],
        "columns": {"id": "INTEGER", "name": "VARCHAR"},
        "dialect": {"delimiter": ";", "compression": "gzip"},
    },
    "sheet": {
        "pattern": "*.xlsx",
        "format": "xlsx",
        "primary_key": ["id"],
        "columns": {"id": "INTEGER", "n": "VARCHAR"},
    },
    "entry": {"pattern": "*.camt", "format": "camt", "part": "entry"},
    "invoice": {"pattern": "*.ubl", "format": "ubl", "part": "invoice"},
    "ledger": {"pattern": "*.saft", "format": "saft", "part": "line"},
    "objects": {"pattern": "*.jsonl", "format": "jsonl", "primary_key": ["id"], "columns": {"id": "INTEGER"}},
    "tap": {
        "pattern": "*.singer",
        "format": "singer",
        "part": "users",
        "primary_key": ["id"],
        "columns": {"id": "INTEGER"},
    },
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of bad file: its ending, what is in it, and whether rows may land as defects of their own."""

    name: str
    ending: str
    make: Make
    rows_may_land: bool = False


def _csv(rng: random.Random, rows: int = 50) -> str:
    return HEADER + "".join(ROW.format(n=rng.randrange(1, 10**6)) for _ in range(rows))


def _cut(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(len(text) // 3, len(text) - 30)]


def _bomb(rng: random.Random) -> bytes:
    entities = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, rng.randrange(6, 12)))
    return f'<!DOCTYPE a [<!ENTITY b0 "{"x" * 10}">{entities}]>{CAMT[38:].replace("N1", "&b5;")}'.encode()


def _external(rng: random.Random) -> bytes:
    where = rng.choice(["file:///etc/passwd", "http://127.0.0.1:1/x", "ftp://127.0.0.1/x", "/dev/zero"])
    kind = rng.choice([f'<!DOCTYPE a SYSTEM "{where}">', f'<!DOCTYPE a [<!ENTITY e SYSTEM "{where}">]>'])
    return (kind + CAMT[38:].replace("N1", "&e;")).encode()


def _deep_xml(rng: random.Random) -> bytes:
    depth = rng.randrange(1000, 20_000)
    return ("<a>" * depth + "</a>" * depth).encode()


def _deep_json(rng: random.Random) -> bytes:
    depth = rng.randrange(2000, 50_000)
    return b'{"id":' * depth + b"1" + b"}" * depth


def _zip(rng: random.Random, name: str, size: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed, packed.open(name, "w", force_zip64=True) as file:
        for _ in range(size >> 20):
            file.write(b" " * (1 << 20))
    return made.getvalue() + bytes(rng.randrange(256) for _ in range(4))


def _nuls(rng: random.Random) -> bytes:
    text = bytearray(_csv(rng).encode())
    for _ in range(rng.randrange(1, 5)):
        text[rng.randrange(len(HEADER), len(text))] = 0
    return bytes(text)


def _noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(1, 20_000))


def _ragged(rng: random.Random) -> bytes:
    lines = _csv(rng).splitlines(keepends=True)
    for _ in range(5):
        place = rng.randrange(1, len(lines))
        lines[place] = rng.choice([lines[place].replace(";", ";;"), lines[place].split(";")[0] + "\n", "x\n"])
    return "".join(lines).encode()


def _open_quote(rng: random.Random) -> bytes:
    return _csv(rng).replace("name", '"name', 1 + rng.randrange(2) * 2).encode()


def _long_line(rng: random.Random) -> bytes:
    return (HEADER + f"1;{'x' * ((17 << 20) + rng.randrange(1 << 20))};1.50;2026-01-02\n" + ROW.format(n=2)).encode()


def _messages(rng: random.Random) -> bytes:
    schema = json.dumps({"type": "SCHEMA", "stream": "users", "schema": {}, "key_properties": ["id"]})
    bad = [{"type": "RECORD", "stream": "users"}, {"type": "X"}, {"type": "BATCH", "stream": "users"}, [1], None]
    return f"{schema}\n{json.dumps(rng.choice(bad))}\n".encode()


def _other_header(rng: random.Random) -> bytes:
    return "".join(f"c{rng.randrange(99)};" for _ in range(4)).encode() + b"\n1;2;3;4\n"


WORKBOOK = b"PK\x03\x04"
KINDS = (
    Kind("truncated camt", "camt", lambda rng: _cut(CAMT.encode(), rng)),
    Kind("entity bomb", "camt", _bomb),
    Kind("external entity", "camt", _external),
    Kind("deep xml", "camt", _deep_xml),
    Kind("xml encoding", "camt", lambda rng: CAMT.replace("N1", "\xe6\xf8\xe5" * rng.randrange(1, 9)).encode("cp1252")),
    Kind("xml with nul", "camt", lambda rng: CAMT.encode().replace(b"N1", b"N\x00", rng.randrange(1, 4))),
    Kind("long text in xml", "camt", lambda _: CAMT.replace("N1", "x" * (11 << 20), 1).encode()),
    Kind("html for xml", "camt", lambda rng: b"<html><body>" + b"<br/>" * rng.randrange(99) + b"</body></html>"),
    Kind("empty camt", "camt", lambda _: b""),
    Kind("camt as invoice", "ubl", lambda _: CAMT.encode()),
    Kind("noise as invoice", "ubl", _noise),
    Kind("deep invoice", "ubl", _deep_xml),
    Kind("bomb as ledger", "saft", _bomb),
    Kind("camt as ledger", "saft", lambda _: CAMT.encode()),
    Kind("empty ledger", "saft", lambda _: b""),
    Kind("noise", "jsonl", _noise),
    Kind("deep json", "jsonl", _deep_json),
    Kind("truncated json", "jsonl", lambda rng: _cut(b'{"id": 1, "name": "abcdefghijklmnop"}\n' * 20, rng) + b'{"id"'),
    Kind("json encoding", "jsonl", lambda rng: b'{"id": 1, "n": "' + bytes([rng.randrange(128, 256)]) + b'"}\n'),
    Kind("long json", "jsonl", lambda rng: b'{"id": "' + b"x" * ((17 << 20) + rng.randrange(99)) + b'"}'),
    Kind("csv as json", "jsonl", lambda rng: _csv(rng).encode()),
    Kind("empty json", "jsonl", lambda _: b""),
    Kind("bad messages", "singer", _messages),
    Kind("noise as tap", "singer", _noise),
    Kind("deep message", "singer", _deep_json),
    Kind("zip bomb", "xlsx", lambda rng: _zip(rng, "xl/worksheets/sheet1.xml", 1200 << 20)),
    Kind("no workbook", "xlsx", lambda rng: WORKBOOK + _noise(rng)),
    Kind("text as workbook", "xlsx", lambda rng: _csv(rng).encode()),
    Kind("zip without sheets", "xlsx", lambda rng: _zip(rng, "readme.txt", 1 << 20)),
    Kind("empty workbook", "xlsx", lambda _: b""),
    Kind("no gzip", "csv.gz", lambda rng: _csv(rng).encode()),
    Kind("cut gzip", "csv.gz", lambda rng: b"\x1f\x8b\x08" + _noise(rng)),
    Kind("other header", "csv", _other_header),
    Kind("empty csv", "csv", lambda _: b""),
    Kind("noise as csv", "csv", _noise),
    Kind("workbook as csv", "csv", lambda rng: _zip(rng, "xl/workbook.xml", 1 << 20)),
    Kind("nul in csv", "csv", _nuls, rows_may_land=True),
    Kind("utf-16 csv", "csv", lambda rng: _csv(rng).encode("utf-16")),
    Kind(
        "wrong encoding", "csv", lambda rng: _csv(rng).replace("name", "\xf8", 9).encode("cp1252"), rows_may_land=True
    ),
    Kind("ragged", "csv", _ragged, rows_may_land=True),
    Kind("open quote", "csv", _open_quote, rows_may_land=True),
    Kind("long line", "csv", _long_line, rows_may_land=True),
)


def files(seed: int, number: int) -> list[tuple[str, Kind, bytes]]:
    """So many files of all kinds in turn, with their names; the same for a seed."""
    rng = random.Random(seed)
    made = []
    for place in range(number):
        kind = KINDS[place % len(KINDS)]
        made.append((f"{place:04}-{kind.name.replace(' ', '-')}.{kind.ending}", kind, kind.make(rng)))
    return made
