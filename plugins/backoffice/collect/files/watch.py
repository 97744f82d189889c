"""Which files of the watched folder are ready: ours by their name, and standing still."""

from __future__ import annotations

import os
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
    """A file of one read.

    Attributes:
        path: where it is.
        name: its path inside the watched folder.
        read: name of the read.
        signature: what changes when it is written to.
        changed_ns: when content, mode or name last changed, which nobody can set; Unix time in nanoseconds.
        problem: why it cannot be read whatever it holds; empty when it can.
    """

    path: Path
    name: str
    read: str
    signature: Signature
    changed_ns: int = 0
    problem: str = ""


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
        self.present: list[Candidate] = []
        """Files of the last look."""

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
        found = self.present = self._candidates()
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
        found: list[Candidate] = []
        by_name: dict[str, Candidate] = {}
        for candidate in self._matches():
            found.append(candidate)
            other = by_name.setdefault(candidate.name, candidate)
            if other.read != candidate.read and not self._parts_of_one_file(other.read, candidate.read):
                raise MappingError(
                    f"{candidate.name} matches the patterns of {other.read} and {candidate.read}",
                    where=f"sources/{self._config.source}.yaml reads",
                    rule="a file belongs to one read",
                    next_step="make one of the patterns narrower",
                )
        return found

    def _parts_of_one_file(self, one: str, other: str) -> bool:
        """A file that holds several kinds of rows is read once for each."""
        first, second = self._config.reads[one], self._config.reads[other]
        return first.format == second.format and bool(first.part) and first.part != second.part

    def _matches(self) -> Iterator[Candidate]:
        for read_name, read in self._config.reads.items():
            for path in self._folder.glob(read.pattern):
                name = path.relative_to(self._folder)
                if not _ignored(name) and (found := _status(path)) and not stat.S_ISDIR(found.st_mode):
                    yield self._candidate(path, name, read_name, found)

    def _candidate(self, path: Path, name: Path, read: str, found: os.stat_result) -> Candidate:
        shown = os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")
        problem = ""
        if shown != name.as_posix():
            problem = "its name is not UTF-8"
        elif not stat.S_ISREG(found.st_mode):
            problem = "it is no regular file"
        elif not path.resolve().is_relative_to(self._folder.resolve()):
            problem = "it is a link that leads out of the watched folder"
        signature = Signature(found.st_size, found.st_mtime_ns)
        return Candidate(path, shown, read, signature, found.st_ctime_ns, problem)


def _ignored(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts) or name.name.lower().endswith(_UNFINISHED)


def _status(path: Path) -> os.stat_result | None:
    """The file's, or the link's own where it leads nowhere; None when it was taken away since the listing."""
    try:
        return path.stat()
    except OSError:
        try:
            return path.lstat()
        except FileNotFoundError:
            return None
