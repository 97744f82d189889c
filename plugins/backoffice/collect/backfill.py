"""Reading a range of a source again: what is asked for, and which of the rows read again landing does not have yet.

In: requests, as small files a collector looks for. Out: the rows to land. A row that landed as it is now is left out,
and so is one whose key has a newer version: reading unchanged rows again changes nothing, a changed row appears once.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from backoffice.landing import ENVELOPE, BatchStore, Manifest, parquet_writer
from backoffice.settings import Settings
from backoffice.sources import ReadTable

_ROWS = 65_536


class Backfill(BaseModel):
    """What to read again: rows of these days, the first and the last included, in the source's time zone.

    ``cursors`` are the columns that hold a row's day, by read, of a database: a running collector may know an older
    file of the source than whoever asks.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    reads: tuple[str, ...]
    cursors: dict[str, str] = {}
    first: date
    last: date

    def as_note(self) -> dict[str, str]:
        """What a manifest says of it."""
        return {"id": self.id, "from": self.first.isoformat(), "to": self.last.isoformat()}


class BackfillRequests:
    """``<home>/requests/<source>/backfill/<id>.json``; a file stays until its rows have landed."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._folder = settings.home / "requests" / source / "backfill"

    def add(self, asked: Backfill) -> None:
        """Ask for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f"{asked.id}.tmp"
        temporary.write_text(asked.model_dump_json(), encoding="utf-8")
        os.replace(temporary, temporary.with_suffix(".json"))

    def pending(self) -> list[Backfill]:
        """What was asked for and is not done, oldest first."""
        if not self._folder.is_dir():
            return []
        found = sorted(self._folder.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [Backfill.model_validate_json(path.read_text(encoding="utf-8")) for path in found]

    def done(self, asked: Backfill) -> None:
        """It has landed, or there was nothing to land."""
        (self._folder / f"{asked.id}.json").unlink(missing_ok=True)


def new_row_numbers(
    store: BatchStore,
    landed: Sequence[Manifest],
    name: str,
    read: ReadTable,
    staged: Path,
    *,
    overtaken: str,
    emptied_after: int | None = None,
) -> list[int]:
    """``_row_no`` of the staged rows that landing does not have yet.

    Args:
        store: where the source's batches are.
        landed: batches to compare with, from the last full copy or image of the table on.
        name: the read.
        read: its columns and key.
        staged: Parquet file of the rows read again.
        overtaken: SQL condition on ``n``, a key's newest landed version with its ``_seq``: it is newer than what was
            read again, whatever it holds.
        emptied_after: a truncate in a later batch than this leaves nothing to land; None when none can be.
    """
    relation = store.relation(landed, name)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = f"read_parquet('{_escaped(staged)}')"
        if not relation:
            return _numbers(connection, f"SELECT _row_no FROM {rows}")
        emptied = f"_op = 't' AND cast(right(_batch_id, 10) AS BIGINT) > {emptied_after}"
        if emptied_after is not None and _numbers(connection, f"SELECT 1 FROM {relation} WHERE {emptied} LIMIT 1"):
            return []
        own = [column for column in _columns(connection, rows) if column not in ENVELOPE]
        present = _columns(connection, relation)
        same = " AND ".join(
            f's."{c}" IS NOT DISTINCT FROM n."{c}"' if c in present else f's."{c}" IS NULL' for c in [*own, "_defect"]
        )
        keys = [f'"{key}"' for key in read.primary_key]
        keyless = " OR ".join(f"s.{key} IS NULL" for key in keys)
        return _numbers(
            connection,
            f"""WITH landed AS MATERIALIZED (
                SELECT *, cast(right(_batch_id, 10) AS BIGINT) AS _seq FROM {relation}
            ), live AS (
                SELECT * FROM landed WHERE (_seq, _row_no) > coalesce(
                    (SELECT max((_seq, _row_no)) FROM landed WHERE _op = 't'), (0::BIGINT, 0::BIGINT))
            ), newest AS (
                SELECT * FROM live
                QUALIFY row_number() OVER (PARTITION BY {", ".join(keys)} ORDER BY _seq DESC, _row_no DESC) = 1
            )
            SELECT s._row_no FROM {rows} AS s
            WHERE NOT EXISTS (
                SELECT 1 FROM newest AS n WHERE {" AND ".join(f"n.{key} = s.{key}" for key in keys)}
                    AND ({overtaken} OR (n._op <> 'd' AND {same}))
            ) AND NOT EXISTS (SELECT 1 FROM live AS n WHERE ({keyless}) AND {same})""",
        )


def write_rows(
    staged: Path, target: Path, numbers: Sequence[int], batch_id: str, *, event_prefix: str = "", before: int = 0
) -> int:
    """Write some of the staged rows as rows of a batch, in their order; returns how many.

    Args:
        staged: the rows.
        target: the batch's file.
        numbers: ``_row_no`` of the rows to keep.
        batch_id: the batch they land in.
        event_prefix: before the row's number it makes its event id; empty keeps the ids.
        before: rows the batch has already; numbers go on after them.
    """
    kept = pa.array(sorted(numbers), pa.int64())
    written = 0
    with pq.ParquetFile(staged) as file, parquet_writer(target, file.schema_arrow) as writer:
        for batch in file.iter_batches(_ROWS):
            rows = pa.table(batch).filter(pc.is_in(batch["_row_no"], value_set=kept))
            writer.write_table(_stamped(rows, before + written, batch_id, event_prefix).cast(file.schema_arrow))
            written += rows.num_rows
    return written


def _stamped(rows: pa.Table, before: int, batch_id: str, event_prefix: str) -> pa.Table:
    numbers = pa.array(range(before + 1, before + rows.num_rows + 1), pa.int64())
    values = {"_batch_id": pa.array([batch_id] * rows.num_rows, pa.string()), "_row_no": numbers}
    if event_prefix:
        values["_event_id"] = pa.array([f"{event_prefix}{number}" for number in numbers.to_pylist()], pa.string())
    for name, column in values.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def _numbers(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    return [int(number) for (number,) in connection.execute(query).fetchall()]


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
