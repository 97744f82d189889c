"""Publishing an earlier version to every channel from its file, and holding it there until the hold is lifted.

The hold is on disk before anything moves, so a kill at any point leaves either nothing or a rollback that
:func:`finish` carries to its end; every step can be repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from backoffice.addresses import PUBLISHER, READER, marts_url
from backoffice.errors import PublishError
from backoffice.publish import hold as holds
from backoffice.publish import registry
from backoffice.publish.file import move_to
from backoffice.publish.hold import Hold
from backoffice.publish.lock import publishing
from backoffice.publish.model import TableChange
from backoffice.publish.postgres import publish_postgres
from backoffice.publish.registry import Recorded
from backoffice.publish.session import connected
from backoffice.publish.versions import VersionFile, check_file, find_file, kept_files
from backoffice.settings import Settings
from backoffice.warehouse.connection import memory_limit


def roll_back(settings: Settings, version: str, *, actor: str, reason: str) -> tuple[Hold, tuple[TableChange, ...]]:
    """Publish an earlier version again, in every channel, and stop publishing until the hold is lifted.

    Does not need the warehouse and does not wait for a build.

    Args:
        settings: where the channels are.
        version: the version; empty for the newest kept one before the version readers see.
        actor: who does it, shown to readers.
        reason: why, shown to readers.

    Returns:
        The hold, and what changed in PostgreSQL.

    Raises:
        PublishError: the version's file is not kept or not intact (nothing happened), or a channel could not be
            written: the hold is set, and the next refresh finishes the rollback or fails saying why.
    """
    if not (actor.strip() and reason.strip()):
        raise PublishError(
            "a rollback needs an actor and a reason", rule="readers are told who held a version, and why"
        )
    with publishing(settings):
        with connected(marts_url(settings, PUBLISHER)) as pg:  # away: nothing happened yet
            shown = registry.shown(pg)
        target = find_file(settings, version or _before(settings, shown))
        check_file(settings, target)
        hold = Hold(
            version=target.version,
            generation=target.generation,
            as_of=target.as_of,
            from_version=shown.version if shown else "",
            actor=actor.strip(),
            reason=reason.strip(),
            since=datetime.now(UTC),
            state="prepared",
        )
        holds.note(settings, "rollback", **hold.model_dump(mode="json", exclude={"state", "since"}))
        return _roll(settings, holds.save(settings, hold, "prepared"))


def finish(settings: Settings) -> Hold | None:
    """Roll a rollback forward that was interrupted; returns it, or None when none was. The caller holds the lock.

    Raises:
        PublishError: it could not be finished; it stays to be, and publishing stays stopped.
    """
    hold = holds.set_hold(settings)
    return _roll(settings, hold)[0] if hold and hold.unfinished else None


def lift(settings: Settings, *, actor: str, reason: str = "") -> Hold:
    """Allow publishing again; the next publication brings every channel to the newest audited version.

    Raises:
        PublishError: no hold is set.
    """
    with publishing(settings):
        hold = holds.set_hold(settings)
        if hold is None:
            raise PublishError("no hold is set", next_step="`backoffice versions` shows what readers see")
        holds.note(settings, "lift", version=hold.version, actor=actor, reason=reason)
        return holds.save(settings, hold, "lifted")


def _roll(settings: Settings, hold: Hold) -> tuple[Hold, tuple[TableChange, ...]]:
    target = find_file(settings, hold.version)
    changes: tuple[TableChange, ...] = ()
    if hold.state == "prepared":
        changes = _publish(settings, target)
        hold = holds.save(settings, hold, "postgres")
    if hold.state == "postgres":
        move_to(settings, target)
        hold = holds.save(settings, hold, "done")
    return hold, changes


def _publish(settings: Settings, target: VersionFile) -> tuple[TableChange, ...]:
    path = settings.marts_dir / target.file
    try:
        with duckdb.connect(str(path), read_only=True, config={"memory_limit": memory_limit(settings)}) as file:
            file.execute("SET TimeZone = 'UTC'")
            return tuple(
                publish_postgres(
                    file,
                    target.models,
                    generation=target.generation,
                    version=target.version,
                    as_of=target.as_of,
                    url=marts_url(settings, PUBLISHER),
                    reader_role=READER,
                    full=True,
                    park=True,
                )
            )
    except duckdb.Error as error:
        raise PublishError(
            f"the file of version {target.version} cannot be read: {error}",
            where=str(path),
            next_step="roll back to another version; `backoffice versions` lists them",
        ) from error


def _before(settings: Settings, shown: Recorded | None) -> str:
    """The newest kept version that was built before the one readers see."""
    for version in kept_files(settings):
        if shown and version.as_of < shown.as_of:
            return version.version
    raise PublishError(
        f"no file of a version before {shown.version if shown else 'the first'} is kept",
        where=str(settings.marts_dir),
        next_step="`backoffice versions` shows which are",
    )
