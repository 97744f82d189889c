"""What the watcher looks at: files only, each read when it is asked for and once a pass.

In: ``status/``, ``landing/``, ``collect/``, ``marts/``, ``alerts/failures/`` and the supervisor's account. Never the
warehouse, which its writer holds, and no network: a look takes milliseconds and works when everything else is down.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import AwareDatetime, BaseModel

from backoffice.collect.heartbeat import last_caught_up, last_seen
from backoffice.collect.slot import SlotHealth, read_slot
from backoffice.errors import AlertError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.ops.state import SupervisorState, read_state
from backoffice.publish import Hold, Status, current_file, read_hold
from backoffice.publish.versions import FileManifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, read_sources
from backoffice.watch.failures import TaskFailure, failures
from backoffice.watch.files import AsideFile, AsideFiles
from backoffice.watch.quarantine import QuarantineWindow, RuleRate


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """One configured source.

    ``newest`` is its last landed batch, ``fresh_at`` when it was last known to be landed in full (None: never).
    """

    config: SourceConfig
    configured_at: float
    newest: Manifest | None
    fresh_at: float | None

    @property
    def name(self) -> str:
        """The source's name."""
        return self.config.source


@dataclass(frozen=True, slots=True)
class Backlog:
    """Batches of a source that are landed and that readers do not see; the first of them was landed at ``since``."""

    batches: int
    since: float | None


class ComparedMart(BaseModel):
    """A mart's hash in the incremental and in the full build."""

    model: str
    incremental: str
    full: str


class BrokenInFull(BaseModel):
    """A test that fails over everything."""

    test: str


class FullBuildSeen(BaseModel):
    """``status/full_build.json``: the newest comparison of the incremental build with a full one."""

    checked_at: AwareDatetime
    generation: int
    equal: bool
    models: tuple[ComparedMart, ...]
    broken: tuple[BrokenInFull, ...] = ()


class Memory:
    """What the watcher keeps from one pass to the next, so that an unchanged file is not read again."""

    def __init__(self, settings: Settings, started_at: float) -> None:
        self.settings = settings
        self.started_at = started_at
        store = LocalBatchStore(settings.landing_dir)
        self.quarantine = QuarantineWindow(store, settings.alert_quarantine_minutes * 60)
        self._sources: tuple[object, dict[str, SourceConfig]] = (None, {})
        self._limits: tuple[object, dict[str, float]] = (None, {})
        self._aside: dict[str, tuple[SourceConfig, AsideFiles]] = {}
        self._status: tuple[object, Status | None] = (None, None)

    def sources(self) -> dict[str, SourceConfig]:
        """Usable source files, by name."""
        mark = _mark(self.settings.sources_dir.glob("*.yaml"))
        if self._sources[0] != mark:
            self._sources = (mark, read_sources(self.settings.sources_dir)[0])
        return self._sources[1]

    def aside(self, config: SourceConfig) -> list[AsideFile]:
        """The files of a source that could not be read."""
        known = self._aside.get(config.source)
        if known is None or known[0] != config:
            known = self._aside[config.source] = (config, AsideFiles(self.settings, config))
        return known[1].look()

    def status(self) -> Status | None:
        """The status the last cycle wrote; None before the first."""
        path = self.settings.status_dir / "status.json"
        mark = _mark([path])
        if self._status[0] != mark:
            self._status = (mark, _read_status(path) if mark else None)
        return self._status[1]

    def mart_limits(self) -> dict[str, float]:
        """Published model → minutes it may miss landed rows."""
        folder = self.settings.dbt_dir / "models"
        mark = _mark(folder.rglob("*.yml"))
        if self._limits[0] != mark:
            self._limits = (mark, _mart_limits(folder, self.settings.marts_freshness_minutes))
        return self._limits[1]


