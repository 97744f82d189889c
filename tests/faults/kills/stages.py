"""The stages whose writes are interrupted, each a plain function of the settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from backoffice.collect.run import collect
from backoffice.landing import Manifest
from backoffice.ops import cycle, publication
from backoffice.ops.compaction import compact_landing
from backoffice.publish.hold import set_hold
from backoffice.settings import Settings

Stage = Callable[[Settings], object]

DATABASE, FILES = "mini", "desk"
_IDLE_SECONDS = 1.5  # long enough for the collector to note that the rest of the log holds nothing for it
_WAIT_SECONDS = 20.0  # for the lease of a killed process to expire


def _landed(_: Manifest) -> None:
    """Nobody is told."""


def _collect(settings: Settings, *, source: str, seconds: float) -> None:
    collect(settings, source, seconds, _landed)


def _catch_up(settings: Settings) -> None:
    for source in (DATABASE, FILES):
        _collect(settings, source=source, seconds=0)


def _step(settings: Settings, *, name: str) -> object:
    return getattr(cycle, name)(settings, "killed")


def _refresh(settings: Settings) -> object:
    return cycle.refresh(settings, "recovery", wait=_WAIT_SECONDS)


def _roll_back(settings: Settings) -> object:
    return publication.roll_back(settings, "", actor="tests", reason="a fault")


def _resume(settings: Settings) -> object:
    if set_hold(settings) is not None:
        publication.lift(settings, actor="tests", reason="over")
    return publication.publish_now(settings, "recovery", wait=_WAIT_SECONDS)


STAGES: dict[str, Stage] = {
    "collect": partial(_collect, source=DATABASE, seconds=0),
    "collect for a while": partial(_collect, source=DATABASE, seconds=_IDLE_SECONDS),
    "collect files": partial(_collect, source=FILES, seconds=0),
    **{step: partial(_step, name=step) for step in cycle.STEPS},
    "compact": compact_landing,
    "roll back": _roll_back,
    "resume": _resume,
    "catch up": _catch_up,
    "refresh": _refresh,
}
"""Stages by name; those between ``collect`` and the last step of a cycle are in the order of the data's way."""
