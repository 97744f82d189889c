"""Progress of a full copy: a bar on a terminal, else a line in the log every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

_log = logging.getLogger(__name__)
_LOG_SECONDS = 5.0


class CopyProgress:
    """Counts copied rows.

    Args:
        source: shown to the reader.
        estimates: by table, rows the planner expects; 0 when it does not know.
    """

    def __init__(self, source: str, estimates: Mapping[str, int]) -> None:
        self._source = source
        self._estimates = dict(estimates)
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} rows"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._rows = 0
        self._began = self._logged = time.monotonic()

    def __enter__(self) -> CopyProgress:
        _log.info("%s: copying %d tables in full", self._source, len(self._estimates))
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None:
            self._say("copied")

    def table(self, name: str) -> Callable[[int], None]:
        """Begin a table; the function returned is told of each stretch of rows written."""
        task = self._bar.add_task(f"{self._source} {name}", total=self._estimates.get(name) or None)

        def advance(rows: int) -> None:
            self._rows += rows
            self._bar.advance(task, rows)
            if time.monotonic() - self._logged >= _LOG_SECONDS:
                self._logged = time.monotonic()
                self._say(f"copying {name}:")

        return advance

    def _say(self, what: str) -> None:
        seconds = max(time.monotonic() - self._began, 1e-6)
        _log.info("%s: %s %s rows, %.0f rows/s", self._source, what, f"{self._rows:,}", self._rows / seconds)
