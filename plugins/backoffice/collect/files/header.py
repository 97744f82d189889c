"""The header line: what it says, and how the file's columns stand to the declared ones."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

from backoffice.collect.files.drift import Layout, declared_layout, header_layout
from backoffice.collect.files.text import BAD, DELIMITER, PreparedText
from backoffice.errors import FileSetAsideError
from backoffice.sources import DriftPolicy, FileDialect, ReadTable


@dataclass(frozen=True, slots=True)
class Header:
    """A file's layout; ``names`` is empty and ``lines`` 0 when the dialect has no header. ``line`` is in the file."""

    layout: Layout
    names: tuple[str, ...] = ()
    lines: int = 0
    line: int = 0


def read_header(text: PreparedText, read: ReadTable, policy: DriftPolicy) -> Header:
    """Read the header and match it with the declared columns.

    Raises:
        FileSetAsideError: no header, or one the policy refuses; names the difference. Also for an empty file that would
            delete a whole table: nothing tells it from a failed export.
    """
    if text.lines == 0 and (read.dialect.header or read.full):
        raise FileSetAsideError(
            f"the file is empty where {'a header' if read.dialect.header else 'the whole table'} is due",
            rule="an empty file is not an empty table",
            next_step="write the file again; only a header of its own can say that a table is empty",
        )
    if not read.dialect.header:
        return Header(declared_layout(read))
    names, lines = _first_record(text, read.dialect)
    return Header(header_layout(names, read, policy), tuple(names), lines, text.left_out.line_in_file(1))


def _first_record(text: PreparedText, dialect: FileDialect) -> tuple[list[str], int]:
    with text.path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
        lines = (line.replace(dialect.delimiter, DELIMITER) for line in file)
        reader = csv.reader(lines, **_csv_options(dialect))
        try:
            names = next(reader)
        except (csv.Error, StopIteration) as error:
            raise FileSetAsideError(f"the header cannot be split: {error}", rule="dialect of the read") from error
    if any(BAD in name for name in names):
        raise FileSetAsideError(
            f"the header holds bytes that are not of the encoding {dialect.encoding}",
            rule="dialect.encoding of the read",
            next_step="mend dialect.encoding in the source's YAML, or the file",
        )
    return [name.replace(DELIMITER, dialect.delimiter) for name in names], reader.line_num


def _csv_options(dialect: FileDialect) -> dict[str, Any]:
    doubled = dialect.escape in ("", dialect.quote)
    return {
        "delimiter": DELIMITER,
        "quotechar": dialect.quote or None,
        "quoting": csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        "doublequote": doubled,
        "escapechar": None if doubled or not dialect.quote else dialect.escape,
        "strict": True,
    }
