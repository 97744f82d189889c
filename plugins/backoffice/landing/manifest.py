"""What a batch holds and how far its source had been read: the file whose presence makes the batch exist."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
Kind = Literal["snapshot", "stream", "file", "push", "rest", "verdict", "fix"]


class LandedTable(BaseModel):
    """One source table's rows in a batch."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The table's name under `reads:` in the source's YAML.")
    file: str = Field(description="Parquet file inside the batch's folder.")
    rows: int
    bytes: int
    sha256: str
    full: bool = Field(False, description="The rows are the whole table: a key that is absent was deleted.")


class Manifest(BaseModel):
    """A landed batch.

    ``seq`` is dense per source and starts at 1, so the batches after a watermark are found without a listing.
    ``offset`` is whatever its collector needs to go on after this batch; it is opaque to everybody else.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    source: str
    seq: int
    batch_id: str
    kind: Kind
    offset: dict[str, Any]
    tables: tuple[LandedTable, ...]
    event_at_min: datetime | None = None
    event_at_max: datetime | None = None
    landed_at: datetime
    notes: dict[str, Any] = Field(default_factory=dict, description="Actor and reason of a fix, for example.")

    @property
    def rows(self) -> int:
        """Rows over all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def replaced(self) -> list[int]:
        """Numbers of earlier batches whose rows this one's take the place of."""
        return [int(seq) for seq in self.notes.get("replaces", {}).get("batches", ())]

    def to_json(self) -> str:
        """The manifest as it is stored."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"


def batch_id(source: str, seq: int) -> str:
    """The id of a source's batch: sortable, the same for ever."""
    return f"{source}-{seq:010d}"


def fixes_of(source: str) -> str:
    """Pseudo-source in which people's corrections of a source's rows land; no real source has such a name."""
    return f"_fixes_{source}"
