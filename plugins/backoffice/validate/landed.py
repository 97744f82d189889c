"""One landed row, read from landing alone: the warehouse is held by its writer and is not opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import duckdb

from backoffice.errors import ValidationError
from backoffice.landing import BatchStore, Manifest, fixes_of
from backoffice.sources import SourceConfig

_BATCH_ID = re.compile(r"^(?P<name>[a-z_][a-z0-9_]*)-(?P<seq>\d{10})$")


@dataclass(frozen=True, slots=True)
class LandedRow:
    """Where a row landed. ``source`` is the system it came from, also for a corrected row."""

    source: str
    table: str
    batch_id: str
    row_no: int
    rows: str
    """The batch's rows of the table, as a table expression."""
    root: str
    """Batch of the row as it came; of a row nobody corrected its own."""

    def values(self) -> dict[str, Any]:
        """Columns and envelope, as Python values; instants in UTC."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(
                f"SELECT * FROM {self.rows} WHERE _batch_id = ? AND _row_no = ?", [self.batch_id, self.row_no]
            )
            names = [column[0] for column in found.description or ()]
            return dict(zip(names, found.fetchone() or (), strict=True))


def find_row(store: BatchStore, sources: dict[str, SourceConfig], batch_id: str, row_no: int) -> LandedRow:
    """The landed row of this identity.

    Raises:
        ValidationError: no such batch, or no such row in it.
    """
    source, manifest = _manifest(store, sources, batch_id)
    for table in manifest.tables:
        rows = store.relation([manifest], table.name)
        if _holds(rows, batch_id, row_no):
            root = str(manifest.notes["fixes"]) if manifest.kind == "fix" else batch_id
            return LandedRow(source, table.name, batch_id, row_no, rows, root)
    raise _unknown(f"batch {batch_id} has no row {row_no}")


def is_batch_id(text: str) -> bool:
    """Whether the text looks like a batch's id, such as ``shop-0000000012``."""
    return _BATCH_ID.match(text) is not None


def split_batch_id(batch_id: str) -> tuple[str, int]:
    """Name of the (pseudo-)source and sequence number.

    Raises:
        ValidationError: this is no batch id.
    """
    found = _BATCH_ID.match(batch_id)
    if not found:
        raise _unknown(f"{batch_id!r} is no batch id, which looks like shop-0000000012")
    return found["name"], int(found["seq"])


def _manifest(store: BatchStore, sources: dict[str, SourceConfig], batch_id: str) -> tuple[str, Manifest]:
    name, seq = split_batch_id(batch_id)
    owners = {name: name for name in sources} | {fixes_of(source): source for source in sources}
    manifest = store.manifest(name, seq) if name in owners else None
    if manifest is None:
        raise _unknown(f"there is no batch {batch_id}")
    return owners[name], manifest


def _holds(rows: str, batch_id: str, row_no: int) -> bool:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT 1 FROM {rows} WHERE _batch_id = ? AND _row_no = ?", [batch_id, row_no])
        return found.fetchone() is not None


def _unknown(what: str) -> ValidationError:
    return ValidationError(what, where="landing", next_step="take batch and row from `backoffice quarantine list`")
