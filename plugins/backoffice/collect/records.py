"""Rows made of JSON records: the declared columns in their declared types, the envelope, and the record itself.

In: :class:`RecordRow` objects. Out: a Parquet file of a batch. A value that does not fit lands as NULL with
``_defect``; the whole record is beside it in ``_event``, so nothing that was sent is lost and a column that is
declared later has its values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from backoffice.landing import ENVELOPE, EVENT, envelope_schema, parquet_writer
from backoffice.sources import ReadTable
from backoffice.sources.records import Misfit, converted

_ROWS = 10_000
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\((\d+), *(\d+)\)")
_TYPES: dict[str, pa.DataType] = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "VARCHAR": pa.string(),
    "TEXT": pa.string(),
    "JSON": pa.string(),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
    "TIMESTAMP": pa.timestamp("us"),
}


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A version, or the deletion, of one row.

    Attributes:
        number: its number in the batch.
        op: ``u`` or ``d``.
        event_id: what it is known by at its source.
        happened: when it happened there; None when that is not known.
        received: when it reached us.
        raw: the record's JSON.
        values: its columns; those that are missing are null.
        misfits: values that are null because they do not fit.
    """

    number: int
    op: str
    event_id: str
    happened: datetime | None
    received: datetime
    raw: str | None
    values: Mapping[str, Any]
    misfits: Sequence[Misfit] = field(default=())


def row_values(
    read: ReadTable, data: Any, attributes: Mapping[str, Any], *, deleted: bool
) -> tuple[dict[str, Any], list[Misfit]]:
    """A record's columns; of a deletion, those of the key."""
    columns = {key: read.columns[key] for key in read.primary_key} if deleted else read.columns
    return converted(columns, read.paths, data, attributes)


def write_rows(path: Path, read: ReadTable, batch_id: str, rows: Sequence[RecordRow]) -> None:
    """Write the rows of one read as a batch's file."""
    schema = rows_schema(read)
    with parquet_writer(path, schema) as file:
        for first in range(0, len(rows), _ROWS):
            file.write_table(_table(schema, read, batch_id, rows[first : first + _ROWS]))


def rows_schema(read: ReadTable) -> pa.Schema:
    """Columns of a read's files."""
    own = [(name, _arrow_type(kind)) for name, kind in read.columns.items()]
    return pa.schema([*own, *envelope_schema(), (EVENT, pa.string())])


def _arrow_type(kind: str) -> pa.DataType:
    upper = kind.upper().strip()
    if sizes := _DECIMAL.fullmatch(upper):
        return pa.decimal128(int(sizes[1]), int(sizes[2]))
    return _TYPES[upper]


def _table(schema: pa.Schema, read: ReadTable, batch_id: str, rows: Sequence[RecordRow]) -> pa.Table:
    envelope = {
        "_batch_id": [batch_id] * len(rows),
        "_row_no": [row.number for row in rows],
        "_op": [row.op for row in rows],
        "_event_id": [row.event_id for row in rows],
        "_event_at": [row.happened or row.received for row in rows],
        "_ingested_at": [row.received for row in rows],
        "_defect": [_defect(row.misfits) for row in rows],
    }
    columns = [pa.array([row.values.get(name) for row in rows], schema.field(name).type) for name in read.columns]
    columns += [
        pa.array(envelope[name], arrow) if name in envelope else pa.nulls(len(rows), arrow)
        for name, (_, arrow, _) in ENVELOPE.items()
    ]
    columns.append(pa.array([row.raw for row in rows], pa.string()))
    return pa.Table.from_arrays(columns, schema=schema)


def _defect(misfits: Sequence[Misfit]) -> str | None:
    """The first value that does not fit; others of the same row go along, so that none is lost."""
    if not misfits:
        return None
    first, *more = [
        {"rule": "type", "column": one.column, "value": one.value, "message": one.message} for one in misfits
    ]
    return json.dumps({**first, "more": more} if more else first, ensure_ascii=False)
