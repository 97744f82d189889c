"""Lines of a file that are no records: those before the header, comments and the footer."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from backoffice.errors import FileSetAsideError
from backoffice.sources import FileDialect


@dataclass(slots=True)
class LeftOut:
    """Numbers of the lines left out, from 1, and the footer's lines."""

    numbers: list[int] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)

    def line_in_file(self, line: int) -> int:
        """Where a line of what was kept stands in the file."""
        before = bisect_right(range(len(self.numbers)), line, key=lambda place: self.numbers[place] - place)
        return line + before


def records_only(blocks: Iterator[str], dialect: FileDialect, left_out: LeftOut) -> Iterator[str]:
    """The text without the lines that are no records; ``left_out`` is filled on the way.

    Raises:
        FileSetAsideError: the file has fewer lines than the footer.
    """
    if not (dialect.skip or dialect.comment or dialect.footer):
        return blocks
    kept = _without_comments(_without_first(_lines(blocks), dialect.skip, left_out), dialect, left_out)
    if dialect.footer:
        kept = _without_footer(kept, dialect.footer.lines, left_out)
    return (line for _, line in kept)


def _lines(blocks: Iterator[str]) -> Iterator[tuple[int, str]]:
    number, held = 0, ""
    for block in blocks:
        *whole, held = (held + block).split("\n")
        for line in whole:
            number += 1
            yield number, line + "\n"
    if held:
        yield number + 1, held


def _without_first(lines: Iterator[tuple[int, str]], count: int, left_out: LeftOut) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if number <= count:
            left_out.numbers.append(number)
        else:
            yield number, line


def _without_comments(
    lines: Iterator[tuple[int, str]], dialect: FileDialect, left_out: LeftOut
) -> Iterator[tuple[int, str]]:
    """A line inside a quoted value is no comment: quotes are counted, escaped ones left out."""
    inside = False
    escaped = dialect.escape + dialect.quote
    for number, line in lines:
        if dialect.comment and not inside and line.startswith(dialect.comment):
            left_out.numbers.append(number)
            continue
        if dialect.comment and dialect.quote:
            bare = line.replace(escaped, "") if dialect.escape else line
            inside ^= bare.count(dialect.quote) % 2 == 1
        yield number, line


def _without_footer(lines: Iterator[tuple[int, str]], count: int, left_out: LeftOut) -> Iterator[tuple[int, str]]:
    held: deque[tuple[int, str]] = deque()
    full = 0
    for number, line in lines:
        held.append((number, line))
        full += bool(line.strip())
        while full > count:
            before = held.popleft()
            full -= bool(before[1].strip())
            yield before
    if full < count:
        raise FileSetAsideError(
            f"the file has {full} lines where {count} of a footer are due",
            rule="dialect.footer of the read",
            next_step="have the file sent again: it was cut off",
        )
    while not held[0][1].strip():  # blank lines before the footer belong to the records
        yield held.popleft()
    left_out.footer = [line.rstrip("\r\n") for _, line in held if line.strip()]
