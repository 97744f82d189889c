"""A private copy of a file: what is hashed is what is read, whatever happens to the file meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backoffice.collect.files.watch import Candidate
from backoffice.errors import FileSetAsideError

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The copy and the hash of its bytes."""

    path: Path
    sha256: str


def take_snapshot(candidate: Candidate, into: Path) -> Snapshot | None:
    """Copy and hash a file; None when it changed or went away on the way, so that nothing of it may be used.

    Raises:
        FileSetAsideError: the file cannot be read.
        OSError: the copy cannot be written.
    """
    if candidate.problem:
        raise FileSetAsideError(
            f"the file is not read: {candidate.problem}",
            rule="a file is a regular one inside the watched folder, with a name that can be written down",
            next_step="put a plain copy in its place",
        )
    digest = hashlib.sha256()
    with into.open("wb") as copy:
        for block in _blocks(candidate.path):
            digest.update(block)
            copy.write(block)
        size = copy.tell()
    if size != candidate.signature.size or not _unchanged(candidate):
        return None
    return Snapshot(into, digest.hexdigest())


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        # without O_NONBLOCK a pipe put in the file's place would hold the collector for ever
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            while regular and (block := file.read(_BLOCK)):
                yield block
    except FileNotFoundError:  # taken away: the size no longer matches
        return
    except OSError as error:
        raise FileSetAsideError(
            f"the file cannot be read: {error.strerror}",
            next_step="let the collector's user read it; it is tried again at every look",
        ) from error


def _unchanged(candidate: Candidate) -> bool:
    """Also a file of the same size and time that was moved into its place is another one."""
    try:
        now = candidate.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
        candidate.signature.size,
        candidate.signature.mtime_ns,
        candidate.changed_ns,
    )