class Observation:
    """One look at everything; a part that cannot be read raises where it is asked for, and the others stand."""

    def __init__(self, memory: Memory, now: float) -> None:
        self._memory = memory
        self.settings = memory.settings
        self.now = now
        self.started_at = memory.started_at
        self._store = LocalBatchStore(self.settings.landing_dir)

    @property
    def in_grace(self) -> bool:
        """The platform has just started: what is old now is about to be brought up to date."""
        return self.now - self.started_at < self.settings.alert_grace_seconds

    @cached_property
    def status(self) -> Status | None:
        """The status beside the marts."""
        return self._memory.status()

    @cached_property
    def sources(self) -> list[SourceSeen]:
        """Every usable source."""
        return [self._source(config) for config in self._memory.sources().values()]

    @cached_property
    def backlog(self) -> dict[str, Backlog]:
        """Of every usable source."""
        told = {found.source: found.published_seq for found in self.status.sources} if self.status else {}
        return {source.name: self._backlog(source, told.get(source.name, 0)) for source in self.sources}

    @cached_property
    def mart_limits(self) -> dict[str, float]:
        """Published model → minutes it may miss landed rows."""
        return self._memory.mart_limits()

    @cached_property
    def file(self) -> FileManifest | None:
        """The published DuckDB file."""
        return current_file(self.settings)

    @cached_property
    def slots(self) -> list[SlotHealth]:
        """The replication slots of the sources that have one, as their collectors saw them last."""
        found = (read_slot(self.settings, source.name) for source in self.sources)
        return [slot for slot in found if slot is not None]

    @cached_property
    def set_aside(self) -> list[tuple[str, AsideFile]]:
        """Source and file of each file that could not be read."""
        return [(source.name, aside) for source in self.sources for aside in self._memory.aside(source.config)]

    @cached_property
    def hold(self) -> Hold | None:
        """The hold of a rollback that stops publishing; None when publishing is allowed."""
        found = read_hold(self.settings)
        return found if found and found.stops else None

    @cached_property
    def full_build(self) -> FullBuildSeen | None:
        """The newest nightly comparison; None before the first."""
        path = self.settings.status_dir / "full_build.json"
        return FullBuildSeen.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None

    @cached_property
    def failures(self) -> list[TaskFailure]:
        """Tasks whose last try failed."""
        return failures(self.settings)

    @cached_property
    def supervisor(self) -> SupervisorState | None:
        """The supervisor's account, whether it runs or not."""
        return read_state(self.settings)

    @cached_property
    def disk(self) -> tuple[int, int]:
        """Bytes free and in all on the disk of ``home``."""
        usage = shutil.disk_usage(self.settings.home)
        return usage.free, usage.total

    @cached_property
    def quarantine(self) -> list[RuleRate]:
        """What each rule kept out in the window."""
        return self._memory.quarantine.rates(self.now)

    @cached_property
    def marts_lag(self) -> dict[str, float]:
        """Seconds by channel: rows landed earlier than that ago are in the marts. Empty before anything landed.

        A version is as fresh as the last look that found nothing newer: an idle platform does not grow stale.
        """
        status = self.status
        waiting = [found.since for found in self.backlog.values() if found.since is not None]
        known = [status.checked_at.timestamp()] if status else []
        if not (waiting or status):
            return {}
        lag = {"postgres": max(0.0, self.now - min(waiting + known))}
        if status and self.file:
            behind = self.file.version != status.version
            since = self.now - self.file.published_at.timestamp()
            lag["file"] = max(lag["postgres"], since if behind else 0.0)
        return lag

    def _backlog(self, source: SourceSeen, published: int) -> Backlog:
        if source.newest is None or source.newest.seq <= published:
            return Backlog(0, None)
        first = next(self._store.batches(source.name, after=published), source.newest)
        return Backlog(source.newest.seq - published, first.landed_at.timestamp())

    def _source(self, config: SourceConfig) -> SourceSeen:
        newest = self._store.last(config.source)
        beat = last_caught_up(self.settings, config.source)
        seen = last_seen((beat, newest.landed_at if newest else None), datetime.fromtimestamp(self.now, UTC))
        return SourceSeen(
            config=config,
            configured_at=(self.settings.sources_dir / f"{config.source}.yaml").stat().st_mtime,
            newest=newest,
            fresh_at=seen.timestamp() if seen else None,
        )


def _mark(paths: Iterable[Path]) -> tuple[object, ...]:
    """Changes when a file is added, removed or written."""
    found = []
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))


def _read_status(path: Path) -> Status:
    try:
        return Status.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AlertError(
            f"the status cannot be read: {error}",
            where=str(path),
            next_step="the next cycle writes it anew: `backoffice refresh`",
        ) from error


def _mart_limits(folder: Path, default: float) -> dict[str, float]:
    limits: dict[str, float] = {}
    for path in sorted(folder.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for model in content.get("models", []):
            meta = model.get("config", {}).get("meta", {})
            if "publish" in meta:
                limits[str(model["name"])] = float(meta.get("freshness_minutes", default))
    return limits
