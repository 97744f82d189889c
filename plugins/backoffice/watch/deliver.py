"""Telling the channels, each in a thread of its own: one that hangs or refuses delays nobody else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from backoffice.errors import BackofficeError
from backoffice.settings import Settings
from backoffice.watch.channels import Channel
from backoffice.watch.state import AlertState, Notice

log = logging.getLogger(__name__)

_FIRST_BACKOFF = 5.0
_LONGEST_BACKOFF = 600.0
_POLL_SECONDS = 1.0
_LEAVE_SECONDS = 2.0


class Delivery:
    """Sends what the state asks for until the block is left. What was not sent then is sent by the next process."""

    def __init__(self, settings: Settings, channels: Sequence[Channel]) -> None:
        self._settings = settings
        self._stop = threading.Event()
        # a channel may hang for as long as its timeout: the process does not wait for it
        self._threads = [
            threading.Thread(target=self._run, args=(channel,), name=channel.name, daemon=True) for channel in channels
        ]

    def __enter__(self) -> Delivery:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_LEAVE_SECONDS)

    def _run(self, channel: Channel) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            try:
                with AlertState(self._settings) as state:
                    for notice in state.due(channel.name, time.time()):
                        deliver(self._settings, state, channel, notice, time.time())
            except Exception:  # a full disk, for example: the thread must outlive it
                log.exception("notices for %s could not be looked up or marked; tried again", channel.name)


def deliver(settings: Settings, state: AlertState, channel: Channel, notice: Notice, now: float) -> None:
    """Tell a channel one notice and mark it; a refused one is tried again later, with growing pauses.

    A kill between the two tells it again: the webhook's ``id`` and ``event`` let a receiver notice.
    """
    try:
        channel.send(notice.event, notice.alert)
    except Exception as error:  # whatever a channel's library raises, the others go on
        reason = error.what if isinstance(error, BackofficeError) else f"{type(error).__name__}: {error}"
        if now - notice.made_at > settings.alert_give_up_hours * 3600:
            log.error("%s is not told %s of %s: given up: %s", channel.name, notice.event, notice.alert.key, reason)
            state.give_up(notice, reason, now)
            return
        pause = min(_FIRST_BACKOFF * 2**notice.attempts, _LONGEST_BACKOFF)
        log.warning("%s was not told of %s, again in %.0f s: %s", channel.name, notice.alert.key, pause, reason)
        state.failed(notice, reason, now + pause)
    else:
        state.sent(notice, now)
