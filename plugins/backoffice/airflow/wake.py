"""Telling Airflow that something has landed, or was published, while the long task that did it is still running.

Events are wake-ups and nothing more: what is loaded is found by watermark, and the refresh also runs every minute. So a
lost event costs a minute at most, and nothing here may ever slow down or stop a landing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from backoffice.airflow.api import AirflowApi
from backoffice.airflow.names import MARTS_ASSET_URI, landed_asset_uri
from backoffice.errors import BackofficeError
from backoffice.landing import Manifest
from backoffice.settings import Settings

log = logging.getLogger(__name__)

# A refresh takes longer than this, so more events a second would only load Airflow.
INTERVAL_SECONDS = 1.0
_RETRY_SECONDS = 10.0
_CLOSE_SECONDS = 15.0


class Wake:
    """Posts at most one event an interval from a thread of its own; the last landing is always followed by one.

    Args:
        post: sends one event; told what has landed since the one before.
        interval: seconds between two events.
        retry: seconds to wait after an event that could not be sent.
    """

    def __init__(
        self,
        post: Callable[[dict[str, Any]], object],
        *,
        interval: float = INTERVAL_SECONDS,
        retry: float = _RETRY_SECONDS,
    ) -> None:
        self._post = post
        self._interval = interval
        self._retry = retry
        self._changed = threading.Condition()
        self._pending: dict[str, Any] = {}
        self._closing = False
        self._cause = ""
        self._thread = threading.Thread(target=self._run, name="wake", daemon=True)

    def __enter__(self) -> Wake:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Send what is pending, trying once, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    def landed(self, manifest: Manifest) -> None:
        """A batch has landed. Returns at once."""
        with self._changed:
            rows = self._pending.get("rows", 0) + manifest.rows
            self._pending = {"batch": manifest.batch_id, "rows": rows}
            self._changed.notify()

    def published(self, version: str) -> None:
        """Readers see a new version. Returns at once."""
        with self._changed:
            self._pending = {"version": version}
            self._changed.notify()

    def _run(self) -> None:
        while (pending := self._next()) is not None:
            pause = self._interval if self._send(pending) else self._retry
            self._rest(pause)

    def _next(self) -> dict[str, Any] | None:
        """Wait for something to send; None when closing and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing)
            pending, self._pending = self._pending, {}
            return pending or None

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)

    def _send(self, pending: dict[str, Any]) -> bool:
        try:
            self._post(pending)
        except BackofficeError as error:
            self._failed(str(error), pending)
            return False
        if self._cause:
            log.info("Airflow is told again")
        self._cause = ""
        return True

    def _failed(self, cause: str, pending: dict[str, Any]) -> None:
        if cause != self._cause:
            log.warning("Airflow was not told; the work is found by watermark within a minute.\n%s", cause)
        self._cause = cause
        with self._changed:
            if not self._closing:
                self._pending = self._pending or pending


def wake_refresh(settings: Settings, source: str) -> Wake:
    """A :class:`Wake` that posts asset events of what the source has landed."""
    return Wake(asset_poster(AirflowApi.as_service(settings), landed_asset_uri(source)))


def wake_readers(settings: Settings) -> Wake:
    """A :class:`Wake` that posts asset events of published marts, for DAGs that work on them."""
    return Wake(asset_poster(AirflowApi.as_service(settings), MARTS_ASSET_URI))


def asset_poster(api: AirflowApi, uri: str) -> Callable[[dict[str, Any]], None]:
    """A function that posts an event of the asset; it looks the asset up at its first call."""
    asset_id: list[int] = []

    def post(extra: dict[str, Any]) -> None:
        if not asset_id:
            asset_id.append(_find_asset(api, uri))
        api.post("/api/v2/assets/events", {"asset_id": asset_id[0], "extra": extra})

    return post


def _find_asset(api: AirflowApi, uri: str) -> int:
    found = api.get("/api/v2/assets", uri_pattern=uri)["assets"]
    for asset in found:
        if asset["uri"] == uri:
            return int(asset["id"])
    raise BackofficeError(
        f"Airflow has no asset {uri} yet", next_step="it appears when the DAG files have been read; nothing to do"
    )
