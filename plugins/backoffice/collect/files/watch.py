"""Which files of the watched folder are ready: ours by their name, and standing still."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backoffice.errors import CollectError, MappingError
from backoffice.sources import SourceConfig

_UNFINISHED = (".tmp", ".part", ".filepart", "~")


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file is written to. ``mtime_ns`` is Unix time in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of one read. ``name`` is its path inside the watched folder."""

    path: Path
    name: str
    read: str
    signature: Signature


class FolderWatch:
    """Looks at the folder; remembers since when each file has stood still.

    The clock is ours and not the file's: ``cp -p`` gives a file that is still growing the time of its original.
    """

    def __init__(self, config: SourceConfig, folder: Path, stable_seconds: float, clock: Callable[[], float]) -> None:
        self._config = config
        self._folder = folder
        self._stable_seconds = stable_seconds
        self._clock = clock
        self._still: dict[str, tuple[Signature, float]] = {}
        self.waiting: list[Candidate] = []
        """Files of the last look that have not stood still long enough."""

    def look(self) -> list[Candidate]:
        """Files unchanged for the stable time between looks, by modification time, then name.

        Raises:
            CollectError: the folder is not there.
            MappingError: a file matches the patterns of two reads.
        """
        if not self._folder.is_dir():
            raise CollectError(
                "the watched folder is not there",
                where=str(self._folder),
                next_step="mount or create it; no file was lost",
            )
        found = self._candidates()
        now = self._clock()
        self._still = {candidate.name: self._since(candidate, now) for candidate in found}
        ready = [c for c in found if now - self._still[c.name][1] >= self._stable_seconds]
        self.waiting = [c for c in found if now - self._still[c.name][1] < self._stable_seconds]
        return sorted(ready, key=lambda candidate: (candidate.signature.mtime_ns, candidate.name))

    def restart(self, candidate: Candidate) -> None:
        """The file moved after all: its stable time starts again."""
        self._still.pop(candidate.name, None)

    def _since(self, candidate: Candidate, now: float) -> tuple[Signature, float]:
        known = self._still.get(candidate.name)
        return known if known and known[0] == candidate.signature else (candidate.signature, now)

    def _candidates(self) -> list[Candidate]:
        by_name: dict[str, Candidate] = {}
        for candidate in self._matches():
            other = by_name.setdefault(candidate.name, candidate)
            if other.read != candidate.read:
                raise MappingError(
                    f"{candidate.name} matches the patterns of {other.read} and {candidate.read}",
                    where=f"sources/{self._config.source}.yaml reads",
                    rule="a file belongs to one read",
                    next_step="make one of the patterns narrower",
                )
        return list(by_name.values())

    def _matches(self) -> Iterator[Candidate]:
        for read_name, read in self._config.reads.items():
            for path in self._folder.glob(read.pattern):
                name = path.relative_to(self._folder)
                if _ignored(name):
                    continue
                signature = _signature(path)
                if signature:
                    yield Candidate(path, name.as_posix(), read_name, signature)


def _ignored(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts) or name.name.lower().endswith(_UNFINISHED)


def _signature(path: Path) -> Signature | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # taken away since the listing
        return None
    return Signature(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
