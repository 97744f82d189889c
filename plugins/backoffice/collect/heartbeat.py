"""When a source was last seen to hold nothing that has not landed: a quiet source is not a late one, a dead one is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backoffice.settings import Settings

_EVERY_SECONDS = 1.0
_SKEW = timedelta(minutes=1)
"""Clocks of two machines may differ by so much."""


class Heartbeat:
    """Written by a collector each time it has caught up, at most once a second."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._path = _path(settings, source)
        self._beat_at = float("-inf")

    def caught_up(self) -> None:
        """Nothing of the source is waiting to be landed."""
        now = time.monotonic()
        if now - self._beat_at >= _EVERY_SECONDS:
            self._beat_at = now
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()


def last_caught_up(settings: Settings, source: str) -> datetime | None:
    """When its collector last said so; None when it never did."""
    try:
        return datetime.fromtimestamp(_path(settings, source).stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def last_seen(moments: Iterable[datetime | None], now: datetime) -> datetime | None:
    """The newest of several signs of life. One from the future was left by a clock that has been set back: it says
    nothing of how long ago it was.
    """
    return max((moment for moment in moments if moment and moment <= now + _SKEW), default=None)


def _path(settings: Settings, source: str) -> Path:
    return settings.collect_dir / f"{source}.heartbeat"
