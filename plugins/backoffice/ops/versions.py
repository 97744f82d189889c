"""Which versions there are: published, held or withheld, where each is read, and which can be rolled back to.

Works while the warehouse is held: it asks PostgreSQL, the published files, and the status written last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from backoffice.addresses import PUBLISHER, marts_url
from backoffice.errors import PublishError
from backoffice.publish import Hold, current_file, kept_files, last_status, read_hold, registry
from backoffice.publish.session import connected
from backoffice.settings import Settings


@dataclass(frozen=True)
class Version:
    """A version or a generation that became none.

    ``state`` is published, held, withheld or unfinished; ``shown_in`` the channels it is current in; ``has_file``
    whether it can be rolled back to; ``reason`` why a withheld one is.
    """

    name: str
    generation: int
    as_of: datetime
    published_at: datetime | None = None
    state: str = "published"
    shown_in: tuple[str, ...] = ()
    has_file: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Versions:
    """Versions, newest first; the hold; and why PostgreSQL could not be asked, when it could not."""

    versions: tuple[Version, ...]
    hold: Hold | None
    postgres_error: str = ""


def list_versions(settings: Settings, limit: int) -> Versions:
    """The newest versions of PostgreSQL's history, and all with a file or in a channel."""
    found: dict[str, Version] = {}
    error = ""
    try:
        found |= _in_postgres(settings, limit)
    except PublishError as failure:
        error = failure.what
    _add_files(settings, found)
    _add_unpublished(settings, found)
    ordered = sorted(found.values(), key=lambda version: (version.as_of, version.generation), reverse=True)
    return Versions(tuple(ordered), read_hold(settings), error)


def _in_postgres(settings: Settings, limit: int) -> dict[str, Version]:
    with connected(marts_url(settings, PUBLISHER)) as pg:
        try:
            return {
                version: Version(
                    version, generation, as_of, published_at, shown_in=("PostgreSQL",) if is_current else ()
                )
                for version, generation, as_of, published_at, is_current in registry.history(pg, limit)
            }
        except psycopg.Error as error:
            raise PublishError(f"PostgreSQL does not say what was published: {error}") from error


def _add_files(settings: Settings, found: dict[str, Version]) -> None:
    shown = current_file(settings)
    for file in kept_files(settings):
        known = found.get(file.version) or Version(file.version, file.generation, file.as_of, file.published_at)
        in_file = ("file",) if shown and shown.version == file.version else ()
        found[file.version] = replace(known, has_file=True, shown_in=known.shown_in + in_file)


def _add_unpublished(settings: Settings, found: dict[str, Version]) -> None:
    status = last_status(settings)
    for build in status.generations if status else ():
        name = build.version or f"generation {build.generation}"
        if build.state != "published" and name not in found:
            found[name] = Version(name, build.generation, build.as_of, state=build.state, reason=build.reason)
