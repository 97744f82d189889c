"""One file to one Parquet file: DuckDB splits, nothing is guessed, and every line is accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from backoffice.collect.files.header import check_header
from backoffice.collect.files.records import POSITION, Stamp, landed_schema, landed_tables
from backoffice.collect.files.rejects import Defect, Reject, defects_of, read_rejects
from backoffice.collect.files.text import BLANK, CR, PreparedText, prepare_text
from backoffice.errors import FileSetAsideError
from backoffice.settings import Settings
from backoffice.sources import FileDialect, ReadTable

_ROWS = 50_000
# the default of 2 MB rejects records that carry an embedded document
_RECORD_BYTES = 16 << 20
# DuckDB takes sixteen records' worth a buffer by default, which leaves a collector no memory to sort in
_BUFFER_BYTES = 2 * _RECORD_BYTES


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a file held, in records; ``one_line_end`` says that mixed line ends were read as line feeds."""

    rows: int
    defects: int
    one_line_end: bool


@dataclass(frozen=True, slots=True)
class _Split:
    text: PreparedText
    header_lines: int


def write_parquet(
    raw: Path, target: Path, read: ReadTable, stamp: Stamp, *, work: Path, settings: Settings
) -> FileRows:
    """Write the file's records with their envelope, in file order, numbered from 1.

    Args:
        raw: private copy of the file.
        target: Parquet file to write.
        read: its layout.
        stamp: envelope values.
        work: folder for what is prepared and spilled.
        settings: memory and threads.

    Raises:
        FileSetAsideError: the file cannot be read as its layout says, so nothing of it may land.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": settings.duckdb_threads,
        "memory_limit": settings.collector_memory,
        "temp_directory": str(work / "spill"),
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        split = _split(connection, raw, read, work)
        rejects = read_rejects(connection, split.text)
        _account(connection, split, read, rejects)
        defects = defects_of(rejects, read.dialect.header)
        rows = _write(connection, read, stamp, defects, target)
        return FileRows(rows, len(defects), split.text.marked_cr)
    finally:
        connection.close()


def _split(connection: duckdb.DuckDBPyConnection, raw: Path, read: ReadTable, work: Path) -> _Split:
    """Read what can be split into table ``good`` and the rest into ``reject_errors``."""
    text = _prepare(raw, read, work, one_line_end=False)
    header_lines = check_header(text, read)
    try:
        connection.execute(_good_sql(text, read))
    except duckdb.InvalidInputException as error:
        if not text.mixed_line_ends:
            raise _unreadable(error) from error
    else:
        return _Split(text, header_lines)
    # a strict reader gives up on a file with mixed line ends, and one that is not strict drops characters
    text = _prepare(raw, read, work, one_line_end=True)
    try:
        connection.execute(_good_sql(text, read))
    except duckdb.InvalidInputException as error:
        raise _unreadable(error) from error
    return _Split(text, header_lines)


def _prepare(raw: Path, read: ReadTable, work: Path, *, one_line_end: bool) -> PreparedText:
    several = len(read.columns) > 1
    return prepare_text(raw, work / "text", read.dialect.encoding, mark_blank=several, one_line_end=one_line_end)


def _unreadable(error: duckdb.Error) -> FileSetAsideError:
    return FileSetAsideError(
        f"the file cannot be split into records: {str(error).splitlines()[0]}",
        rule="dialect of the read",
        next_step="mend the dialect in the source's YAML, or the file",
    )


def _good_sql(text: PreparedText, read: ReadTable) -> str:
    columns = ", ".join(_restored(name, text) for name in read.columns)
    return (
        f"create or replace table good as select row_number() over () as {POSITION}, "
        f"{columns} from read_csv({_literal(str(text.path))}, {_options(read)})"
    )


def _options(read: ReadTable) -> str:
    dialect: FileDialect = read.dialect
    names = ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in read.columns)
    options = {
        "auto_detect": "false",
        "columns": f"{{{names}}}",
        "delim": _literal(dialect.delimiter),
        "quote": _literal(dialect.quote),
        "escape": _literal(dialect.escape if dialect.quote else ""),
        "nullstr": _literal(dialect.null),
        "header": "true" if dialect.header else "false",
        "store_rejects": "true",
        "rejects_limit": "0",
        "max_line_size": str(_RECORD_BYTES),
        "buffer_size": str(_BUFFER_BYTES),
    }
    return ", ".join(f"{key} = {value}" for key, value in options.items())


def _restored(name: str, text: PreparedText) -> str:
    column = _quoted(name)
    if text.marked_blank:
        column = f"replace({column}, chr({ord(BLANK)}), '')"
    if text.marked_cr:
        column = f"replace({column}, chr({ord(CR)}), chr(13))"
    return f"{column} as {_quoted(name)}"


def _account(connection: duckdb.DuckDBPyConnection, split: _Split, read: ReadTable, rejects: list[Reject]) -> None:
    """Show that every physical line is in a header, a row or a defect."""
    inside = " + ".join(f"coalesce(len({c}) - len(replace({c}, chr(10), '')), 0)" for c in map(_quoted, read.columns))
    row = connection.execute(f"select count(*) + coalesce(sum({inside}), 0) from good").fetchone()
    assert row is not None  # an aggregate without groups has one row
    seen = int(row[0]) + split.header_lines + sum(reject.lines for reject in rejects)
    if seen != split.text.lines:
        raise FileSetAsideError(
            f"the reader accounted for {seen} of {split.text.lines} lines"
            + (f"; the first record it could not split is at line {rejects[0].line}" if rejects else ""),
            rule="every line is in a row or in a defect",
            next_step="look for a quote that is never closed, or line ends of a kind of their own",
        )


def _write(
    connection: duckdb.DuckDBPyConnection, read: ReadTable, stamp: Stamp, defects: list[Defect], target: Path
) -> int:
    rows = 0
    result = connection.execute("from good").to_arrow_reader(_ROWS)
    with pq.ParquetWriter(target, landed_schema(read), compression="zstd") as writer:
        for table in landed_tables(result, defects, read, stamp):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
