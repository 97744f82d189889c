"""A quiet source is followed, not late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backoffice.collect.heartbeat import Heartbeat, last_caught_up
from backoffice.settings import Settings


def test_a_collector_says_when_it_has_caught_up(settings: Settings) -> None:
    assert last_caught_up(settings, "shop") is None
    Heartbeat(settings, "shop").caught_up()
    beat = last_caught_up(settings, "shop")
    assert beat is not None and abs(datetime.now(UTC) - beat) < timedelta(minutes=1)
    assert last_caught_up(settings, "other") is None
