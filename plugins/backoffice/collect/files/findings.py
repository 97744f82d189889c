"""What a person should look at in a files source: files set aside, and of a read's newest file the columns that changed
and what it replaced.

Kept in ``<home>/collect/<source>.files.json`` by the collector for ``status`` and ``doctor``. Manifests are the record:
this file only saves reading all of them, and is made again from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backoffice.collect.files.history import FileHistory
from backoffice.collect.files.period import in_words
from backoffice.collect.files.watch import Candidate
from backoffice.durable import write_text
from backoffice.errors import FileSetAsideError
from backoffice.settings import Settings


class Findings:
    """The findings of one source, as its collector goes; what of manifests is told is the history's own."""

    def __init__(self, settings: Settings, source: str, history: FileHistory) -> None:
        self._path = _path(settings, source)
        self._history = history
        self._written: dict[str, Any] = {}
        self._aside: dict[str, dict[str, str]] = {}

    def refresh(self) -> None:
        """Take up what the collector before this one found."""
        self._written = _read(self._path)
        self._aside = dict(self._written.get("set_aside", {}))

    def set_aside(self, candidate: Candidate, error: FileSetAsideError) -> None:
        """The file was set aside."""
        self._aside[candidate.name] = {"what": error.what, "next_step": error.next_step}

    def settled(self, candidate: Candidate) -> None:
        """The file was landed or passed over."""
        self._aside.pop(candidate.name, None)

    def save(self, present: Iterable[Candidate]) -> None:
        """Write what changed; files that were taken away are forgotten."""
        names = {candidate.name for candidate in present}
        self._aside = {name: found for name, found in self._aside.items() if name in names}
        now = {"set_aside": self._aside, "drift": self._history.drift}
        now |= {"replaced": self._history.replaced, "warnings": self._history.warnings}
        if now != self._written:
            write_text(self._path, json.dumps(now, ensure_ascii=False, indent=1) + "\n")
            self._written = json.loads(json.dumps(now))


def findings_of(settings: Settings, source: str) -> list[tuple[str, str]]:
    """File and what is to be said of it, one line each; empty for a source without files."""
    found = _read(_path(settings, source))
    aside = [(file, f"set aside: {error['what']}") for file, error in found.get("set_aside", {}).items()]
    drift = [
        (
            f"{note['file']} ({note['batch']})",
            "; ".join(f"{c['kind']} {c['column']!r}: {c['choice']}" for c in note["columns"]),
        )
        for note in found.get("drift", {}).values()
    ]
    replaced = [(f"{note['by']} ({note['batch']})", in_words(note)) for note in found.get("replaced", {}).values()]
    odd = [
        (f"{note['by']} ({note['batch']})", f"accepted, but: {'; '.join(note['what'])}")
        for note in found.get("warnings", {}).values()
    ]
    return aside + drift + replaced + odd


def files_held(settings: Settings, source: str) -> list[str]:
    """Files of which nothing is published: set aside, or landed and held back for drift."""
    found = _read(_path(settings, source))
    held = [
        note["file"]
        for note in found.get("drift", {}).values()
        if any(column["choice"] == "quarantine" for column in note["columns"])
    ]
    return [*found.get("set_aside", {}), *held]


def _path(settings: Settings, source: str) -> Path:
    return settings.collect_dir / f"{source}.files.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found
