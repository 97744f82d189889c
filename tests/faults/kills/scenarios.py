"""Which stage is killed in which state of the world, and the list of all points."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from tests.faults.kills import checks
from tests.faults.kills.checks import Readers
from tests.faults.kills.stages import DATABASE
from tests.faults.kills.world import World
from tests.landing.test_compact import SMALL

from backoffice.ops import cycle
from backoffice.publish.hold import set_hold

POINTS = Path(__file__).with_name("points.txt")
_PUBLICATION = ("publish.postgres", "publish.writer", "publish.record", "replace marts/", "ops.publication", "mkdir")
_WAREHOUSE = ("COMMIT", "close warehouse/warehouse.duckdb", "UPDATE")  # held open over all steps
_SLOT = ("(collect.slot:write_slot)",)  # so often as the time tells
_HOLD = ("publish.hold", "COMMIT", "replace", "UPDATE")
_FILE = ("publish.file:_copy", "publish.file:_describe", "publish.status")  # as in publish
_SEEN = "after COMMIT in PostgreSQL (publish.postgres:"


@dataclass(frozen=True)
class Scenario:
    """A stage to interrupt.

    Args:
        name: first word of its points.
        stage: see :data:`tests.faults.kills.stages.STAGES`.
        prepare: brings the world into the state before it.
        before: stages that run in the same process just before it.
        copies: whether it makes the first copy: there are no marts yet.
        finish: stage a person runs after the recovery, because no cycle does it.
        only: parts of names of the points that count; those left out are the same as in another scenario.
        without: the contrary.
    """

    name: str
    stage: str
    prepare: Callable[[World], None] = World.change
    before: tuple[str, ...] = ()
    copies: bool = False
    finish: str = ""
    only: tuple[str, ...] = ("",)
    without: tuple[str, ...] = ()

    def record(self, world: World, folder: Path) -> list[str]:
        """The points it passes, in order, each once."""
        self.prepare(world)
        passed = folder / f"{self.name}.points"
        passed.unlink(missing_ok=True)
        world.must(self.stage, before=self.before, name=self.name, points=str(passed))
        points = dict.fromkeys(passed.read_text(encoding="utf-8").splitlines())
        return [point for point in points if _any(self.only, point) and not _any(self.without, point)]

    def kill(self, world: World, readers: Readers, point: str) -> None:
        """Kill it at a point, look at once, recover, and check everything."""
        self.prepare(world)
        world.kill(point, stage=self.stage, before=self.before)
        checks.landed_whole(world)
        checks.landed_once(world)
        if self.copies:
            world.must("catch up")
            checks.landed_whole(world)
            checks.landed_once(world)
            checks.landing_is_source(world)
            return
        readers.look()
        world.recover()
        if self.finish:
            postgres, file = readers.look()
            assert postgres == file, "channels differ"
            world.must(self.finish)
        checks.recovered(world, readers)


def scenarios() -> dict[str, Scenario]:
    """All of them, by name, in the order of the data's way."""
    steps = cycle.STEPS
    found = [
        Scenario("first copy", "collect", prepare=_forget, copies=True, without=_SLOT),
        Scenario("collect", "collect", without=_SLOT),
        Scenario("collect idle", "collect for a while", prepare=World.scribble, without=(f"{_SLOT[0]} [",)),
        Scenario("collect files", "collect files"),
        *(_step(number, step) for number, step in enumerate(steps)),
        Scenario("refresh", "refresh", before=("catch up",), only=_WAREHOUSE),
        Scenario("publish anew", "publish", prepare=_unpublish, before=("catch up", *steps[:-1]), only=_PUBLICATION),
        Scenario("roll back", "roll back", prepare=_publish_twice, finish="resume", without=_FILE),
        Scenario("resume", "resume", prepare=_held, finish="resume", only=_HOLD),
        Scenario(
            "compact", "compact", prepare=_restore_landing, finish="compact", only=("landing/mini",), without=(") [",)
        ),
        Scenario("recover", "load", prepare=_interrupt, only=_PUBLICATION),
    ]
    return {scenario.name: scenario for scenario in found}


def _step(number: int, step: str) -> Scenario:
    """A step of the cycle. All handle the lease alike: it is looked at in the first and in the last, which ends it."""
    between = 0 < number < len(cycle.STEPS) - 1
    before = ("catch up", *cycle.STEPS[:number])
    return Scenario(step, step, before=before, without=("warehouse.lease",) if between else ())


def _any(parts: tuple[str, ...], text: str) -> bool:
    return any(part in text for part in parts)


def record_all(world: World, folder: Path) -> Iterator[str]:
    """Points of every scenario, in order, in a world nothing was collected from; it ends published."""
    for scenario in scenarios().values():
        yield from scenario.record(world, folder)
        if scenario.copies or scenario.finish:
            world.recover()
        if scenario.finish:
            world.must(scenario.finish)
    world.recover()


def listed() -> list[str]:
    """The committed list. A point that depends on timing is marked with a question mark."""
    return [line.removeprefix("? ") for line in POINTS.read_text(encoding="utf-8").splitlines() if line]


def _forget(world: World) -> None:
    """As if nobody had ever collected from the source."""
    for name in ("landing", "collect"):
        shutil.rmtree(world.settings.home / name, ignore_errors=True)
    slots = "FROM pg_replication_slots WHERE database = current_database()"
    with psycopg.connect(world.source_url, autocommit=True) as source:
        source.execute(f"SELECT pg_terminate_backend(active_pid, 5000) {slots}")
        source.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}")
        source.execute(f"DROP PUBLICATION IF EXISTS backoffice_{DATABASE}")


def _unpublish(world: World) -> None:
    """A server for the marts that has never seen them, and a platform that never made a file."""
    with psycopg.connect(world.settings.marts_url, autocommit=True) as marts:
        marts.execute("DROP SCHEMA IF EXISTS marts, ops CASCADE")
    for folder in (world.settings.marts_dir, world.settings.publications_dir, world.settings.status_dir):
        shutil.rmtree(folder, ignore_errors=True)
    world.change()


def _restore_landing(world: World) -> None:
    """Two ranges of batches that readers see; compaction changes nothing but the landing folder."""
    saved = world.settings.home.parent / f"{world.settings.home.name}.landing"
    if saved.exists():
        shutil.rmtree(world.settings.landing_dir)
    else:
        for _ in range(2 * SMALL[-1]):
            world.change()
            world.must("catch up")
        world.recover()
        world.settings.landing_dir.rename(saved)
    shutil.copytree(saved, world.settings.landing_dir)


def _publish_twice(world: World) -> None:
    """An earlier version to go back to."""
    for _ in range(2):
        world.change()
        world.recover()
    if set_hold(world.settings):
        world.must("resume")


def _held(world: World) -> None:
    """Readers see an earlier version, and a newer one was built meanwhile."""
    _publish_twice(world)
    world.must("roll back")
    world.change()
    world.recover()


def _interrupt(world: World) -> None:
    """A publication that PostgreSQL shows and nobody wrote down."""
    world.change()
    world.kill(f"publish: {_SEEN}", before=("catch up", *cycle.STEPS[:-1]))
