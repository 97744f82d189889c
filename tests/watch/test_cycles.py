"""Real refresh cycles, watched: a withheld publication is told once over many of them, and its end once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.ops.test_cycle import PRODUCT, world  # noqa: F401 (a fixture)

from backoffice.errors import AuditError
from backoffice.ops import cycle
from backoffice.watch.state import AlertState
from backoffice.watch.watcher import Watcher

pytestmark = pytest.mark.postgres


@pytest.fixture
def told(world: Any) -> Iterator[Any]:  # noqa: F811
    """Looks, and gives every notice asked for so far."""
    settings = world.settings.model_copy(update={"alert_resolve_seconds": 0.0})
    watcher = Watcher(settings, ["hook"], time.time() - 3600)
    with AlertState(settings) as state:

        def look() -> list[str]:
            watcher.look(state, time.time())
            return [f"{notice.event} {notice.alert.key}" for notice in _all(state)]

        yield look


def _all(state: AlertState) -> list[Any]:
    """Notices in order: each is marked as sent, so that the next of its alert comes."""
    found = []
    while due := state.due("hook", time.time()):
        found += due
        for notice in due:
            state.sent(notice, time.time())
    return found


def test_withheld_over_many_cycles_is_told_once(world: Any, told: Any) -> None:  # noqa: F811
    settings = world.settings
    world.land(PRODUCT)
    cycle.refresh(settings, "test")
    assert told() == []
    notices = []
    with world.changed_test("mart_sales_ties_to_fact", "select 'nobody' as source_relation"):  # names no document
        for number in range(2):
            world.land(("product", "c", {"product_id": f"Q{number}"}))  # more rows arrive meanwhile
            with pytest.raises(AuditError):
                cycle.refresh(settings, "test")
            notices += told()
    assert notices == ["opened publication_withheld:marts"]
    cycle.refresh(settings, "test")
    assert told() == ["resolved publication_withheld:marts"]
    assert told() == []
