r"""A file's bytes as UTF-8 text that DuckDB's CSV reader numbers and rejects exactly.

DuckDB 1.5.5 counts a blank line in the number of a rejected record although it is no row, shows an undecodable byte as
a question mark, and gives up on a whole file when line ends are mixed. Each is met by a mark, a Unicode noncharacter
that no real text holds (they are reserved for a program's inner use), which :mod:`backoffice.collect.files.reader`
takes out again:

- ``BLANK`` makes a blank line a record of one column, so that it is rejected and counted like the others;
- ``BAD`` follows an undecodable byte written as ``\xNN``; the byte after it makes DuckDB reject the record;
- ``CR`` stands for a carriage return that ends no line, in files with mixed line ends only.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backoffice.errors import FileSetAsideError

BLANK, CR, BAD = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKS = re.compile(f"[{BLANK}{CR}{BAD}]")
_BLANK_LINE = re.compile(r"(?<=\n)(?=\r?\n)")
_UNDECODABLE = "\udcff"
_HANDLER = "backoffice.keep_visible"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class PreparedText:
    """The prepared copy. ``lines`` counts its physical lines, so that the reader can show that it read them all."""

    path: Path
    lines: int
    marked_blank: bool
    marked_cr: bool
    mixed_line_ends: bool


def prepare_text(raw: Path, into: Path, encoding: str, *, mark_blank: bool, one_line_end: bool) -> PreparedText:
    """Write the prepared copy.

    Args:
        raw: the file's bytes.
        into: where to write.
        encoding: name of a Python codec.
        mark_blank: mark blank lines; not for a file of one column, where a blank line is a record.
        one_line_end: make every line end a line feed, inside quotes too; other carriage returns are kept.

    Raises:
        FileSetAsideError: the text cannot be decoded at all, or holds one of the marks.
    """
    counts = _Counts()
    with into.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        for text in _lines_whole(_decoded(raw, encoding)):
            out.write(counts.add(_one_line_end(text) if one_line_end else text, mark_blank))
    lines = counts.line_feeds + (counts.last not in ("", "\n"))
    mixed = counts.returns not in (0, counts.return_feeds) or counts.return_feeds not in (0, counts.line_feeds)
    return PreparedText(into, lines, counts.blanks > 0, one_line_end, mixed)


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


def _decoded(raw: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors=_HANDLER)
    first = True
    with raw.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            text = _decode(decoder, block)
            yield _marked(text.removeprefix("\ufeff") if first else text)
            first = first and not text
            if not block:
                return


def _decode(decoder: codecs.IncrementalDecoder, block: bytes) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeError as error:
        raise FileSetAsideError(
            f"the file is not text in the encoding given: {error}",
            next_step="mend dialect.encoding in the source's YAML",
        ) from error


def _marked(text: str) -> str:
    if not text.isascii() and (found := _MARKS.search(text)):
        raise FileSetAsideError(
            f"the file holds the character U+{ord(found[0]):04X}",
            rule="Unicode noncharacters U+FDD0 to U+FDD2 are the collector's own marks",
            next_step="have the character taken out where the file is written",
        )
    return text.replace(_UNDECODABLE, BAD + _UNDECODABLE)


def _keep_visible(error: UnicodeError) -> tuple[str, int]:
    r"""Codec error handler: the bytes as ``\xNN``, then a lone surrogate that becomes an invalid byte when written."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    shown = "".join(f"\\x{byte:02x}" for byte in error.object[error.start : error.end])
    return shown + _UNDECODABLE, error.end


codecs.register_error(_HANDLER, _keep_visible)
