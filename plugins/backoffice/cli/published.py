"""What the status file beside the marts says."""

from __future__ import annotations

import json
from typing import Any

from backoffice.airflow.sources import readable_sources
from backoffice.collect.heartbeat import last_caught_up
from backoffice.settings import Settings


def read_status(settings: Settings) -> dict[str, Any]:
    """The status the last cycle wrote; empty before the first one."""
    try:
        found: dict[str, Any] = json.loads((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def published_version(settings: Settings) -> str:
    """The audited version readers see, an empty string before the first one."""
    return str(read_status(settings).get("version") or "")


def unread_sources(settings: Settings) -> list[str]:
    """Sources of which readers see nothing, though they have rows, or may have: nobody has looked to the end yet."""
    told = {source["source"]: source for source in read_status(settings).get("sources", [])}
    found = []
    for name in sorted(readable_sources(settings)):
        status = told.get(name, {})
        if not status.get("published_seq") and (status.get("landed_rows") or not last_caught_up(settings, name)):
            found.append(name)
    return found
