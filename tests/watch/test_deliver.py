"""Real channels: a web server, a mail server, and what happens when they refuse or hang."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from email import message_from_string

import pytest
from tests.watch.test_state import KINDS, LATE

from backoffice.errors import AlertError
from backoffice.settings import Settings
from backoffice.watch.channels import Channel, channels
from backoffice.watch.deliver import Delivery, deliver
from backoffice.watch.state import AlertState


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def using(settings: Settings, *urls: str) -> tuple[Settings, list[Channel]]:
    made = settings.model_copy(update={"alert_urls": " ".join(urls), "alert_resolve_seconds": 0.0})
    return made, channels(made)


def counts(settings: Settings) -> dict[tuple[str, str], int]:
    with AlertState(settings) as state:
        return {(channel, found): number for channel, found, number in state.notices()}


def test_log_mail_and_webhook_are_told_of_beginning_and_end(settings, webhook, mailbox, caplog):
    caplog.set_level(logging.INFO, "backoffice.alerts")
    settings, told = using(settings, webhook.url, mailbox.url)
    names = [channel.name for channel in told]
    now = time.time()
    with AlertState(settings) as state, Delivery(settings, told):
        state.apply([LATE], KINDS, names, now)
        wait_until(lambda: len(webhook.received) == len(mailbox.mails) == 1)
        state.apply([], KINDS, names, now + 1)
        wait_until(lambda: len(webhook.received) == len(mailbox.mails) == 2)
        wait_until(lambda: sum(counts(settings).values()) == 6 and {s for _, s in counts(settings)} == {"sent"})
    opened, resolved = webhook.received
    assert (opened["event"], opened["key"], opened["since"]) == ("opened", LATE.key, LATE.since)
    assert (resolved["event"], resolved["id"]) == ("resolved", opened["id"])
    assert [opened[name] for name in ("what", "how_bad", "next_step")] == [LATE.what, LATE.how_bad, LATE.next_step]
    mail = message_from_string(mailbox.mails[0])
    assert (mail["To"], mail["Subject"]) == ("ops@example.com", "[Backoffice] ALERT critical: shop is late")
    text = mail.get_payload(decode=True) if not mail.is_multipart() else mail.get_payload(0).get_payload(decode=True)
    for line in ("since 2026-03-01 07:40 UTC", "how   20 min", "do    look", "docs/alerts.md#source_late"):
        assert line in text.decode()
    logged = [record.getMessage() for record in caplog.records if record.name == "backoffice.alerts"]
    assert [line.split("]")[1].split()[0] for line in logged] == ["ALERT", "RESOLVED"]


def test_a_channel_that_hangs_or_is_away_holds_nobody_up(settings, webhook, mailbox, free_port):
    webhook.open.clear()
    away = f"mailto://127.0.0.1:{free_port()}?from=a@example.com&to=b@example.com&mode=insecure"
    settings, told = using(settings, webhook.url, away, mailbox.url)
    with AlertState(settings) as state, Delivery(settings, told):
        for number in range(2):
            state.apply([replace(LATE, subject=f"s{number}")], [], [c.name for c in told], time.time())
        wait_until(lambda: len(mailbox.mails) == 2)
        assert webhook.attempts and webhook.received == []
        wait_until(lambda: f"email {told[2].name[-8:]}" in state.failing())
        webhook.open.set()
        wait_until(lambda: counts(settings).get((told[1].name, "sent")) == 2)


def test_a_refused_notice_is_tried_again_with_growing_pauses_and_then_given_up(settings, webhook):
    settings, (_, hook) = using(settings, webhook.url)
    webhook.status = 500
    start = time.time()
    with AlertState(settings) as state:
        state.apply([LATE], KINDS, [hook.name], start)
        pauses = []
        now = start
        for _ in range(5):
            (notice,) = state.due(hook.name, now)
            deliver(settings, state, hook, notice, now)
            after = now
            while not state.due(hook.name, after):
                after += 1
            pauses.append(after - now)
            now = after
        assert pauses == [5, 10, 20, 40, 80]
        assert "500" in state.failing()[hook.name]
        (notice,) = state.due(hook.name, now)
        deliver(settings, state, hook, notice, start + 24 * 3600 + 1)
        assert state.due(hook.name, start + 48 * 3600) == []
    assert counts(settings) == {(hook.name, "given_up"): 1}
    assert webhook.attempts == 6


def test_once_it_answers_again_it_is_told_once(settings, webhook):
    settings, (_, hook) = using(settings, webhook.url)
    webhook.status = 503
    with AlertState(settings) as state:
        state.apply([LATE], KINDS, [hook.name], 0.0)
        (notice,) = state.due(hook.name, 0.0)
        deliver(settings, state, hook, notice, 0.0)
        webhook.status = 204
        for now in (5.0, 6.0, 7.0):
            for notice in state.due(hook.name, now):
                deliver(settings, state, hook, notice, now)
    assert len(webhook.received) == 1


def test_no_secret_of_an_address_is_shown(settings, webhook, mailbox, free_port, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    secret = f"mailto://user:s3cret@127.0.0.1:{free_port()}?from=a@example.com&to=b@example.com&mode=insecure"
    settings, told = using(settings, webhook.url, secret)
    webhook.status = 401
    with AlertState(settings) as state:
        names = [channel.name for channel in told]
        state.apply([LATE], KINDS, names, 0.0)
        for channel in told[1:]:
            for notice in state.due(channel.name, 0.0):
                deliver(settings, state, channel, notice, 0.0)
        shown = [*names, *state.failing().values()]
    assert len(state_errors := list(shown)) == 5, state_errors
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("backoffice")]
    assert not any("s3cret" in text for text in [*shown, *ours, repr(settings), *capfd.readouterr()])


def test_an_address_nobody_understands_is_refused_without_showing_it(settings):
    with pytest.raises(AlertError) as caught:
        using(settings, "carrier-pigeon://s3cret@roof")
    assert "carrier-pigeon://" in str(caught.value) and "s3cret" not in str(caught.value)
