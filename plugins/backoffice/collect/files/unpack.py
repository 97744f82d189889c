"""A file's bytes, unpacked when its layout says that it is packed, up to a limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect

_BLOCK = 1 << 20
_BROKEN = (EOFError, OSError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile, lzma.LZMAError)


def content_blocks(raw: Path, dialect: FileDialect, unpacked_mb: int) -> Iterator[bytes]:
    """The file's content in blocks; the last one is empty.

    Args:
        raw: the file.
        dialect: its layout.
        unpacked_mb: megabytes a packed file may hold.

    Raises:
        FileSetAsideError: the file cannot be unpacked, or holds more than that.
    """
    if dialect.compression == "none":
        with raw.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    else:
        yield from _unpacked(raw, dialect.compression, unpacked_mb)
    yield b""


def _unpacked(raw: Path, compression: str, unpacked_mb: int) -> Iterator[bytes]:
    total = 0
    with _opened(raw, compression) as file:
        while block := _read(file, compression):
            total += len(block)
            if total > unpacked_mb << 20:
                raise FileSetAsideError(
                    f"the file holds more than {unpacked_mb} MB unpacked",
                    rule="a packed file holds at most BACKOFFICE_FILE_UNPACKED_MB megabytes",
                    next_step="have it sent in parts, or raise the limit if its size is right",
                )
            yield block


@contextmanager
def _opened(raw: Path, compression: str) -> Iterator[IO[bytes]]:
    try:
        file = _open(raw, compression)
    except _BROKEN as error:
        raise _broken(compression, error) from error
    with file:
        yield file


def _open(raw: Path, compression: str) -> IO[bytes]:
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(raw))
    if compression == "bz2":
        return bz2.open(raw)
    return lzma.open(raw) if compression == "xz" else _open_zip(raw)


def _open_zip(raw: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise FileSetAsideError(
            f"the archive holds {len(members)} files",
            rule="a zip archive holds one file",
            next_step="have each file packed by itself",
        )
    return archive.open(members[0])


def _read(file: IO[bytes], compression: str) -> bytes:
    try:
        return file.read(_BLOCK)
    except _BROKEN as error:
        raise _broken(compression, error) from error


def _broken(compression: str, error: Exception) -> FileSetAsideError:
    return FileSetAsideError(
        f"the file cannot be unpacked: {error}",
        rule=f"dialect.compression is {compression}",
        next_step="have the file sent again, or mend dialect.compression in the source's YAML",
    )
