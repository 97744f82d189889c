"""Files that follow from others: writing what differs, and telling what is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path


def stale(wanted: Mapping[Path, str], present: Iterable[Path]) -> list[Path]:
    """Generated files that are missing or differ, and those ``present`` that are no longer generated."""
    differing = {path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text}
    return sorted(differing | (set(present) - wanted.keys()))


def write(wanted: Mapping[Path, str], present: Iterable[Path]) -> list[Path]:
    """Write what differs and remove what is no longer generated; returns the paths that changed."""
    changed = stale(wanted, present)
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return changed
