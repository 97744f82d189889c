"""Files a collector set aside and that still lie in their folder as they were, not landed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from backoffice.collect.files.history import FileHistory
from backoffice.collect.files.watch import Candidate, Signature
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import FilesConnection, SourceConfig


@dataclass(frozen=True, slots=True)
class AsideFile:
    """One of them: its name, what is wrong with it, what to do, and when it was set aside."""

    file: str
    what: str
    next_step: str
    at: float


class AsideFiles:
    """The set-aside files of one source. Manifests are read once: a file may be landed after its layout was mended."""

    def __init__(self, settings: Settings, config: SourceConfig) -> None:
        self._list = settings.collect_dir / f"{config.source}.errors.jsonl"
        self._config = config
        self._folder = (
            settings.home / config.connection.folder if isinstance(config.connection, FilesConnection) else None
        )
        self._history = FileHistory(config, LocalBatchStore(settings.landing_dir))

    def look(self) -> list[AsideFile]:
        """By name; one that was replaced, landed or removed since is not among them."""
        if self._folder is None or not self._list.exists():
            return []
        self._history.refresh()
        found: dict[str, AsideFile] = {}
        whole, _, _ = self._list.read_text(encoding="utf-8", errors="replace").rpartition("\n")
        for line in whole.split("\n") if whole else ():  # a last line without its end is being written
            entry = json.loads(line)
            if self._lies_there(entry, self._folder):
                at = datetime.fromisoformat(entry["at"]).timestamp()
                aside = AsideFile(str(entry["file"]), str(entry["what"]), str(entry["next_step"]), at)
                if not self._is_landed(aside.file, str(entry["read"]), self._folder):
                    found[aside.file] = aside
        return list(found.values())

    def _lies_there(self, entry: dict[str, Any], folder: Path) -> bool:
        try:
            stat = (folder / entry["file"]).stat()
        except FileNotFoundError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (entry["size"], entry["mtime_ns"])

    def _is_landed(self, name: str, read: str, folder: Path) -> bool:
        path = folder / name
        try:
            stat = path.stat()
        except FileNotFoundError:
            return True
        signature = Signature(stat.st_size, stat.st_mtime_ns)
        return self._history.is_settled(Candidate(path, name, read, signature, stat.st_ctime_ns))
