"""How far each publication came, on disk: what a kill interrupted is seen, and rolled forward, at the next start."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from backoffice.durable import write_text
from backoffice.errors import PublishError
from backoffice.publish.model import TableChange
from backoffice.settings import Settings

State = Literal["prepared", "postgres", "file", "done", "abandoned"]
_KEPT = 500  # a version every few seconds would fill the folder; PostgreSQL keeps the longer history


class PublicationRecord(BaseModel):
    """One publication.

    ``state``: ``prepared`` nothing may have happened yet; ``postgres`` readers of PostgreSQL see it; ``file`` its file
    is there; ``done``; ``abandoned`` it was interrupted before PostgreSQL saw it and the warehouse has moved on.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    generation: int
    as_of: datetime
    state: State
    full: bool = False
    file: str = ""
    changes: tuple[TableChange, ...] = ()
    updated_at: datetime | None = None

    @property
    def unfinished(self) -> bool:
        """Whether it must be rolled forward."""
        return self.state not in {"done", "abandoned"}


def version_id(generation: int, as_of: datetime) -> str:
    """``<generation>-<as_of in UTC>``, such as 000123-20260131T120000Z."""
    return f"{generation:06d}-{as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def save(settings: Settings, record: PublicationRecord) -> PublicationRecord:
    """Write a record, durably, in place of what it was."""
    stamped = record.model_copy(update={"updated_at": datetime.now(UTC)})
    path = settings.publications_dir / f"{record.version}.json"
    before = [other.stat().st_mtime_ns for other in _by_age(settings) if other != path]
    write_text(path, stamped.model_dump_json(indent=2))
    if before and path.stat().st_mtime_ns <= before[-1]:  # the clock was set back
        os.utime(path, ns=(before[-1] + 1, before[-1] + 1))
    return stamped


def newest(settings: Settings) -> PublicationRecord | None:
    """The record written last; None before the first publication.

    Raises:
        PublishError: it cannot be read.
    """
    paths = _by_age(settings)
    if not paths:
        return None
    try:
        return PublicationRecord.model_validate_json(paths[-1].read_text(encoding="utf-8"))
    except ValueError as error:
        raise PublishError(
            f"the publication record cannot be read: {error}",
            where=str(paths[-1]),
            next_step="remove the file; PostgreSQL's own record says what was published",
        ) from error


def prune(settings: Settings) -> None:
    """Remove the oldest records."""
    for path in _by_age(settings)[:-_KEPT]:
        path.unlink()


def _by_age(settings: Settings) -> list[Path]:
    # not by name: generations start again in a rebuilt warehouse, and a rollback writes an old version's record
    return sorted(settings.publications_dir.glob("[0-9]*.json"), key=lambda path: path.stat().st_mtime_ns)
