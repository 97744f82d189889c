"""Verdicts are landed first: whatever is killed, each is copied into the warehouse once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.validate.conftest import World

from backoffice.errors import LandingError
from backoffice.validate import apply_verdicts, judge
from backoffice.validate.verdicts import land_verdicts, validated_upto
from backoffice.warehouse.connection import open_warehouse

VERDICTS = "SELECT * EXCLUDE (generation) FROM meta.verdict ORDER BY ALL"
JUDGED = "SELECT * EXCLUDE (generation) FROM meta.judged ORDER BY ALL"
QUARANTINED = "SELECT batch_id, row_no FROM meta.quarantined ORDER BY ALL"


def _state(world: World) -> list[list[tuple]]:
    return [world.query(query) for query in (VERDICTS, JUDGED, QUARANTINED)]


def test_validating_twice_judges_once(world: World) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)), world.good())
    before = _state(world)
    again = world.validate()
    assert (again.judged, again.quarantined) == (0, 0)
    assert _state(world) == before
    assert world.store.last("_verdicts").seq == 1  # type: ignore[union-attr]


def test_killed_between_landing_and_copying(world: World) -> None:
    world.land(world.good(qty=Decimal(-1)), world.good())
    world.load()
    found = judge(world.connection, world.sources, world.contracts, world.settings, validated_upto(world.store))
    land_verdicts(world.store, found)
    assert world.query(VERDICTS) == []
    assert world.validate().judged == 0
    assert world.rules() == [(1, "line.ordered_qty.minimum")]
    assert apply_verdicts(world.connection, world.store, 9) == 0
    assert len(world.query(VERDICTS)) == 1


def test_killed_while_judging_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backoffice.validate.step.land_verdicts", killed)
    with pytest.raises(KeyboardInterrupt):
        world.judge_rows(world.good(qty=Decimal(-1)))
    monkeypatch.undo()
    assert world.store.last("_verdicts") is None
    assert world.validate().quarantined == 1


def test_a_run_without_bad_rows_lands_how_far_it_judged(world: World) -> None:
    world.judge_rows(world.good())
    last = world.store.last("_verdicts")
    assert last is not None
    assert last.kind == "verdict"
    assert last.offset["judged"] == {"shop": 1}
    assert set(last.offset["suites"]) == {"sales.order/line"}
    assert [table.name for table in last.tables] == ["judged"]


def test_rebuilt_warehouse_has_the_same_verdicts_without_judging(world: World, tmp_path: Path) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)), world.good(kind="odd"))
    world.judge_rows(world.good(currency="dkk"))
    before = _state(world)
    (world.settings.expectations_dir / "sales.order" / "line.json").unlink()  # judging again would raise
    elsewhere = world.settings.model_copy(update={"home": tmp_path / "rebuilt"})
    with open_warehouse(elsewhere) as connection:
        world.connection = connection
        world.load()
        assert world.validate().judged == 0
        assert _state(world) == before


def test_a_failed_landing_is_not_taken_for_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.land(world.good(qty=Decimal(-1)))
    world.load()
    with monkeypatch.context() as patched, pytest.raises(LandingError):
        patched.setattr("backoffice.validate.verdicts.pq.write_table", lambda _, path, **__: Path(path).write_text("x"))
        world.validate()
    assert world.store.last("_verdicts") is None
    assert world.validate().quarantined == 1
