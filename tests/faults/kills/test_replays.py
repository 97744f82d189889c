"""The same rows delivered twice, at each stage: they count once."""

from __future__ import annotations

import os
import shutil
from typing import Any

import psycopg
import pytest
from tests.faults.kills import checks
from tests.faults.kills.checks import Readers
from tests.faults.kills.stages import FILES
from tests.faults.kills.world import World

from backoffice.landing import LocalBatchStore
from backoffice.ops import cycle

pytestmark = pytest.mark.postgres

SLOT, EARLIER = "backoffice_mini", "earlier"


def test_everything_twice(new_world: Any) -> None:
    """One world, because it takes seconds to make; each part ends with a whole comparison."""
    with new_world() as world:
        world.recover()
        readers = Readers(world)
        for part in (_slot_goes_back, _file_comes_again, _each_step_twice):
            part(world)
            world.recover()
            checks.recovered(world, readers)


def _slot_goes_back(world: World) -> None:
    """A source that crashed before it saved its slot sends again what was acknowledged since."""
    with psycopg.connect(world.source_url, autocommit=True) as source:
        source.execute("SELECT pg_copy_logical_replication_slot(%s, %s)", (SLOT, EARLIER))
        world.change()
        world.must("catch up")
        landed = _rows(world)
        source.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))
        source.execute("SELECT pg_copy_logical_replication_slot(%s, %s)", (EARLIER, SLOT))
        source.execute("SELECT pg_drop_replication_slot(%s)", (EARLIER,))
        behind = source.execute(
            "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        ).fetchone()
        assert behind is not None
        world.must("catch up")
        assert _rows(world) == landed
        ahead = source.execute(
            "SELECT confirmed_flush_lsn > %s FROM pg_replication_slots WHERE slot_name = %s", (*behind, SLOT)
        ).fetchone()
        assert ahead == (True,)


def _file_comes_again(world: World) -> None:
    """Under another name and with another time, by a collector that has just started."""
    store = LocalBatchStore(world.settings.landing_dir)
    before = list(store.batches(FILES))
    folder = world.settings.home / "inbox" / FILES
    for number, path in enumerate(sorted(folder.glob("people*.csv"))[:4]):
        shutil.copy(path, folder / f"people-copy{number}.csv")
        os.utime(folder / f"people-copy{number}.csv", (9_000_000 + number, 9_000_000 + number))
    world.must("catch up")
    assert list(store.batches(FILES)) == before
    assert len(before) == world.rounds, "a batch a day, though each day's file came twice"


def _each_step_twice(world: World) -> None:
    """A step whose end was not heard of is run again."""
    world.change()
    *first, last = [step for step in cycle.STEPS for _ in range(2)]
    world.must(last, before=("catch up", *first))


def _rows(world: World) -> int:
    return sum(manifest.rows for manifest in LocalBatchStore(world.settings.landing_dir).batches("mini"))
