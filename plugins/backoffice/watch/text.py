"""Times as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: float) -> str:
    """An instant in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def seconds(length: float) -> str:
    """A length of time in its two largest units."""
    left = max(0, round(length))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
