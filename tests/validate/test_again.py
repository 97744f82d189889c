"""Old rows judged again by changed rules: new breaks are found, old ones end, the rest is not said twice."""

from __future__ import annotations

from decimal import Decimal

from tests.validate.conftest import World

from backoffice.validate.again import rejudge

OUT = "SELECT row_no, rule FROM meta.quarantined ORDER BY ALL"


def test_rows_are_judged_again_by_the_rules_of_today(world: World) -> None:
    low, high, odd = world.good(id="A", qty=Decimal(-1)), world.good(id="B", qty=Decimal(900)), world.good(id="C")
    world.judge_rows(low, high, odd | {"currency": "x"})
    assert world.query(OUT) == [(1, "line.ordered_qty.minimum"), (3, "line.currency_code.pattern")]
    world.change_column("ordered_qty", minimum=None, maximum=Decimal(100))
    assert world.validate().judged == 0, "a changed suite judges new rows only"
    result = rejudge(
        world.connection,
        world.store,
        world.sources,
        world.contracts,
        settings=world.settings,
        generation=world.generation,
        source="shop",
    )
    assert (result.quarantined, result.by_rule) == (1, {"line.ordered_qty.maximum": 1})
    assert world.query(OUT) == [(2, "line.ordered_qty.maximum"), (3, "line.currency_code.pattern")]
    assert len(world.rules()) == 3
    assert world.validate().judged == 0
