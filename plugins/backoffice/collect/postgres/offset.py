"""What a PostgreSQL batch's manifest remembers: how far the stream was landed, how full copies hand over to it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic import ValidationError as PydanticError

from backoffice.errors import CollectError
from backoffice.landing import BatchStore

_OURS = ("snapshot", "stream")
_HALF = 1 << 31
_LOW_WORD = 0xFFFFFFFF


def parse_lsn(text: str) -> int:
    """``16/B374D848`` as a number of bytes."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(lsn: int) -> str:
    """A position as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & _LOW_WORD:X}"


class Handover(BaseModel):
    """The instant of a table's full copy: the stream leaves out what the copy saw.

    Whatever the copy saw had written its commit before ``until_lsn``; of the transactions before it, those the snapshot
    does not hold (they were on their way) come from the stream. Ids are only compared up to ``until_lsn``, so their
    wrap-around does not matter, and the entry is dropped once the stream has passed it.
    """

    model_config = ConfigDict(frozen=True)

    snapshot: str = Field(description="pg_current_snapshot() of the copy: xmin:xmax:running,…")
    until_lsn: str = Field(description="End of the log when the snapshot had been taken.")

    @cached_property
    def until(self) -> int:
        """``until_lsn`` as a number."""
        return parse_lsn(self.until_lsn)

    @cached_property
    def _bounds(self) -> tuple[int, int, frozenset[int]]:
        xmin, xmax, running = self.snapshot.split(":")
        return int(xmin), int(xmax), frozenset(int(xid) for xid in running.split(",") if xid)

    def has_seen(self, commit_lsn: int, xid: int) -> bool:
        """Whether the copy holds a transaction.

        Args:
            commit_lsn: position of its commit.
            xid: its 32-bit id as the stream gives it.
        """
        if commit_lsn > self.until:
            return False
        xmin, xmax, running = self._bounds
        full = (xmax & ~_LOW_WORD) | xid
        if full > xmax + _HALF:
            full -= 1 << 32
        elif full < xmax - _HALF:
            full += 1 << 32
        return full < xmin or (full < xmax and full not in running)


class Copied(BaseModel):
    """A table's last full copy: which table it was, the columns relied on it held, and the number of its batch."""

    model_config = ConfigDict(frozen=True)

    oid: int = Field(description="The table in pg_class: dropped and created again it is another one.")
    columns: str = Field(description="Fingerprint of the columns relied on and the types they land in.")
    numbers: str = Field(description="Fingerprint of their numbers: a column made anew has another.")
    batch: int = Field(0, description="Number of the batch.")


class Offset(BaseModel):
    """How far a source was landed."""

    model_config = ConfigDict(frozen=True)

    system_identifier: str
    timeline: int
    slot: str
    lsn: str = Field(description="The stream goes on here.")
    snapshots: dict[str, Handover] = Field(default_factory=dict, description="By read: copies not yet passed.")
    copied: dict[str, Copied] = Field(default_factory=dict, description="By read: its last full copy.")

    @cached_property
    def position(self) -> int:
        """``lsn`` as a number."""
        return parse_lsn(self.lsn)

    def moved_to(self, lsn: int) -> Offset:
        """The offset at a later position, without the hand-overs it has passed."""
        waiting = {name: copy for name, copy in self.snapshots.items() if copy.until > lsn}
        return Offset(**{**self._fields(), "lsn": format_lsn(lsn), "snapshots": waiting})

    def with_copies(self, handover: Handover, copied: dict[str, Copied]) -> Offset:
        """The offset after full copies of some tables, taken at one instant."""
        return Offset(
            **{
                **self._fields(),
                "snapshots": {**self.snapshots, **dict.fromkeys(copied, handover)},
                "copied": {**self.copied, **copied},
            }
        )

    def on(self, timeline: int) -> Offset:
        """The offset on the timeline that continues its own."""
        return Offset(**{**self._fields(), "timeline": timeline})

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields}


def last_offset(store: BatchStore, source: str) -> tuple[int, Offset | None]:
    """Sequence number and offset of the newest batch this collector landed; 0 and None when there is none.

    Raises:
        CollectError: the manifest's offset is not one of this collector's.
    """
    manifest = store.last(source)
    while manifest is not None and manifest.kind not in _OURS:  # a fix landed by a person holds no position
        manifest = store.manifest(source, manifest.seq - 1)
    if manifest is None:
        return 0, None
    try:
        return manifest.seq, Offset.model_validate(manifest.offset)
    except PydanticError as error:
        raise CollectError(
            f"the offset of batch {manifest.batch_id} cannot be read: {error.errors()[0]['msg']}",
            where=f"source {source}",
            next_step="restore the manifest from a backup, or give the source another name and collect it anew",
        ) from error
