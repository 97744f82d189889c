"""Waiting between tries at something that is down."""

from __future__ import annotations

import random
import threading


class Backoff:
    """Pauses that double from ``first`` to ``longest`` seconds, each shortened by chance so that many do not meet."""

    def __init__(self, first: float = 0.2, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self, stop: threading.Event, at_most: float | None = None) -> None:
        """Wait; a stop or ``at_most`` seconds end it early."""
        seconds = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        stop.wait(seconds if at_most is None else max(min(seconds, at_most), 0.0))

    def reset(self) -> None:
        """It worked: the next pause is short again."""
        self._next = self._first
