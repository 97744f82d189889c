"""Questions to people: each thing that is out is asked about once, and an answer is carried out once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.validate.conftest import World

from backoffice.errors import NotQuarantinedError
from backoffice.validate import actions
from backoffice.validate.outstanding import outstanding, write_outstanding
from backoffice.validate.review import AT_ONCE, KEEP, RELEASE, Request, answer, open_requests

PATIENCE = timedelta(hours=18)
FIRST = "shop-0000000001"


@pytest.fixture
def filled(world: World) -> World:
    world.judge_rows(world.good(qty=Decimal(-1)), world.good(id="L2", currency="a|b", state="x"), world.good(id="L3"))
    write_outstanding(world.settings, world.connection)
    return world


def _ask(world: World, patience: timedelta = PATIENCE) -> list[Request]:
    return open_requests(world.settings, patience=patience)


def test_each_row_is_asked_about_once_with_its_rules_and_values(filled: World) -> None:
    found = {request.row: request for request in _ask(filled)}
    assert sorted(found) == [1, 2]
    assert found[2].subject.startswith("shop: row 2 of shop-0000000001 breaks ")
    assert "line.currency_code.pattern" in found[2].subject and "line.status.enum" in found[2].subject
    assert "| lines | shop-0000000001 | 2 | line.currency_code.pattern | currency_code | a\\|b |" in found[2].body
    assert _ask(filled) == []
    filled.judge_rows(filled.good(id="L5", qty=Decimal(-1)))
    assert [request.batch for request in _ask(filled)] == ["shop-0000000002"]


def test_what_nobody_answered_is_asked_again_and_what_is_kept_out_is_not(filled: World) -> None:
    first, second = sorted(_ask(filled), key=lambda request: request.row)
    assert "nobody answered" in answer(filled.settings, first, KEEP, "", "")
    assert "ann keeps it out" in answer(filled.settings, second, KEEP, "ann", "wrong price")
    assert _ask(filled) == []
    assert [request.row for request in _ask(filled, timedelta(0))] == [1]
    assert filled.store.last("_verdicts").seq == 1, "keeping out decides nothing new"  # type: ignore[union-attr]


def test_an_approval_is_landed_with_the_person_and_once(filled: World) -> None:
    first, second = sorted(_ask(filled), key=lambda request: request.row)
    assert "released by ann" in answer(filled.settings, first, RELEASE, "ann", "")
    assert {row.next for row in outstanding(filled.settings, filled.store, {"row_no = ?": 1})} == {"release by ann"}
    assert "nothing to release" in answer(filled.settings, first, RELEASE, "bo", "too late")
    actions.release_row(filled.settings, FIRST, 2, actions.Person("cy", "by command"))
    assert "nothing to release" in answer(filled.settings, second, RELEASE, "ann", "")
    assert _ask(filled, timedelta(0)) == [], "what waits for the next cycle is not asked about"


def test_one_thing_can_be_asked_about_by_name_again(filled: World) -> None:
    _ask(filled)
    (request,) = open_requests(filled.settings, batch=FIRST, row=1, patience=PATIENCE)
    assert (request.batch, request.row) == (FIRST, 1)
    with pytest.raises(NotQuarantinedError, match="row 3 of shop-0000000001 waits for no decision"):
        open_requests(filled.settings, batch=FIRST, row=3, patience=PATIENCE)


def test_very_many_are_put_together_by_rule(filled: World) -> None:
    filled.judge_rows(*(filled.good(id=f"M{number}", qty=Decimal(-1)) for number in range(AT_ONCE + 1)))
    requests = {request.rule: request for request in _ask(filled)}
    assert requests["line.ordered_qty.minimum"].subject == "22 rows of shop break line.ordered_qty.minimum"
    answer(filled.settings, requests["line.ordered_qty.minimum"], RELEASE, "ann", "a return")
    left = outstanding(filled.settings, filled.store, {"next = ?": ""})
    assert "line.ordered_qty.minimum" not in {row.rule for row in left}
    assert _ask(filled) == []
