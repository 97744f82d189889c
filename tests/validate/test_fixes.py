"""A corrected row takes the place of the row it corrects, and is judged like any other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.validate.conftest import World

from backoffice.errors import ValidationError
from backoffice.landing import Manifest
from backoffice.validate.fixes import Values, land_fix
from backoffice.validate.landed import find_row


def fix(world: World, batch: str, row_no: int, values: Values) -> Manifest:
    row = find_row(world.store, world.sources, batch, row_no)
    return land_fix(world.store, world.sources["shop"], row, values, actor="ann", reason="typed wrong")


def test_a_fix_lands_in_the_rows_place_with_its_history(world: World) -> None:
    world.judge_rows(world.good(), world.good(id="L2", qty=Decimal(-1)))
    world.judge_rows(world.good(id="L2", qty=Decimal(7)))
    landed = fix(world, "shop-0000000001", 2, {"qty": "3", "kind": None})
    assert (landed.batch_id, landed.kind, landed.offset) == ("_fixes_shop-0000000001", "fix", {})
    assert landed.notes == {
        "fixes": "shop-0000000001",
        "actor": "ann",
        "reason": "typed wrong",
        "columns": ["kind", "qty"],
    }
    world.load()
    columns = "_batch_id, _batch_seq, _row_no, _op, _event_id, id, qty, kind"
    assert world.query(f"SELECT {columns} FROM raw.shop__lines WHERE _batch_id LIKE '_fixes%'") == [
        ("_fixes_shop-0000000001", 1, 2, "c", "2", "L2", Decimal("3.0000"), None)
    ]
    order = "SELECT qty FROM raw.shop__lines WHERE id = 'L2' AND qty > 0 ORDER BY _batch_seq, _row_no"
    assert world.query(order) == [(Decimal("3.0000"),), (Decimal("7.0000"),)]
    assert world.query("SELECT batch_id, row_no, root_batch_id, root_seq, actor FROM meta.fix") == [
        ("_fixes_shop-0000000001", 2, "shop-0000000001", 1, "ann")
    ]
    assert world.store.last("shop").seq == 2  # type: ignore[union-attr]


def test_a_fix_is_judged_once_and_may_be_fixed_again(world: World) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)))
    again = fix(world, "shop-0000000001", 1, {"qty": "0.1"})
    world.load()
    result = world.validate()
    assert (result.judged, result.quarantined, result.by_rule) == (1, 1, {"line.ordered_qty.minimum": 1})
    assert world.validate().judged == 0
    second = fix(world, again.batch_id, 1, {"qty": "1"})
    assert second.notes["fixes"] == "shop-0000000001", "a fix of a fix has the same place"
    world.load()
    assert world.validate().quarantined == 0
    assert world.query("SELECT DISTINCT _batch_seq FROM raw.shop__lines") == [(1,)]
    last = world.store.last("_verdicts")
    assert last is not None and last.offset["judged"] == {"shop": 1, "_fixes_shop": 2}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quantity": "1"}, "quantity: no such column"),
        ({"qty": "many"}, "qty: 'many' cannot be read as DECIMAL"),
        ({"qty": "1.00001"}, "qty: '1.00001' cannot be read as DECIMAL"),
        ({"qty": "NaN"}, "qty: 'NaN'"),
        ({}, "no column to set"),
    ],
)
def test_a_value_that_cannot_be_stored_lands_nothing(world: World, values: Values, message: str) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)))
    with pytest.raises(ValidationError, match=message):
        fix(world, "shop-0000000001", 1, values)
    assert world.store.last("_fixes_shop") is None


def test_what_could_not_be_read_needs_a_value(world: World) -> None:
    defect = '{"rule": "type", "column": "qty", "value": "NaN", "message": "not a number"}'
    world.judge_rows(world.good(qty=None, _defect=defect, state="?"))
    with pytest.raises(ValidationError, match="qty could not be read"):
        fix(world, "shop-0000000001", 1, {"state": "o"})
    fix(world, "shop-0000000001", 1, {"state": "o", "qty": "2"})
    world.load()
    assert world.validate().quarantined == 0


@pytest.mark.parametrize(
    ("batch", "row"), [("shop-0000000001", 9), ("shop-0000000002", 1), ("other-0000000001", 1), ("shop", 1)]
)
def test_an_unknown_row_is_named(world: World, batch: str, row: int) -> None:
    world.judge_rows(world.good())
    with pytest.raises(ValidationError, match="quarantine list"):
        fix(world, batch, row, {"qty": "1"})


def test_a_value_the_source_did_not_send_is_carried_from_the_rows_own_place(world: World) -> None:
    world.judge_rows(
        world.good(currency="EUR"), world.good(_op="u", currency=None, qty=Decimal(-1), _unchanged=["currency"])
    )
    world.judge_rows(world.good(_op="u", currency="SEK"))
    fix(world, "shop-0000000001", 2, {"qty": "5"})
    world.load()
    assert world.query("SELECT currency, _unchanged FROM raw.shop__lines WHERE qty = 5") == [("EUR", None)]
    assert world.validate().quarantined == 0


def test_a_fix_that_gives_a_key_is_deleted_by_a_later_full_image_without_it(world: World) -> None:
    world.judge_rows(world.good(id=None))
    world.land_image(world.good(id="L9"))
    world.load()
    fix(world, "shop-0000000001", 1, {"id": "L8"})
    world.load()
    found = (
        "SELECT _batch_seq, _row_no, _op, _derived FROM raw.shop__lines WHERE id = 'L8' ORDER BY _batch_seq, _row_no"
    )
    assert world.query(found) == [(1, 1, "c", False), (2, 0, "d", True)]
