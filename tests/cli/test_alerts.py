"""`backoffice alerts`."""

from __future__ import annotations

import time

import pytest
from tests.watch.conftest import receiver
from tests.watch.test_state import KINDS, LATE

from backoffice.settings import get_settings
from backoffice.watch.state import AlertState


def test_list_ack_and_silence(backoffice, settings):
    assert "No open alerts" in backoffice("alerts", "list").output
    with AlertState(settings) as state:
        state.apply([LATE], KINDS, ["log"], time.time())
    listed = backoffice("alerts", "list").output
    for text in (LATE.key, LATE.what, LATE.how_bad, LATE.next_step, "open for"):
        assert text in listed
    assert "acknowledged source_late:shop" in backoffice("alerts", "ack", "source_late:*").output
    assert "cares" in backoffice("alerts", "list").output
    assert backoffice("alerts", "ack", "nothing:*").exit_code == 1
    assert backoffice("alerts", "silence", "source_late:*", "--hours", "2").exit_code == 0
    assert "silenced until" in backoffice("alerts", "list").output
    assert "told again" in backoffice("alerts", "silence", "source_late:*", "--hours", "0").output
    assert "silenced" not in backoffice("alerts", "list").output
    with AlertState(settings) as state:
        state.apply([], KINDS, ["log"], time.time() + 3600)
    assert "No open alerts" in backoffice("alerts", "list").output
    assert "resolved" in backoffice("alerts", "list", "--all").output


def test_every_channel_is_tried_and_a_deaf_one_named(backoffice, monkeypatch: pytest.MonkeyPatch):
    with receiver() as good, receiver() as bad:
        bad.status = 500
        monkeypatch.setenv("BACKOFFICE_ALERT_URLS", f"{good.url} {bad.url}2")
        get_settings.cache_clear()
        answer = backoffice("alerts", "test")
    assert answer.exit_code == 1
    assert answer.output.count("taken") == 2 and "it answered 500" in answer.output
    assert good.received[0]["event"] == "test"
    assert "s3cret" not in answer.output
