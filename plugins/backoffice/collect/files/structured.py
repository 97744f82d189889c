"""Files that carry their own layout: the rows of one part, in file order, to one Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa

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
    ("camt", "statement"): camt.statements,
    ("camt", "entry"): camt.transactions,
    ("ubl", "invoice"): ubl.invoices,
    ("ubl", "line"): ubl.lines,
    ("saft", "account"): saft.accounts,
    ("saft", "transaction"): saft.transactions,
    ("saft", "line"): saft.lines,
}
_WARNINGS: dict[tuple[str, str], Callable[[Row], str]] = {("saft", "account"): saft.warning}
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
        for table in landed_tables(_batches(raw, read, found), [], schema, stamp):
            writer.write_table(table)
            found.rows += table.num_rows
    return found


def _parsed(raw: Path, read: ReadTable, state: jsonlines.SingerState) -> Iterator[Row]:
    if read.format == "jsonl":
        return jsonlines.objects(raw, read)
    if read.format == "singer":
        return jsonlines.records(raw, read, state)
    return _PARSERS[read.format, read.part](raw)


def _looked_at(rows: Iterable[Row], read: ReadTable, found: PartRows) -> Iterator[Row]:
    """The rows, with what is noted of them on the way."""
    warn = _WARNINGS.get((read.format, read.part))
    for row in rows:
        found.keyless += any(row.get(name) is None for name in read.file_key)
        if warn and len(found.warnings) < _TOLD and (text := warn(row)):
            found.warnings.append(text)
        yield row


def _batches(raw: Path, read: ReadTable, found: PartRows) -> Iterator[pa.RecordBatch]:
    parsed = _looked_at(_parsed(raw, read, found.state), read, found)
    columns = [*read.columns, *([EXTRA] if read.format in RECORDS else []), "_defect"]
    seen = 0
    while block := list(islice(parsed, _ROWS)):
        arrays = [pa.array([row.get(name) for row in block], pa.string()) for name in columns]
        numbers = pa.array(range(seen + 1, seen + len(block) + 1), pa.int64())
        yield pa.RecordBatch.from_arrays([numbers, *arrays], names=[POSITION, *columns])
        seen += len(block)
