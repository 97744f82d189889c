"""Rows and defects put back into file order, numbered and given their envelope, a block at a time.

Not in SQL: a join and a sort of the whole file need more memory than the file has bytes (DuckDB 1.5.5 ran out of 1 GB
on 583 MB), while both sides are in file order already.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from backoffice.collect.files.rejects import Defect
from backoffice.errors import CollectError
from backoffice.landing import ENVELOPE, EXTRA, envelope_schema
from backoffice.sources import ReadTable

POSITION = "_n"
"""Name of the column that numbers the rows that could be split, from 1."""
_AFTER_DEFECTS = 1 << 62


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the envelope says of a file's rows."""

    batch_id: str
    file: str
    sha256: str
    event_at: datetime
    ingested_at: datetime
    part: str = ""

    @property
    def events(self) -> str:
        """What the event ids of the file's rows begin with: the rows of another part are other events."""
        return f"{self.sha256[:16]}:{self.part}" if self.part else self.sha256[:16]


def landed_schema(read: ReadTable, extra: bool = False) -> pa.Schema:
    """Every declared column as text, ``_extra`` when the file has some, then the envelope."""
    columns = [*read.columns, *([EXTRA] if extra else [])]
    return pa.schema([(name, pa.string()) for name in columns] + envelope_schema())


def landed_tables(
    rows: Iterable[pa.RecordBatch], defects: list[Defect], schema: pa.Schema, stamp: Stamp
) -> Iterator[pa.Table]:
    """The records in file order.

    Args:
        rows: :data:`POSITION`, the source's columns and ``_defect``, in file order.
        defects: in file order.
        schema: :func:`landed_schema`.
        stamp: envelope values.
    """
    number = 0
    own = [name for name in schema.names if name not in ENVELOPE]
    for records in _in_file_order(rows, defects, own):
        yield _stamped(records, number, stamp).select(schema.names).cast(schema)
        number += records.num_rows


def _in_file_order(rows: Iterable[pa.RecordBatch], defects: list[Defect], columns: list[str]) -> Iterator[pa.Table]:
    seen = placed = 0
    for batch in rows:
        _check_position(batch, seen)
        end = seen + batch.num_rows
        upto = bisect_left(defects, end, placed, key=lambda defect: defect.rows_before)
        yield _merged(pa.Table.from_batches([batch]), defects[placed:upto])
        seen, placed = end, upto
    if placed < len(defects):
        texts = [(name, pa.string()) for name in (*columns, "_defect")]
        nothing = pa.schema([*texts, (POSITION, pa.int64())]).empty_table()
        yield _merged(nothing, defects[placed:])


def _check_position(batch: pa.RecordBatch, seen: int) -> None:
    numbers = batch.column(POSITION)
    if batch.num_rows and (numbers[0].as_py(), numbers[-1].as_py()) != (seen + 1, seen + batch.num_rows):
        raise CollectError(
            f"the reader gave row {numbers[0]} after row {seen}",
            rule="rows are landed in file order",
            next_step="nothing was landed; report it with the version of DuckDB",
        )


def _merged(rows: pa.Table, defects: list[Defect]) -> pa.Table:
    """A block of rows with the defects that stand before or between them."""
    if not defects:
        return rows
    rows = rows.append_column("_place", pa.repeat(pa.scalar(_AFTER_DEFECTS, pa.int64()), rows.num_rows))
    bad = pa.table(
        {
            POSITION: pa.array([defect.rows_before + 1 for defect in defects], pa.int64()),
            "_defect": pa.array([defect.json for defect in defects], pa.string()),
            "_place": pa.array(range(len(defects)), pa.int64()),
        }
    )
    both = pa.concat_tables([rows, bad], promote_options="default")
    return both.sort_by([(POSITION, "ascending"), ("_place", "ascending")])


def _stamped(records: pa.Table, number: int, stamp: Stamp) -> pa.Table:
    """The records numbered after ``number``."""
    count = records.num_rows
    row_no = pa.array(range(number + 1, number + count + 1), pa.int64())
    event_id = pc.binary_join_element_wise(stamp.events, row_no.cast(pa.string()), ":")
    values: dict[str, Any] = {
        "_batch_id": stamp.batch_id,
        "_row_no": row_no,
        "_op": "r",
        "_event_id": event_id,
        "_event_at": stamp.event_at,
        "_ingested_at": stamp.ingested_at,
        "_source_file": stamp.file,
        "_unchanged": None,
    }
    for name, kind in envelope_schema():
        if name != "_defect":
            value = values[name]
            constant = not isinstance(value, pa.Array)
            records = records.append_column(name, pa.repeat(pa.scalar(value, kind), count) if constant else value)
    return records
