r"""A file's bytes as UTF-8 text that DuckDB's CSV reader numbers and rejects exactly.

DuckDB 1.5.5 counts a blank line in the number of a rejected record although it is no row, shows an undecodable byte as
a question mark, and gives up on a whole file when line ends are mixed. Each is met by a mark, a Unicode noncharacter
that no real text holds (they are reserved for a program's inner use), which :mod:`backoffice.collect.files.reader`
takes out again:

- ``BLANK`` makes a blank line a record of one column, so that it is rejected and counted like the others;
- ``BAD`` follows an undecodable byte written as ``\xNN``, with its place in the file; the byte after it makes DuckDB
  reject the record. A NUL, which PostgreSQL cannot hold, is treated the same;
- ``CR`` stands for a carriage return that ends no line, in files with mixed line ends only.

``DELIMITER`` is never in a file: it stands for a delimiter of several characters where a header is split.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backoffice.collect.files.lines import LeftOut, records_only
from backoffice.collect.files.unpack import content_blocks
from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect

BLANK, CR, BAD, DELIMITER = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_MARKS = re.compile(f"[{BLANK}{CR}{BAD}{DELIMITER}]")
_BLANK_LINE = re.compile(r"(?<=\n)(?=\r?\n)")
_INVALID = "\udcff"
_PLACED = re.compile(rf"{BAD}(\d*);[?{_INVALID}\ufffd]?")
_OURS = re.compile(rf"{BAD}\d+;{_INVALID}")
_HANDLER = "backoffice.keep_visible"
_decoding = threading.local()


@dataclass(frozen=True, slots=True)
class PreparedText:
    """The prepared copy. ``lines`` counts its physical lines, so that the reader can show that it read them all."""

    path: Path
    lines: int
    marked_blank: bool
    marked_cr: bool
    mixed_line_ends: bool
    left_out: LeftOut


def prepare_text(
    raw: Path, into: Path, dialect: FileDialect, *, mark_blank: bool, one_line_end: bool, unpacked_mb: int
) -> PreparedText:
    """Write the prepared copy.

    Args:
        raw: the file's bytes.
        into: where to write.
        dialect: the file's layout.
        mark_blank: mark blank lines; not for a file of one column, where a blank line is a record.
        one_line_end: make every line end a line feed, inside quotes too; other carriage returns are kept.
        unpacked_mb: megabytes a packed file may hold.

    Raises:
        FileSetAsideError: the text cannot be unpacked or decoded at all, is shorter than its footer, or holds a mark.
    """
    counts, left_out = _Counts(), LeftOut()
    blocks = _lines_whole(_decoded(content_blocks(raw, dialect, unpacked_mb), dialect.encoding))
    if dialect.line_end == "cr":
        blocks = (text.replace("\r", "\n") for text in blocks)
    with into.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        for text in records_only(blocks, dialect, left_out):
            out.write(counts.add(_one_line_end(text) if one_line_end else text, mark_blank))
    lines = counts.line_feeds + (counts.last not in ("", "\n"))
    mixed = counts.returns not in (0, counts.return_feeds) or counts.return_feeds not in (0, counts.line_feeds)
    return PreparedText(into, lines, counts.blanks > 0, one_line_end, mixed, left_out)


def as_written(text: str) -> tuple[str, int | None, bool]:
    """A prepared text without its marks, the place of its first undecodable byte, and whether it has any or a NUL."""
    placed = _PLACED.search(text)
    shown = _PLACED.sub("", text).replace(BLANK, "").replace(CR, "\r")
    return shown, int(placed[1]) if placed and placed[1] else None, placed is not None


class _Counts:
    """Running counts over the blocks of a text, and the character before the next block."""

    def __init__(self) -> None:
        self.line_feeds = self.returns = self.return_feeds = self.blanks = 0
        self.last = ""

    def add(self, text: str, mark_blank: bool) -> str:
        """Count a block; returns it with its blank lines marked."""
        if not text:
            return text
        self.line_feeds += text.count("\n")
        self.returns += text.count("\r")
        self.return_feeds += text.count("\r\n")
        before = self.last or "\n"
        self.last = text[-1]
        if not mark_blank or not ("\n\n" in (joined := before + text) or "\n\r\n" in joined):
            return text
        marked, blanks = _BLANK_LINE.subn(BLANK, joined)
        self.blanks += blanks
        return marked[1:]


def _one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", CR)


def _lines_whole(blocks: Iterator[str]) -> Iterator[str]:
    """The same text with no block ending between a carriage return and its line feed."""
    held = ""
    for block in blocks:
        text = held + block
        held = "\r" if text.endswith("\r") else ""
        yield text.removesuffix("\r")
    yield held


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors=_HANDLER)
    first = True
    _decoding.read = 0
    for block in blocks:
        _decoding.read += len(block)
        text = _decode(decoder, block)
        yield _marked(text.removeprefix("\ufeff") if first else text)
        first = first and not text


def _decode(decoder: codecs.IncrementalDecoder, block: bytes) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeError as error:
        raise FileSetAsideError(
            f"the file is not text in the encoding given: {error}",
            next_step="mend dialect.encoding in the source's YAML",
        ) from error


def _marked(text: str) -> str:
    """Refuse texts that hold a mark of ours, which the decoder's own are told from by their place; mark NULs."""
    if not text.isascii() and (found := _MARKS.search(_OURS.sub("", text))):
        raise FileSetAsideError(
            f"the file holds the character U+{ord(found[0]):04X}",
            rule="Unicode noncharacters U+FDD0 to U+FDD3 are the collector's own marks",
            next_step="have the character taken out where the file is written",
        )
    return text.replace("\0", f"\\x00{BAD};{_INVALID}") if "\0" in text else text


def _keep_visible(error: UnicodeError) -> tuple[str, int]:
    r"""Codec error handler: the bytes as ``\xNN``, their place, and a surrogate that is written as an invalid byte."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    shown = "".join(f"\\x{byte:02x}" for byte in error.object[error.start : error.end])
    place = _decoding.read - (len(error.object) - error.start)
    return f"{shown}{BAD}{place};{_INVALID}", error.end


codecs.register_error(_HANDLER, _keep_visible)
