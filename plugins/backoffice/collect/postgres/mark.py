"""A note of how far the log was read without finding anything to land.

An idle slot must advance, or the source keeps its log for ever, and no batch records that. The note is written before
the source is told, so a slot that is further than both batches and note was moved by somebody else.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from backoffice.collect.postgres.offset import Offset, format_lsn, parse_lsn
from backoffice.settings import Settings


class Mark(BaseModel):
    """After batch ``after_seq`` nothing was to be landed up to ``lsn``; it also says that the slot is ours."""

    model_config = ConfigDict(frozen=True)

    system_identifier: str
    slot: str
    after_seq: int
    lsn: str


class MarkFile:
    """``<home>/collect/<source>.mark.json``; losing it costs a full copy at worst, never a row."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._path: Path = settings.collect_dir / f"{source}.mark.json"

    def write(self, system_identifier: str, slot: str, after_seq: int, lsn: int) -> None:
        """Put a note in place, durably."""
        mark = Mark(system_identifier=system_identifier, slot=slot, after_seq=after_seq, lsn=format_lsn(lsn))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(mark.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)

    def owns(self, system_identifier: str, slot: str) -> bool:
        """Whether this platform created the slot."""
        mark = self._read()
        return mark is not None and (mark.system_identifier, mark.slot) == (system_identifier, slot)

    def furthest(self, offset: Offset, after_seq: int) -> int:
        """Where the stream goes on: the offset of batch ``after_seq``, or later when only idle log followed it."""
        mark = self._read()
        if mark is None or mark.after_seq != after_seq or not self.owns(offset.system_identifier, offset.slot):
            return offset.position
        return max(offset.position, parse_lsn(mark.lsn))

    def _read(self) -> Mark | None:
        try:
            return Mark.model_validate_json(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None
