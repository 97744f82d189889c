"""Cursors: how far a read has come, by the values of one of its columns."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any


def as_text(value: Any) -> str:
    """A cursor as a manifest keeps it and a query parameter has it; instants in UTC, with a Z."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def go_back(value: Any, seconds: int) -> Any:
    """The cursor so much earlier; a date by whole days."""
    try:
        return (
            value - timedelta(days=-(-seconds // 86400)) if type(value) is date else value - timedelta(seconds=seconds)
        )
    except OverflowError:
        return value
