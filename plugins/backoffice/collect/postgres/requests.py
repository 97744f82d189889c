"""Requests to a running collector: small files it looks for between two transactions."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from backoffice.settings import Settings


class CopyRequests:
    """``<home>/requests/<source>/<id>.json``: reads to copy anew. A file stays until the copy has landed."""

    def __init__(self, settings: Settings, source: str) -> None:
        self._folder = settings.home / "requests" / source

    def add(self, reads: Iterable[str], reason: str) -> None:
        """Ask for a full copy of some reads."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{uuid.uuid4().hex}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"copy": sorted(reads), "reason": reason}), encoding="utf-8")
        os.replace(temporary, path)

    def pending(self) -> dict[Path, list[str]]:
        """Files and the reads they ask for."""
        if not self._folder.is_dir():
            return {}
        return {path: json.loads(path.read_text(encoding="utf-8"))["copy"] for path in self._folder.glob("*.json")}

    def done(self, files: Iterable[Path]) -> None:
        """Remove files whose copies have landed."""
        for path in files:
            path.unlink(missing_ok=True)
