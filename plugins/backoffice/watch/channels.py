"""Where alerts are told: the log always, and each address of ``BACKOFFICE_ALERT_URLS``.

A channel's ``name`` holds no secret, and stays the same as long as its address does.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from backoffice.errors import AlertError
from backoffice.settings import Settings
from backoffice.watch.message import body, payload, title
from backoffice.watch.state import Alert, Event

log = logging.getLogger("backoffice.alerts")

_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 200
_LEVELS = {"critical": logging.ERROR, "warning": logging.WARNING}


class Channel(Protocol):
    """A place alerts are told in."""

    name: str

    def send(self, event: Event | str, alert: Alert) -> None:
        """Tell it.

        Raises:
            AlertError: it was not taken; says why, without secrets.
        """


class LogChannel:
    """The watcher's own log."""

    name = "log"

    def send(self, event: Event | str, alert: Alert) -> None:
        """Write one line."""
        level = logging.INFO if event in ("resolved", "test") else _LEVELS[alert.severity]
        log.log(level, "%s | %s | %s", title(event, alert), alert.how_bad, alert.next_step)


class WebhookChannel:
    """A JSON document by POST; any 2xx is taken."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = f"webhook {urlsplit(url).hostname} {_fingerprint(url)}"

    def send(self, event: Event | str, alert: Alert) -> None:
        """Post it."""
        try:
            answer = httpx.post(self._url, json=payload(event, alert), timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise AlertError(f"it cannot be reached: {type(error).__name__}", where=self.name) from error
        if not answer.is_success:
            text = answer.text[:_LONGEST_ANSWER]
            raise AlertError(f"it answered {answer.status_code} {text}".rstrip(), where=self.name)


class AppriseChannel:
    """E-mail, Slack, Teams and whatever else Apprise has an address for."""

    def __init__(self, url: str) -> None:
        import apprise

        plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if plugin is None:
            raise AlertError(
                f"an address is not understood: it begins with {urlsplit(url).scheme or '?'}://",
                where="BACKOFFICE_ALERT_URLS",
                next_step="write it as Apprise's documentation has it, such as "
                "mailtos://user:password@smtp.example.com/?from=backoffice@example.com&to=ops@example.com",
            )
        self._plugin = plugin
        scheme = urlsplit(url).scheme
        self.name = f"{'email' if scheme.startswith('mailto') else scheme} {_fingerprint(url)}"

    def send(self, event: Event | str, alert: Alert) -> None:
        """Hand it to Apprise, and say what it logged when it failed."""
        import apprise

        kind = apprise.NotifyType.SUCCESS if event == "resolved" else apprise.NotifyType.WARNING
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:  # type: ignore[no-untyped-call]
            taken = self._plugin.notify(
                title=title(event, alert),
                body=body(event, alert),
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
            )
            reason = _last_line(said)
        if not taken:
            raise AlertError(f"it was not taken: {reason}", where=self.name)


def channels(settings: Settings) -> list[Channel]:
    """The log and every channel that is set.

    Raises:
        AlertError: an address is not understood.
    """
    made: list[Channel] = [LogChannel()]
    for url in dict.fromkeys(settings.alert_urls.split()):
        made.append(WebhookChannel(url) if urlsplit(url).scheme in ("http", "https") else AppriseChannel(url))
    return made


def _fingerprint(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:8]


def _last_line(said: Any) -> str:
    lines = [line.strip() for line in said.getvalue().splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
