"""The hold a rollback sets: publishing stops until it is lifted. On disk, so that it outlives every process.

``publications/hold.json`` has the one that is set, with how far its rollback came; ``publications/holds.jsonl`` every
rollback and every lifting, one JSON object a line, with actor and reason.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from backoffice.durable import sync_folder, write_text
from backoffice.errors import PublishError
from backoffice.settings import Settings


class Hold(BaseModel):
    """A rollback and its hold.

    ``state``: ``prepared`` readers may still see ``from_version``; ``postgres`` those of PostgreSQL see ``version``;
    ``done`` all do; ``lifted`` publishing is allowed again and has not happened yet.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    generation: int
    as_of: datetime
    from_version: str
    actor: str
    reason: str
    since: datetime
    state: Literal["prepared", "postgres", "done", "lifted"]

    @property
    def stops(self) -> bool:
        """Whether nothing may be published."""
        return self.state != "lifted"

    @property
    def unfinished(self) -> bool:
        """Whether the rollback must be rolled forward."""
        return self.state in {"prepared", "postgres"}

    @property
    def sentence(self) -> str:
        """What a person is told."""
        return (
            f"rolled back from {self.from_version or 'nothing'} to {self.version} by {self.actor} because: "
            f"{self.reason}; held since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


def read(settings: Settings) -> Hold | None:
    """The hold, also one that is lifted and waits for the next publication; None when there is none.

    Raises:
        PublishError: the file cannot be read: nothing is published until a person has looked.
    """
    path = settings.publications_dir / "hold.json"
    try:
        return Hold.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PublishError(
            f"the hold cannot be read: {error}",
            where=str(path),
            rule="nothing is published while it is not known whether a hold is set",
            next_step="holds.jsonl beside it says what was set last: correct the file, or remove it to lift the hold",
        ) from error


def set_hold(settings: Settings) -> Hold | None:
    """The hold that stops publishing; None when publishing is allowed."""
    found = read(settings)
    return found if found and found.stops else None


def save(settings: Settings, hold: Hold, state: Literal["prepared", "postgres", "done", "lifted"]) -> Hold:
    """Write the hold, durably, in its new state."""
    moved = hold.model_copy(update={"state": state})
    write_text(settings.publications_dir / "hold.json", moved.model_dump_json(indent=2))
    return moved


def clear(settings: Settings) -> None:
    """Remove a hold that was lifted, once readers see the newest version."""
    path = settings.publications_dir / "hold.json"
    if path.exists():
        path.unlink()
        sync_folder(path.parent)


def note(settings: Settings, event: str, **values: Any) -> None:
    """Add a line to the history of holds, durably."""
    path = settings.publications_dir / "holds.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"event": event, "at": datetime.now(UTC).isoformat(timespec="seconds"), **values})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
