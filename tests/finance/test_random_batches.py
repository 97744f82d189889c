"""Whatever lands, in whatever order: what was built batch by batch is what a full build and a rebuild make of it."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from tests.finance import chance
from tests.finance import world as books
from tests.finance.known import AGING, AS_KNOWN
from tests.ops.marts import warehouse_hashes
from tests.warehouse.world import World

from backoffice.errors import AuditError
from backoffice.ops import beside
from backoffice.ops.full_build import compare_full_build
from backoffice.warehouse.connection import open_warehouse

MARTS = ("fct_gl_entries", "fct_invoices", "fct_payments", "mart_ar_aging", "mart_trial_balance", "m03_ar_open")


def _cycle(happening: chance.Chance, published: bool) -> None:
    """A cycle; one whose totals do not hold yet is never published."""
    try:
        happening.world.cycle(published=published)
    except AuditError:
        assert happening.withheld, "nothing is missing, and a total does not hold"


def _settled(happening: chance.Chance) -> None:
    """Everything is in and published; the ageing is what the history says is known now."""
    happening.settle()
    world = happening.world
    world.cycle()
    for mart in MARTS:
        assert world.query(f"SELECT count(*) > 0 FROM marts.{mart}") == [(True,)], mart
    known = Counter(world.query(AS_KNOWN.format(world.now)))
    assert known == Counter(world.query(AGING))


def _equals_a_rebuild(world: World) -> None:
    with open_warehouse(world.settings) as connection:
        point = beside.published_point(connection)
    assert point is not None
    second = beside.second_home(world.settings, "again")
    beside.build_from_landing(second, point, "test")
    assert warehouse_hashes(second) == warehouse_hashes(world.settings)


def _happening(framed: World, home: Path, seed: int) -> chance.Chance:
    world = books.copy_of(framed, home)
    world.land(*chance.people())
    return chance.Chance(world, random.Random(seed))


@pytest.mark.slow
def test_a_few_batches_equal_a_rebuild(framed: World, tmp_path: Path) -> None:
    happening = _happening(framed, tmp_path / "home", 1)
    for _ in range(4):
        happening.land()
    _cycle(happening, published=False)
    happening.land()
    _settled(happening)
    _equals_a_rebuild(happening.world)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_many_batches_equal_a_full_build_and_a_rebuild(framed: World, tmp_path: Path, seed: int) -> None:
    happening = _happening(framed, tmp_path / "home", seed)
    rng, world = happening.rng, happening.world
    for landed in range(1, 37):
        happening.land()
        if rng.random() < 0.3:
            happening.decide()
        if rng.random() < 0.6:
            _cycle(happening, published=rng.random() < 0.7)
        if rng.random() < 0.1:
            assert world.as_of is not None
            world.as_of += timedelta(days=1)
        if landed % 12 == 0:
            _settled(happening)
            compare_full_build(world.settings, "test")
    out = "SELECT (SELECT count(*) FROM meta.quarantined) > 0, (SELECT count(*) FROM meta.verdict) > 3"
    assert world.query(out) == [(True, True)]
    _equals_a_rebuild(world)
