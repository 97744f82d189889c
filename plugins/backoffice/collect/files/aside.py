"""Files that could not be read, once per content, in ``<home>/collect/<source>.errors.jsonl``."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backoffice.collect.files.watch import Candidate
from backoffice.errors import FileSetAsideError

_log = logging.getLogger(__name__)


class AsideList:
    """The list of one source. A restart tries its files again, because a restart may have brought a mended layout."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[tuple[str, str, str]] = set()
        self._hashes: set[str] = set()

    def refresh(self) -> None:
        """Read the list again; the caller holds the source's lock, because a half-written line is mended."""
        for entry in _written(self._path):
            self._remember(entry)

    def record(self, candidate: Candidate, sha256: str, error: FileSetAsideError) -> bool:
        """Write the error down and log it; False when the same was written before.

        Args:
            candidate: the file.
            sha256: hash of its content, or empty when it could not be opened.
            error: what is wrong with it.
        """
        entry = _entry(candidate, sha256, error)
        if _key(entry) in self._known:
            return False
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._remember(entry)
        # a name that is not UTF-8 cannot be written to a log as it is
        path = os.fsencode(candidate.path).decode("utf-8", "backslashreplace")
        _log.error("set aside %s: %s", path, error)
        return True

    def holds(self, sha256: str) -> bool:
        """Content that was set aside at some time."""
        return sha256 in self._hashes

    def _remember(self, entry: dict[str, Any]) -> None:
        self._known.add(_key(entry))
        if entry["sha256"]:
            self._hashes.add(entry["sha256"])


def _written(path: Path) -> list[dict[str, Any]]:
    """The entries of the list; a last line that a killed collector left half written is cut off: it is found again."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        os.truncate(path, len(whole.encode()))
    return [json.loads(line) for line in whole.split("\n")[:-1]]


def _entry(candidate: Candidate, sha256: str, error: FileSetAsideError) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "file": candidate.name,
        "read": candidate.read,
        "sha256": sha256,
        "size": candidate.signature.size,
        "mtime_ns": candidate.signature.mtime_ns,
        "what": error.what,
        "rule": error.rule,
        "next_step": error.next_step,
    }


def _key(entry: dict[str, Any]) -> tuple[str, str, str]:
    content = entry["sha256"] or f"{entry['file']} {entry['size']} {entry['mtime_ns']}"
    return entry["read"], content, entry["what"]
