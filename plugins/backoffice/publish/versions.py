"""Versions with a file of their own: what each file holds, and how long it is kept.

Beside ``marts-<version>.duckdb`` lies ``marts-<version>.json``, its :class:`VersionFile`: enough to publish the version
again as it was, whatever the models have become since.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backoffice.durable import sync_file
from backoffice.errors import PublishError
from backoffice.publish.model import PublishedModel
from backoffice.settings import Settings

_NAME = re.compile(r"marts-(\d+-(\d{8}T\d{6}Z))\.duckdb")
_NAMED = 12  # versions an error lists


class FileManifest(BaseModel):
    """What a published file is.

    ``rows`` are those of each model, ``sha256`` and ``bytes`` those of ``file``, ``write_seconds`` what it took.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    generation: int
    as_of: datetime
    published_at: datetime
    file: str
    sha256: str
    bytes: int
    rows: dict[str, int]
    write_seconds: float = 0.0


class VersionFile(FileManifest):
    """A file and the declarations of the models in it."""

    models: tuple[PublishedModel, ...]

    @property
    def manifest(self) -> FileManifest:
        """Without the models."""
        return FileManifest.model_validate(self.model_dump(exclude={"models"}))


def file_name(version: str) -> str:
    """Name of a version's file."""
    return f"marts-{version}.duckdb"


def kept_files(settings: Settings) -> list[VersionFile]:
    """Versions whose file is kept, newest first."""
    found = [_read(path) for path in settings.marts_dir.glob("marts-*.json")]
    return sorted((version for version in found if version), key=lambda version: version.as_of, reverse=True)


def find_file(settings: Settings, version: str) -> VersionFile:
    """A version's file.

    Raises:
        PublishError: it is not kept; names those that are.
    """
    kept = kept_files(settings)
    for found in kept:
        if found.version == version:
            return found
    names = ", ".join(found.version for found in kept[:_NAMED]) or "none"
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    raise PublishError(
        f"no file of version {version} is kept; those kept: {names}{more}",
        where=str(settings.marts_dir),
        rule="a version can be published again while its file is kept",
        next_step="choose one of them; `backoffice versions` shows when each was published",
    )


def check_file(settings: Settings, version: VersionFile) -> Path:
    """The file's path, after comparing its content with the hash taken when it was published.

    Raises:
        PublishError: it is not what was published.
    """
    path = settings.marts_dir / version.file
    digest, _ = sync_file(path)
    if digest != version.sha256:
        raise PublishError(
            f"the file of version {version.version} is not the one that was published: its SHA-256 differs",
            where=str(path),
            rule="nobody reads what was not audited",
            next_step="choose another version; `backoffice versions` lists them",
        )
    return path


def prune(settings: Settings, current: str) -> None:
    """Remove the files that no reader and no rollback needs any more; never the one named ``current``."""
    files = [path for path in settings.marts_dir.glob("marts-*.duckdb") if _NAME.fullmatch(path.name)]
    kept = retained(settings, [(path, path.stat().st_mtime, path.stat().st_size) for path in files], time.time())
    for path in files:
        if path not in kept and path.name != current:
            path.with_suffix(".json").unlink(missing_ok=True)  # first: what is offered has its file
            path.unlink()
    for path in settings.marts_dir.glob("marts-*.json"):
        if not path.with_suffix(".duckdb").exists():
            path.unlink()


def retained(settings: Settings, files: Sequence[tuple[Path, float, int]], now: float) -> set[Path]:
    """Which of some files stay, each given with the Unix time it became current and its bytes.

    Every file stays until the one after it has been there for ``marts_file_keep_seconds``, so that no reader loses
    the file it is about to open. Of the older ones the last of each hour of a day and of each day of a week stay
    (``marts_hourly_files``, ``marts_daily_files``), the newest first, while all together fit ``marts_files_gb``.
    """
    ordered = sorted(files, key=lambda file: file[1], reverse=True)
    superseded = [now, *(since for _, since, _ in ordered)]  # when the one after it came; the newest has none
    recent = [file for file, since in zip(ordered, superseded, strict=False) if now - since <= _keep(settings)]
    older = [file for file in ordered if file not in recent]
    room = settings.marts_files_gb * 1e9 - sum(size for _, _, size in recent)
    stay = {path for path, _, _ in recent}
    wanted = _last_of_each(ordered, timedelta(hours=1), settings.marts_hourly_files, now)
    wanted |= _last_of_each(ordered, timedelta(days=1), settings.marts_daily_files, now)
    for path, _, size in older:
        if path in wanted and size <= room:
            stay.add(path)
            room -= size
    return stay


def _keep(settings: Settings) -> float:
    return settings.marts_file_keep_seconds


def _last_of_each(files: Iterable[tuple[Path, float, int]], period: timedelta, periods: int, now: float) -> set[Path]:
    """The newest file, by the instant its marts were built for, of each of the last so many hours or days (UTC)."""
    seconds = period.total_seconds()
    last: dict[int, tuple[str, Path]] = {}
    for path, _, _ in files:
        slot = int(_as_of(path).timestamp() // seconds)
        if now // seconds - slot <= periods:
            last[slot] = max(last.get(slot, ("", path)), (path.name, path))
    return {path for _, path in last.values()}


def _as_of(path: Path) -> datetime:
    match = _NAME.fullmatch(path.name)
    return datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else datetime.now(UTC)


def _read(path: Path) -> VersionFile | None:
    try:
        found = VersionFile.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # removed meanwhile, or of another release: not offered
        return None
    return found if (path.parent / found.file).exists() else None
