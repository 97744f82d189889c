"""What a person and a machine read of an alert: what, since when, how bad, what to do."""

from __future__ import annotations

from typing import Any

from backoffice.watch.state import Alert, Event
from backoffice.watch.text import moment, seconds

_NAMES = {"opened": "ALERT", "reminder": "STILL", "resolved": "RESOLVED", "test": "TEST"}


def title(event: Event | str, alert: Alert) -> str:
    """One line."""
    return f"[Backoffice] {_NAMES[event]} {alert.severity}: {alert.what}"


def body(event: Event | str, alert: Alert) -> str:
    """A few lines of plain text."""
    if event == "resolved":
        lasted = seconds((alert.resolved_at or alert.opened_at) - alert.opened_at)
        return f"{alert.what}: over, after {lasted}.\n\nwas   {alert.how_bad}\nalert {alert.key}\n"
    return (
        f"{alert.what}.\n\n"
        f"since {moment(alert.since)}\n"
        f"how   {alert.how_bad}\n"
        f"do    {alert.next_step}\n"
        f"more  docs/alerts.md#{alert.kind}, `backoffice alerts list`\n"
        f"alert {alert.key}\n"
    )


def payload(event: Event | str, alert: Alert) -> dict[str, Any]:
    """The webhook's JSON. ``id`` is the same for every notice of one alert; times are Unix seconds."""
    return {
        "event": event,
        "id": alert.id,
        "key": alert.key,
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
        "what": alert.what,
        "how_bad": alert.how_bad,
        "next_step": alert.next_step,
        "since": alert.since,
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "text": f"{title(event, alert)}\n{body(event, alert)}",
    }
