"""The columns every landed row carries beside its source's own."""

from __future__ import annotations

import pyarrow as pa

ENVELOPE: dict[str, tuple[str, pa.DataType, str]] = {
    "_batch_id": ("VARCHAR", pa.string(), "Batch the row landed in; with _row_no its identity for ever."),
    "_row_no": ("BIGINT", pa.int64(), "Number of the row in its batch, unique over the batch's tables."),
    "_op": ("VARCHAR", pa.string(), "r read by a full copy, c create, u update, d delete, t truncate."),
    "_event_id": ("VARCHAR", pa.string(), "Idempotency key given by the source: log position or file and line."),
    "_event_at": ("TIMESTAMPTZ", pa.timestamp("us", "UTC"), "When it happened at the source."),
    "_ingested_at": ("TIMESTAMPTZ", pa.timestamp("us", "UTC"), "When the platform received it."),
    "_source_file": ("VARCHAR", pa.string(), "File the row was read from; null for a database."),
    "_unchanged": ("VARCHAR[]", pa.list_(pa.string()), "Columns the source did not resend (TOAST)."),
    "_defect": ("VARCHAR", pa.string(), "JSON {rule, column, value, message}: the row could not be read as typed."),
}
"""Name → (DuckDB type, Arrow type, meaning). Delete rows hold their key columns only."""

EXTRA = "_extra"
"""Columns a file has and its read does not declare, as a JSON object of texts; in batches that have some."""

EVENT = "_event"
"""The whole record as it came, as JSON text; in batches of pushed events and of REST reads."""


def envelope_schema() -> list[tuple[str, pa.DataType]]:
    """The envelope as Arrow fields, in order."""
    return [(name, arrow) for name, (_, arrow, _) in ENVELOPE.items()]
