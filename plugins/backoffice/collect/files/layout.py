"""What a source file promises about its files, checked once before any file is opened."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from backoffice.errors import MappingError
from backoffice.landing import ENVELOPE, EXTRA
from backoffice.settings import Settings
from backoffice.sources import FileDialect, FilesConnection, ReadTable, SourceConfig


def watched_folder(config: SourceConfig, settings: Settings) -> Path:
    """The folder of a files source; a relative one is below the platform's home.

    Raises:
        MappingError: the source is not a files source.
    """
    if not isinstance(config.connection, FilesConnection):
        raise MappingError(
            f"source {config.source} is a {config.connection.kind} source",
            where=f"sources/{config.source}.yaml connection",
            next_step="use the collector of its kind",
        )
    return settings.home / config.connection.folder


def check_layouts(config: SourceConfig) -> None:
    """Refuse layouts no reader can follow.

    Raises:
        MappingError: names the read and the key.
    """
    for name, read in config.reads.items():
        where = f"sources/{config.source}.yaml reads.{name}"
        _check_characters(read.dialect, where)
        _check_encoding(read.dialect.encoding, where)
        _check_footer(read, where)
        _check_columns(read, where)
        _check_pattern(read.pattern, where)


def _check_characters(dialect: FileDialect, where: str) -> None:
    marks = {"quote": dialect.quote, "escape": dialect.escape, "decimal": dialect.decimal}
    wrong = [key for key, mark in marks.items() if len(mark) > 1 or mark in ("\n", "\r")]
    wrong += [key for key in ("delimiter", "comment") if set("\r\n") & set(getattr(dialect, key))]
    if not 1 <= len(dialect.delimiter.encode()) <= 4:
        wrong.append("delimiter")
    if dialect.delimiter in (dialect.quote, dialect.escape):
        wrong.append("quote")
    if dialect.decimal in ("", dialect.thousands):
        wrong.append("decimal")
    if wrong:
        raise MappingError(
            f"{', '.join(dict.fromkeys(wrong))} cannot be used as given",
            where=f"{where}.dialect",
            rule="a delimiter is one to four bytes, quote, escape and decimal are one character each and unlike it and "
            "each other, none holds a line end; an empty quote means that the files use none",
            next_step='mend the dialect; a tab is written "\\t"',
        )


def _check_footer(read: ReadTable, where: str) -> None:
    footer = read.dialect.footer
    if footer is None:
        return
    try:
        groups = set(re.compile(footer.pattern).groupindex)
    except re.error as error:
        raise MappingError(
            f"footer.pattern is not a regular expression: {error}", where=f"{where}.dialect", next_step="mend it"
        ) from error
    if groups - {"rows", "sum"} or ("sum" in groups) != bool(footer.sum_of) or footer.sum_of not in ("", *read.columns):
        raise MappingError(
            "footer cannot be checked as given",
            where=f"{where}.dialect",
            rule="groups of footer.pattern are rows and sum; sum_of names the column that sum is the total of",
            next_step="mend footer.pattern or footer.sum_of",
        )


def _check_encoding(encoding: str, where: str) -> None:
    try:
        "".encode(encoding)
    except LookupError as error:
        raise MappingError(
            f"encoding {encoding} is not known",
            where=f"{where}.dialect",
            rule="an encoding is the name of one of Python's text codecs, such as utf-8, cp1252 or latin-1",
            next_step="mend the name",
        ) from error


def _check_columns(read: ReadTable, where: str) -> None:
    taken = sorted(set(read.columns) & {*ENVELOPE, EXTRA})
    if taken:
        raise MappingError(
            f"columns {', '.join(taken)} have names of the platform's own",
            where=f"{where}.columns",
            next_step="rename them: a file without a header takes any name, one with a header must change its own",
        )


def _check_pattern(pattern: str, where: str) -> None:
    parts = PurePath(pattern)
    if parts.is_absolute() or ".." in parts.parts:
        raise MappingError(
            f"pattern {pattern} leaves the watched folder",
            where=where,
            next_step="give the pattern inside connection.folder",
        )
