"""Files that carry their own layout: the rows of one part, in file order, to one Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from backoffice.collect.files import camt, ubl
from backoffice.collect.files.records import POSITION, Stamp, landed_schema, landed_tables
from backoffice.landing import parquet_writer
from backoffice.sources import ReadTable

Row = dict[str, str | None]

_ROWS = 20_000
_PARSERS: dict[tuple[str, str], Callable[[Path], Iterator[Row]]] = {
    ("camt", "statement"): camt.statements,
    ("camt", "entry"): camt.transactions,
    ("ubl", "invoice"): ubl.invoices,
    ("ubl", "line"): ubl.lines,
}


def write_part(raw: Path, target: Path, read: ReadTable, stamp: Stamp) -> int:
    """Write the rows of the read's part with their envelope, numbered from 1; returns how many.

    Raises:
        FileSetAsideError: the file is not of the read's format; names the place.
    """
    schema = landed_schema(read)
    rows = 0
    with parquet_writer(target, schema) as writer:
        for table in landed_tables(_batches(raw, read), [], schema, stamp):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _batches(raw: Path, read: ReadTable) -> Iterator[pa.RecordBatch]:
    parsed = _PARSERS[read.format, read.part](raw)
    columns = [*read.columns, "_defect"]
    seen = 0
    while block := list(islice(parsed, _ROWS)):
        arrays = [pa.array([row.get(name) for row in block], pa.string()) for name in columns]
        numbers = pa.array(range(seen + 1, seen + len(block) + 1), pa.int64())
        yield pa.RecordBatch.from_arrays([numbers, *arrays], names=[POSITION, *columns])
        seen += len(block)
