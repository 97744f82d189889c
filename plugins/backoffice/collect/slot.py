"""Health of a PostgreSQL source's replication slot, told by its collector so that nobody else has to ask the source.

In: what the collector saw. Out: ``<home>/collect/<source>.slot.json``, and :func:`read_slot` for whoever shows it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from backoffice import durable
from backoffice.settings import Settings

_LOW = 0.25  # of what the source keeps at most: less than this left is a risk


class SlotHealth(BaseModel):
    """One look at a slot. Positions are as PostgreSQL writes them, sizes are bytes of log."""

    model_config = ConfigDict(frozen=True)

    source: str
    slot: str
    observed_at: AwareDatetime = Field(description="When the collector looked; an old one means that it does not run.")
    problem: str = Field("", description="Why the source could not be asked; what follows is then the last known.")
    exists: bool = False
    active: bool = Field(False, description="Somebody reads from it.")
    wal_status: str = Field("", description="reserved, extended, unreserved or lost.")
    reason: str = Field("", description="Why the source has given it up, where it says so.")
    retained_bytes: int | None = Field(None, description="Log the source keeps for it.")
    safe_bytes: int | None = Field(None, description="Log that can still be written before it is lost; None: no limit.")
    limit_bytes: int | None = Field(None, description="max_slot_wal_keep_size; None: no limit.")
    lag_bytes: int | None = Field(None, description="Log written and not acknowledged.")
    behind_since: AwareDatetime | None = Field(
        None, description="The acknowledged position was already behind the source's log then; None: it has caught up."
    )
    acknowledged_lsn: str = Field("", description="Everything before it is durable here, and the source knows.")
    landed_lsn: str = Field("", description="Position of the last landed batch.")
    landed_seq: int = Field(0, description="Number of the last landed batch.")

    @property
    def lag_seconds(self) -> float:
        """How long it has been behind, to the precision of the looks; 0 when it has caught up."""
        return (self.observed_at - self.behind_since).total_seconds() if self.behind_since else 0.0

    @property
    def risk(self) -> str:
        """What threatens it, in words; empty when nothing does."""
        if self.wal_status == "lost":
            return f"slot {self.slot} is lost: the next session copies all tables anew"
        if self.landed_seq and not self.exists and not self.problem:
            return f"slot {self.slot} is missing: the next session copies all tables anew"
        if self.wal_status == "unreserved":
            return f"slot {self.slot} is lost at the source's next checkpoint unless it is read"
        if self.safe_bytes is not None and self.limit_bytes and self.safe_bytes < self.limit_bytes * _LOW:
            return f"slot {self.slot} is lost after {self.safe_bytes} more bytes of the source's log"
        return ""


def write_slot(settings: Settings, health: SlotHealth) -> None:
    """Put a look in place of the one before."""
    durable.write_text(_path(settings, health.source), health.model_dump_json())


def read_slot(settings: Settings, source: str) -> SlotHealth | None:
    """The last look at a source's slot; None when there was none, or it is of another version of the platform."""
    try:
        return SlotHealth.model_validate_json(_path(settings, source).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def _path(settings: Settings, source: str) -> Path:
    return settings.collect_dir / f"{source}.slot.json"
