"""What is out now, read while the warehouse is held, with what was decided since the last cycle."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from tests.validate.conftest import World

from backoffice.errors import ValidationError
from backoffice.validate import actions
from backoffice.validate.actions import Person
from backoffice.validate.outstanding import OutRow, outstanding, outstanding_path, write_outstanding

ANN = Person("ann", "agreed with sales")
FIRST = "shop-0000000001"


def out(world: World, **where: object) -> list[OutRow]:
    return outstanding(world.settings, world.store, {f"{name} = ?": value for name, value in where.items()})


def cycle(world: World) -> bool:
    """The end of a cycle."""
    world.load()
    world.validate()
    return write_outstanding(world.settings, world.connection)


@pytest.fixture
def filled(world: World) -> World:
    world.land(world.good(qty=Decimal(-1)), world.good(id="L2", currency="x", state="x"), world.good(id="L3"))
    cycle(world)
    return world


def test_what_is_out_is_known_without_the_warehouse(filled: World) -> None:
    rules = {(row.row_no, row.rule, row.column, row.value, row.gate) for row in out(filled)}
    assert rules >= {(1, "line.ordered_qty.minimum", "ordered_qty", "-1.0000", "landing")}
    assert {row.row_no for row in out(filled)} == {1, 2}
    assert [row.source for row in out(filled, row_no=2)] == ["shop"] * len(out(filled, row_no=2))
    assert out(filled, source="other") == []


def test_the_file_is_rewritten_only_when_something_changed(filled: World) -> None:
    written = outstanding_path(filled.settings).stat().st_ino
    assert not cycle(filled)
    filled.judge_rows(filled.good(id="L9"))
    assert outstanding_path(filled.settings).stat().st_ino == written
    filled.land(filled.good(id="L8", qty=Decimal(-2)))
    assert cycle(filled)
    assert {row.batch_id for row in out(filled)} == {FIRST, "shop-0000000003"}


def test_verdicts_given_since_the_last_cycle_are_seen(filled: World) -> None:
    filled.judge_rows(filled.good(qty=Decimal(-3)))
    assert [row.value for row in out(filled, batch_id="shop-0000000002")] == ["-3.0000"]


def test_a_reader_keeps_reading_while_the_file_is_replaced(filled: World) -> None:
    with duckdb.connect(str(outstanding_path(filled.settings)), read_only=True) as reader:
        filled.land(filled.good(qty=Decimal(-3)))
        cycle(filled)
        assert reader.execute("SELECT count(DISTINCT batch_id) FROM out_now").fetchone() == (1,)


def test_a_release_is_seen_at_once_and_taken_once(filled: World) -> None:
    decided = actions.release_row(filled.settings, FIRST, 1, ANN)
    assert (decided.batch_id, decided.row_no, decided.rule, decided.source) == (FIRST, 1, None, "shop")
    assert [row.next for row in out(filled, row_no=1)] == ["release by ann"]
    assert {row.next for row in out(filled, row_no=2)} == {""}
    with pytest.raises(ValidationError, match="released already: release by ann"):
        actions.release_row(filled.settings, FIRST, 1, ANN)


def test_a_rule_is_released_row_by_row(filled: World) -> None:
    filled.land(filled.good(id="L5", qty=Decimal("0.1")))
    cycle(filled)
    decided = actions.release_rule(filled.settings, "line.ordered_qty.minimum", ANN, source="shop")
    assert {(item.batch_id, item.row_no, item.rule) for item in decided} == {
        (FIRST, 1, "line.ordered_qty.minimum"),
        ("shop-0000000002", 1, "line.ordered_qty.minimum"),
    }
    with pytest.raises(ValidationError, match="nothing is out because of the rule"):
        actions.release_rule(filled.settings, "line.ordered_qty.minimum", ANN)


def test_a_fix_is_seen_at_once(filled: World) -> None:
    landed = actions.fix(filled.settings, FIRST, 1, {"qty": "1"}, ANN)
    assert [row.next for row in out(filled, row_no=1)] == ["fix by ann"]
    cycle(filled)
    assert out(filled, batch_id=landed.batch_id) == []


@pytest.mark.parametrize(
    ("batch", "row", "rule", "message"),
    [
        (FIRST, 3, None, "is not quarantined"),
        (FIRST, 9, None, "has no row 9"),
        ("shop-0000000009", 1, None, "no batch"),
        (FIRST, 1, "line.status.enum", "is not out because of line.status.enum"),
    ],
)
def test_what_cannot_be_released_is_refused_by_name(
    filled: World, batch: str, row: int, rule: str | None, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        actions.release_row(filled.settings, batch, row, ANN, rule=rule)
    assert filled.store.last("_verdicts").seq == 1  # type: ignore[union-attr]


def test_a_good_row_is_not_fixed(filled: World) -> None:
    with pytest.raises(ValidationError, match="is not quarantined"):
        actions.fix(filled.settings, FIRST, 3, {"qty": "1"}, ANN)


def test_a_decision_has_a_name_and_a_reason() -> None:
    with pytest.raises(ValidationError, match="a name and a reason"):
        Person("ann", " ")
