"""Files that are either the old one or the new one, also after a power cut."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backoffice.errors import StorageError

_BLOCK = 1 << 20
_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


@contextmanager
def storage_errors(doing: str, where: str = "") -> Iterator[None]:
    """Say clearly that a disk is full or a folder cannot be written to.

    Other errors of the operating system, such as those of connections, pass through.

    Args:
        doing: what was interrupted by it.
        where: the folder written to, for errors that do not name their file.

    Raises:
        StorageError: names the file and what the system says of it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise _storage_error(doing, str(error.filename or where), error.strerror or str(error)) from error
    except Exception as error:  # DuckDB gives no number, and a commit that fails another class
        said = str(error)
        if not _is_duckdb(error) or not any(os.strerror(number) in said for number in _REFUSED):
            raise
        quoted = said.split('"')
        raise _storage_error(doing, quoted[1] if len(quoted) > 2 else where, said.splitlines()[0]) from error


def _is_duckdb(error: Exception) -> bool:
    """Known by its name: DAG files import this module, and must not bring DuckDB with them."""
    return any(kind.__module__ in {"duckdb", "_duckdb"} for kind in type(error).__mro__)


def _storage_error(doing: str, file: str, said: str) -> StorageError:
    return StorageError(
        f"{doing} was stopped by the disk: {said}",
        where=file,
        rule="rows and offset are durable together: what was not finished is done again, nothing is lost",
        next_step="free space, or give back the right to write; the next run goes on by itself",
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """The file's name in the errors of writing it: the system gives it only when a file is opened."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a file's text: temporary name, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with naming(temporary), temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> tuple[str, int]:
    """Make a file's content durable; returns its SHA-256 and its bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        os.fsync(file.fileno())
        return digest.hexdigest(), file.tell()


def point(link: Path, target: Path) -> None:
    """Make ``link`` a relative symbolic link to ``target`` in the same folder, in one step for every reader."""
    temporary = link.with_name(f".{link.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.name)
    os.replace(temporary, link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
