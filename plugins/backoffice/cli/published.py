"""What the status file beside the marts says."""

from __future__ import annotations

import json
from typing import Any

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
