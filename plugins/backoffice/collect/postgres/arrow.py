"""Rows and copied columns as Arrow tables with the envelope beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from backoffice.collect.postgres.catalog import SourceColumn
from backoffice.collect.postgres.convert import Misfit, to_column
from backoffice.collect.postgres.pgoutput import UNCHANGED, Value
from backoffice.collect.postgres.rows import Gathered, Row
from backoffice.collect.postgres.shape import Shape
from backoffice.collect.postgres.tuples import read_tuples
from backoffice.collect.postgres.types import ColumnType, Kind
from backoffice.landing import ENVELOPE


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of a batch share."""

    batch_id: str
    ingested_at: datetime

    @classmethod
    def now(cls, batch_id: str) -> Stamp:
        """Rows received at this instant."""
        return cls(batch_id, datetime.now(UTC))


def gathered_to_arrow(shape: Shape, gathered: Gathered, stamp: Stamp) -> pa.Table:
    """Gathered rows as a table of this shape, in the order of their numbers."""
    if gathered.shape.columns != shape.columns:
        return rows_to_arrow(shape, gathered.one_by_one(), stamp)
    parts = [_from_messages(shape, gathered, stamp)] if gathered.payloads else []
    if gathered.rows:
        parts.append(rows_to_arrow(shape, gathered.rows, stamp))
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts).sort_by("_row_no")


def rows_to_arrow(shape: Shape, rows: Sequence[Row], stamp: Stamp) -> pa.Table:
    """Rows as a table; those of another shape of the same table are put under the columns' names."""
    values = [row.values if row.shape is shape else _under(shape, row) for row in rows]
    texts = [
        pa.array([None if cell is UNCHANGED else cell for cell in cells], pa.string())
        for cells in zip(*values, strict=True)
    ]
    envelope = {
        "_row_no": [row.number for row in rows],
        "_op": [row.op for row in rows],
        "_event_id": [row.event_id for row in rows],
        "_event_at": [row.at for row in rows],
        "_unchanged": [_unchanged_names(row) if row.has_unchanged else None for row in rows],
    }
    return _from_texts(shape, texts, envelope, len(rows), stamp)


def _from_messages(shape: Shape, gathered: Gathered, stamp: Stamp) -> pa.Table:
    """The rows that wait as they were sent."""
    read = read_tuples(gathered.payloads, len(shape.columns), shape.key)
    rows = len(gathered.payloads)
    envelope: dict[str, pa.Array | list[object]] = {
        "_row_no": pa.array(gathered.numbers),
        "_op": read.ops,
        "_event_id": pa.array(gathered.event_ids),
        "_event_at": pa.array(gathered.ats, ENVELOPE["_event_at"][1]),
    }
    if read.not_sent:
        envelope["_unchanged"] = _not_sent_names(shape, read.not_sent, rows)
    return _from_texts(shape, read.texts, envelope, rows, stamp)


def _from_texts(
    shape: Shape,
    texts: list[pa.StringArray],
    envelope: Mapping[str, pa.Array | list[object]],
    rows: int,
    stamp: Stamp,
) -> pa.Table:
    columns: list[pa.Array] = []
    defects: dict[int, list[dict[str, str]]] = {}
    for column, values in zip(shape.columns, texts, strict=True):
        array, misfits = to_column(values, column.type)
        columns.append(array)
        _note(defects, column, misfits)
    if defects:
        noted = [_defect(defects[number]) if number in defects else None for number in range(rows)]
        envelope = {**envelope, "_defect": pa.array(noted, pa.string())}
    return _with_envelope(shape, columns, envelope, rows, stamp)


def copied_to_arrow(
    shape: Shape, batch: pa.RecordBatch, stamp: Stamp, *, first_row: int, event_prefix: str, at: datetime
) -> pa.Table:
    """A stretch of a full copy, already typed, as rows numbered from ``first_row``."""
    columns = [_typed(batch.column(position), column.type) for position, column in enumerate(shape.columns)]
    numbers = pa.arange(first_row, first_row + batch.num_rows)
    envelope = {
        "_row_no": numbers,
        "_op": pa.repeat("r", batch.num_rows),
        "_event_id": pc.binary_join_element_wise(event_prefix, numbers.cast(pa.string()), ""),
        "_event_at": pa.repeat(pa.scalar(at, ENVELOPE["_event_at"][1]), batch.num_rows),
    }
    return _with_envelope(shape, columns, envelope, batch.num_rows, stamp)


def _with_envelope(
    shape: Shape, columns: list[pa.Array], values: Mapping[str, pa.Array | list[object]], rows: int, stamp: Stamp
) -> pa.Table:
    same = {"_batch_id": stamp.batch_id, "_ingested_at": stamp.ingested_at}
    for name, (_, type_, _) in ENVELOPE.items():
        given = values.get(name)
        if isinstance(given, pa.Array):
            columns.append(given)
        elif given is not None:
            columns.append(pa.array(given, type_))
        elif name in same:
            columns.append(pa.repeat(pa.scalar(same[name], type_), rows))
        else:
            columns.append(pa.nulls(rows, type_))
    return pa.Table.from_arrays(columns, schema=shape.arrow)


def _typed(array: pa.Array, type_: ColumnType) -> pa.Array:
    if type_.kind is Kind.UUID:
        return pa.ExtensionArray.from_storage(type_.arrow, array.cast(type_.arrow.storage_type))
    return array.cast(type_.arrow)


def _not_sent_names(shape: Shape, not_sent: Mapping[int, npt.NDArray[np.bool_]], rows: int) -> list[object]:
    names: list[list[str] | None] = [None] * rows
    for position, mask in not_sent.items():
        for number in np.flatnonzero(mask):
            names[number] = [*(names[number] or []), shape.columns[position].name]
    return list(names)


def _unchanged_names(row: Row) -> list[str] | None:
    cells = zip(row.shape.columns, row.values, strict=True)
    return [column.name for column, value in cells if value is UNCHANGED] or None


def _under(shape: Shape, row: Row) -> list[Value]:
    if row.shape.columns == shape.columns:
        return row.values
    by_name = {column.name: value for column, value in zip(row.shape.columns, row.values, strict=True)}
    return [by_name.get(column.name) for column in shape.columns]


def _note(defects: dict[int, list[dict[str, str]]], column: SourceColumn, misfits: list[Misfit]) -> None:
    for misfit in misfits:
        defects.setdefault(misfit.row, []).append(
            {
                "rule": "type",
                "column": column.name,
                "value": misfit.value,
                "message": f"{column.type.duckdb} cannot hold it exactly",
            }
        )


def _defect(found: list[dict[str, str]]) -> str:
    """The first value that does not fit; others of the same row go along, so that none is lost."""
    first, *more = found
    return json.dumps({**first, "more": more} if more else first, ensure_ascii=False)
