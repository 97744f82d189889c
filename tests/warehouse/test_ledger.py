"""Rows of a ledger stay as they came, and a journal goes out as a whole although it has no header."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.warehouse.test_gates import BLOCKED, Change, rebuilt, step

BALANCED = "journal_is_balanced"
KEPT = "gl_entry.ledger"
POSTED = "SELECT list(entry_id ORDER BY entry_id) FROM base.base_gl_entry WHERE NOT is_deleted"


def entry(number: int, of: int, amount: float, *, op: str = "c", **values: Any) -> Change:
    """A line of a journal: a debit, or (negative) a credit."""
    side = "debit" if amount > 0 else "credit"
    known = {"entry_id": f"E{number}", "journal_id": f"J{of}", side: abs(amount), f"{side}_base": abs(amount)}
    return ("gl_entry", op, known | values)


def test_a_journal_that_is_not_balanced_is_named_and_goes_as_a_whole(make_world: Callable[..., Any]) -> None:
    world = make_world()
    step(world, entry(1, 1, 10), entry(2, 1, -10), entry(3, 2, 10), entry(4, 2, -9.99))
    assert world.query(POSTED) == [(["E1", "E2"],)]
    assert world.query(BLOCKED) == [("journal", "J2", BALANCED)]
    step(world, entry(5, 2, -0.01))  # the line that was missing
    assert world.query(POSTED) == [(["E1", "E2", "E3", "E4", "E5"],)]
    assert world.query(BLOCKED) == []
    step(world, ("gl_entry", "d", {"entry_id": "E5"}), entry(6, 3, 7), entry(7, 3, -7))
    assert world.query(POSTED) == [(["E1", "E2", "E6", "E7"],)]
    rebuilt(world, make_world)


def test_what_a_ledger_row_said_stays(make_world: Callable[..., Any]) -> None:
    world = make_world()
    step(
        world,
        *(row for number in (2, 3, 4) for row in (entry(number, number, 5), entry(10 + number, number, -5))),
        entry(1, 1, 5, status="draft"),
        entry(11, 1, -5.5, status="draft"),  # a draft need not balance
        entry(5, 5, 5, memo="first"),
        entry(5, 5, 6, op="u", memo="changed before anyone saw it"),
        entry(15, 5, -6),
    )
    assert world.query(BLOCKED) == [("journal", "J5", KEPT)]
    step(
        world,
        entry(1, 1, 5, op="u", memo="filled in", status="posted"),  # was left open; a status may go on
        entry(21, 1, -5),
        entry(2, 2, 6, op="u"),
        entry(12, 2, -6, op="u"),  # balanced as it may be
        ("gl_entry", "d", {"entry_id": "E3"}),
        entry(4, 4, 5, op="r"),  # read again, the same
    )
    assert world.query(POSTED) == [(["E1", "E11", "E14", "E21", "E4"],)]
    named = f"SELECT row_no, column_name FROM meta.verdict WHERE rule = '{KEPT}' ORDER BY ALL"
    assert world.query(named) == [
        (3, "debit, debit_base"),
        (4, "credit, credit_base"),
        (5, "is_deleted"),
        (10, "debit, debit_base, memo"),
    ]
    step(world, entry(1, 1, 5, op="u", memo="again", status="posted"))
    assert world.query(POSTED) == [(["E14", "E4"],)]
    rebuilt(world, make_world)

    world.land(entry(14, 4, -5), full=frozenset({"gl_entry"}))  # the others are not there any more
    step(world, entry(16, 4, 5))
    assert world.query(POSTED) == [(["E14", "E16"],)]
    world.land(("gl_entry", "t", {}))
    step(world, entry(17, 6, 1), entry(18, 6, -1))
    assert world.query(POSTED) == [(["E17", "E18"],)]
    rebuilt(world, make_world)


def test_a_person_lets_an_altered_row_pass(make_world: Callable[..., Any]) -> None:
    world = make_world()
    step(world, entry(2, 2, 5), entry(12, 2, -5), entry(4, 4, 5), entry(14, 4, -5))
    step(world, entry(2, 2, 6, op="u"), entry(12, 2, -6, op="u"))
    assert world.query(POSTED) == [(["E14", "E4"],)]
    world.decide("release", rule=KEPT, document="journal", document_key="J2")
    step(world)
    assert world.query(POSTED) == [(["E12", "E14", "E2", "E4"],)]
    assert world.query("SELECT sum(debit_base) FROM base.base_gl_entry WHERE journal_id = 'J2'") == [(6,)]
    rebuilt(world, make_world)
