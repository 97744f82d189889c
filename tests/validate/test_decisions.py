"""Decisions are as durable as verdicts and stand between them without disturbing how far sources were judged."""

from __future__ import annotations

import threading
from decimal import Decimal

import pyarrow.parquet as pq
from tests.validate.conftest import World

from backoffice.validate.decisions import Decision, land_decisions, now
from backoffice.validate.verdicts import DECISION


def _release(row_no: int = 1) -> Decision:
    return Decision("release", "ann", "agreed", now(), source="shop", batch_id="shop-0000000001", row_no=row_no)


def test_a_decision_carries_the_watermark_on(world: World) -> None:
    world.judge_rows(world.good(qty=Decimal(-1)))
    before = world.store.last("_verdicts")
    landed = land_decisions(world.store, [_release()])
    assert before is not None
    assert (landed.seq, landed.kind, landed.offset["judged"]) == (2, "verdict", before.offset["judged"])
    assert [table.name for table in landed.tables] == [DECISION]
    (row,) = pq.read_table(world.store.uri(landed, DECISION)).to_pylist()
    assert (row["verdict_batch_id"], row["decision"], row["batch_id"], row["row_no"], row["rule"], row["actor"]) == (
        landed.batch_id,
        "release",
        "shop-0000000001",
        1,
        None,
        "ann",
    )
    assert world.validate().judged == 0
    world.judge_rows(world.good(qty=Decimal(-2)))
    last = world.store.last("_verdicts")
    assert last is not None and (last.seq, last.offset["judged"]) == (3, {"shop": 2})


def test_decisions_and_verdicts_landed_at_once_are_all_kept(world: World) -> None:
    def decide() -> None:
        for number in range(10):
            land_decisions(world.store, [_release(number)])

    people = [threading.Thread(target=decide) for _ in range(3)]
    for person in people:
        person.start()
    for _ in range(3):
        world.judge_rows(world.good(qty=Decimal(-1)))
    for person in people:
        person.join()
    landed = list(world.store.batches("_verdicts"))
    assert sorted(item.tables[0].name for item in landed) == ["decision"] * 30 + ["judged"] * 3
    assert landed[-1].offset["judged"] == {"shop": 3}
    judged = [item.offset["judged"].get("shop", 0) for item in landed]
    assert judged == sorted(judged)
