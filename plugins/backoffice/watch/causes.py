"""A cause: something that is wrong now. As long as it stays wrong it is one alert, however often it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Severity = Literal["warning", "critical"]


class Kind(StrEnum):
    """What can be wrong; ``docs/alerts.md`` has a section for each."""

    TASK_FAILED = "task_failed"
    SOURCE_LATE = "source_late"
    MARTS_STALE = "marts_stale"
    PUBLICATION_WITHHELD = "publication_withheld"
    PUBLICATION_HELD = "publication_held"
    SLOT_AT_RISK = "slot_at_risk"
    QUARANTINE_RATE = "quarantine_rate"
    ROWS_WAITING = "rows_waiting"
    FILE_SET_ASIDE = "file_set_aside"
    NIGHTLY_DIFFERS = "nightly_differs"
    DISK_NEARLY_FULL = "disk_nearly_full"
    PROCESS_DOWN = "process_down"
    CHECK_FAILED = "check_failed"


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong.

    ``what`` is a sentence without its full stop, ``how_bad`` measures it, ``next_step`` is what a person does now.
    ``since`` is in Unix seconds, as every time in this room.
    """

    kind: Kind
    subject: str
    severity: Severity
    what: str
    how_bad: str
    next_step: str
    since: float

    @property
    def key(self) -> str:
        """The same for the same cause, whatever its text says today."""
        return f"{self.kind}:{self.subject}"
