"""Files that carry their own layout: the rows of one part, in file order, to one Parquet file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from backoffice.collect.files import camt, jsonlines, saft, ubl
from backoffice.collect.files.records import POSITION, Stamp, landed_schema, landed_tables
from backoffice.landing import EXTRA, parquet_writer
from backoffice.sources import ReadTable
from backoffice.sources.formats import PARTS, RECORDS

Row = dict[str, str | None]

STRUCTURED = (*PARTS, *RECORDS)
"""Formats that are read here."""

_ROWS = 20_000
_PARSERS: dict[tuple[str, str], Callable[[Path], Iterator[Row]]] = {
    ("ubl", "invoice"): ubl.invoices,
    ("ubl", "line"): ubl.lines,
    ("saft", "file"): saft.files,
    ("saft", "account"): saft.accounts,
    ("saft", "transaction"): saft.transactions,
    ("saft", "line"): saft.lines,
}
_WARNINGS: dict[tuple[str, str], Callable[[Row], str]] = {
    ("saft", "file"): saft.file_warning,
    ("saft", "account"): saft.warning,
}
_TOLD = 20


@dataclass(slots=True)
class PartRows:
    """What was written: rows, those without a key, what a person should look at, and where a tap goes on."""

    rows: int = 0
    keyless: int = 0
    warnings: list[str] = field(default_factory=list)
    state: jsonlines.SingerState = field(default_factory=jsonlines.SingerState)


def write_part(raw: Path, target: Path, read: ReadTable, stamp: Stamp) -> PartRows:
    """Write the rows of the read's part with their envelope, numbered from 1.

    Raises:
        FileSetAsideError: the file is not of the read's format; names the place.
    """
    schema = landed_schema(read, extra=read.format in RECORDS)
    found = PartRows()
    with parquet_writer(target, schema) as writer:
        for table in landed_tables(_batches(raw, read, stamp, found), [], schema, stamp):
            writer.write_table(table)
            found.rows += table.num_rows
    return found


def _batches(raw: Path, read: ReadTable, stamp: Stamp, found: PartRows) -> Iterator[pa.RecordBatch]:
    names = [*read.columns, *([EXTRA] if read.format in RECORDS else []), "_defect"]
    seen = 0
    for block in _blocks(raw, read, stamp, found, names):
        found.keyless += _keyless(block, read.file_key)
        numbers = pa.array(range(seen + 1, seen + block.num_rows + 1), pa.int64())
        yield pa.RecordBatch.from_arrays([numbers, *map(block.column, names)], names=[POSITION, *names])
        seen += block.num_rows


def _blocks(raw: Path, read: ReadTable, stamp: Stamp, found: PartRows, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows as columns of text, some at a time."""
    if (read.format, read.part) == ("camt", "entry"):
        for block in camt.transactions(raw, stamp.sha256):
            yield block.append_column("_defect", pa.nulls(block.num_rows, pa.string()))
        return
    parsed = _warned(_parsed(raw, read, stamp, found), read, found)
    while rows := list(islice(parsed, _ROWS)):
        yield pa.RecordBatch.from_pydict(
            {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
        )


def _parsed(raw: Path, read: ReadTable, stamp: Stamp, found: PartRows) -> Iterator[Row]:
    if read.format == "jsonl":
        return jsonlines.objects(raw, read)
    if read.format == "singer":
        return jsonlines.records(raw, read, found.state)
    if read.format == "camt":
        return camt.statements(raw, stamp.sha256)
    return _PARSERS[read.format, read.part](raw)


def _warned(rows: Iterable[Row], read: ReadTable, found: PartRows) -> Iterator[Row]:
    """The rows, with what is odd about them noted on the way."""
    warn = _WARNINGS.get((read.format, read.part))
    for row in rows:
        if warn and len(found.warnings) < _TOLD and (text := warn(row)):
            found.warnings.append(text)
        yield row


def _keyless(block: pa.RecordBatch, key: Sequence[str]) -> int:
    """Rows without all of their key."""
    missing = [block.column(name).is_null() for name in key]
    return int(pc.sum(functools.reduce(pc.or_, missing)).as_py() or 0) if missing else 0
