"""One cause is one alert: opened, told once, reminded, acknowledged, silenced, resolved; across restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.watch.conftest import NOW

from backoffice.settings import Settings
from backoffice.watch.causes import Cause, Kind
from backoffice.watch.state import AlertState

LATE = Cause(Kind.SOURCE_LATE, "shop", "critical", "shop is late", "20 min", "look", NOW - 1200)
KINDS = [Kind.SOURCE_LATE]
HOUR = 3600.0


class Clock:
    """Passes over one state that is opened anew each time, as after a restart."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def look(self, at: float, *causes: Cause, kinds: list[Kind] = KINDS) -> list[str]:
        with AlertState(self.settings) as state:
            return [f"{event} {alert.key}" for event, alert in state.apply(causes, kinds, ["log", "hook"], at)]


@pytest.fixture
def clock(settings: Settings) -> Clock:
    return Clock(settings.model_copy(update={"alert_reminder_hours": 12.0, "alert_resolve_seconds": 60.0}))


def test_it_is_told_once_however_often_it_is_seen(clock):
    assert clock.look(NOW, LATE) == ["opened source_late:shop"]
    later = [clock.look(NOW + i, replace(LATE, how_bad=f"{20 + i} min")) for i in range(1, 200)]
    assert not any(later)
    with AlertState(clock.settings) as state:
        (alert,) = state.alerts()
        assert alert.how_bad == "219 min"  # what is shown is of today
        assert alert.since == LATE.since
        assert len(state.due("hook", NOW)) == len(state.due("log", NOW)) == 1


def test_its_end_is_told_once_after_it_stayed_away(clock):
    clock.look(NOW, LATE)
    assert clock.look(NOW + 59) == []
    assert clock.look(NOW + 60) == ["resolved source_late:shop"]
    assert clock.look(NOW + 120) == []
    assert clock.look(NOW + 180, LATE) == ["opened source_late:shop"]  # a new time is a new alert


def test_a_cause_that_comes_and_goes_is_one_alert(clock):
    clock.look(NOW, LATE)
    told = [clock.look(NOW + 30 * i, *([LATE] if i % 2 else [])) for i in range(1, 100)]
    assert not any(told)


def test_a_kind_that_cannot_be_judged_stays_as_it_is(clock):
    clock.look(NOW, LATE)
    assert clock.look(NOW + HOUR, kinds=[Kind.MARTS_STALE]) == []
    assert clock.look(NOW + HOUR) == ["resolved source_late:shop"]


def test_two_causes_are_two_alerts(clock):
    other = replace(LATE, subject="erp")
    assert clock.look(NOW, LATE) == ["opened source_late:shop"]
    assert clock.look(NOW + 1, LATE, other) == ["opened source_late:erp"]
    assert clock.look(NOW + 100, other) == ["resolved source_late:shop"]


def test_it_is_told_again_after_the_reminder_time_unless_somebody_cares(clock):
    clock.look(NOW, LATE)
    assert clock.look(NOW + 12 * HOUR - 1, LATE) == []
    assert clock.look(NOW + 12 * HOUR, LATE) == ["reminder source_late:shop"]
    assert clock.look(NOW + 13 * HOUR, LATE) == []
    with AlertState(clock.settings) as state:
        assert [alert.key for alert in state.acknowledge("source_*", "ann")] == ["source_late:shop"]
        assert state.acknowledge("marts_*", "ann") == []
    assert clock.look(NOW + 48 * HOUR, LATE) == []
    assert clock.look(NOW + 49 * HOUR) == ["resolved source_late:shop"]


def test_a_silenced_cause_is_told_when_the_silence_ends(clock):
    with AlertState(clock.settings) as state:
        state.silence("source_late:*", NOW + HOUR, "ann")
        assert state.silences(NOW) == [("source_late:*", NOW + HOUR, "ann")]
    assert clock.look(NOW, LATE) == []
    assert clock.look(NOW + HOUR - 1, LATE) == []
    assert clock.look(NOW + HOUR, LATE) == ["opened source_late:shop"]


def test_nobody_is_told_of_the_end_of_what_was_silent(clock):
    with AlertState(clock.settings) as state:
        state.silence("*", NOW + HOUR, "ann")
    clock.look(NOW, LATE)
    assert clock.look(NOW + 200) == []
    assert clock.look(NOW + 2 * HOUR) == []


def test_a_clock_set_back_resolves_all_the_same(clock):
    clock.look(NOW, LATE)
    assert clock.look(NOW - HOUR) == []
    assert clock.look(NOW - HOUR + 60) == ["resolved source_late:shop"]


def test_notices_of_one_alert_keep_their_order(clock):
    clock.look(NOW, LATE)
    clock.look(NOW + 100)
    with AlertState(clock.settings) as state:
        (first,) = state.due("hook", NOW + 100)
        assert first.event == "opened"
        state.failed(first, "down", NOW + 500)
        assert state.due("hook", NOW + 200) == []
        assert state.failing() == {"hook": "down"}
        state.sent(first, NOW + 500)
        assert [notice.event for notice in state.due("hook", NOW + 500)] == ["resolved"]


def test_a_channel_that_is_no_longer_set_holds_nothing_back(clock):
    clock.look(NOW, LATE)
    with AlertState(clock.settings) as state:
        state.drop_unknown_channels(["log"], NOW)
        assert state.due("hook", NOW) == []
        assert len(state.due("log", NOW)) == 1
