"""One file to one Parquet file: DuckDB splits, nothing is guessed, and every line is accounted for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from backoffice.collect.files.drift import Drift, declared_layout, refuse_frozen
from backoffice.collect.files.footer import check_footer
from backoffice.collect.files.header import Header, read_header
from backoffice.collect.files.landed import landed_select
from backoffice.collect.files.records import POSITION, Stamp, landed_schema, landed_tables
from backoffice.collect.files.rejects import Defect, LineBreaks, defects_of, lines_of, read_rejects
from backoffice.collect.files.retyped import look_at_values
from backoffice.collect.files.structured import STRUCTURED, write_part
from backoffice.collect.files.text import BLANK, CR, PreparedText, prepare_text
from backoffice.collect.files.workbook import sheet_as_text
from backoffice.errors import FileSetAsideError
from backoffice.landing import parquet_writer
from backoffice.settings import Settings
from backoffice.sources import DriftPolicy, FileDialect, ReadTable

_ROWS = 50_000
# the default of 2 MB rejects records that carry an embedded document
_RECORD_BYTES = 16 << 20
# DuckDB takes sixteen records' worth a buffer by default, which leaves a collector no memory to sort in
_BUFFER_BYTES = 2 * _RECORD_BYTES
_BREAKS = "_breaks"


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a file held.

    Attributes:
        rows: its records.
        defects: those that could not be split.
        one_line_end: mixed line ends were read as line feeds.
        keyless: records that were split and have no readable key.
        header: names in the header, and its line in the file.
        drifts: how its columns differ from the declared ones.
        warnings: what is odd in what it says; its rows are accepted.
        state: where a tap goes on that wrote it.
    """

    rows: int
    defects: int
    one_line_end: bool
    keyless: int
    header: Header
    drifts: tuple[Drift, ...]
    warnings: tuple[str, ...] = ()
    state: Any = None

    @property
    def is_image(self) -> bool:
        """Every record can be told by its key and none is held back: absent keys are absent from the source's table."""
        held = any(drift.choice == "quarantine" for drift in self.drifts)
        return not (self.defects or self.keyless or held)


@dataclass(frozen=True, slots=True)
class _Split:
    text: PreparedText
    header: Header


def write_parquet(
    raw: Path,
    target: Path,
    read: ReadTable,
    stamp: Stamp,
    *,
    work: Path,
    settings: Settings,
    policy: DriftPolicy | None = None,
) -> FileRows:
    """Write the file's records with their envelope, in file order, numbered from 1.

    Args:
        raw: private copy of the file.
        target: Parquet file to write.
        read: its layout.
        stamp: envelope values.
        work: folder for what is prepared and spilled.
        settings: memory and threads.
        policy: what to do about drift; the read's own when None.

    Raises:
        FileSetAsideError: the file cannot be read as its layout says, so nothing of it may land.
    """
    if read.format in STRUCTURED:
        part = write_part(raw, target, read, stamp)
        layout = Header(declared_layout(read))
        return FileRows(part.rows, 0, False, part.keyless, layout, (), tuple(part.warnings), part.state.value)
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": settings.duckdb_threads,
        "memory_limit": settings.collector_memory,
        "temp_directory": str(work / "spill"),
        "autoinstall_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if read.format == "xlsx":
            sheet = work / "sheet.csv"
            read, raw = sheet_as_text(raw, sheet, read, settings.file_unpacked_mb), sheet
        reader = _Reader(connection, read, policy or read.drift)
        split = reader.split(raw, work / "text", settings.file_unpacked_mb)
        return reader.land(split, stamp, target)
    finally:
        connection.close()


class _Reader:
    """One file on its way through tables ``good`` and ``reject_errors``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, read: ReadTable, policy: DriftPolicy) -> None:
        self._connection = connection
        self._read = read
        self._policy = policy

    def split(self, raw: Path, into: Path, unpacked_mb: int) -> _Split:
        """Read what can be split into table ``good`` and the rest into ``reject_errors``."""
        prepare = functools.partial(
            prepare_text, raw, into, self._read.dialect, mark_blank=len(self._read.columns) > 1, unpacked_mb=unpacked_mb
        )
        text = prepare(one_line_end=False)
        header = read_header(text, self._read, self._policy)
        try:
            self._connection.execute(_good_sql(text, self._read, header))
        except duckdb.InvalidInputException as error:
            if not text.mixed_line_ends:
                raise _unreadable(error) from error
        else:
            return _Split(text, header)
        # a strict reader gives up on a file with mixed line ends, and one that is not strict drops characters
        text = prepare(one_line_end=True)
        try:
            self._connection.execute(_good_sql(text, self._read, header))
        except duckdb.InvalidInputException as error:
            raise _unreadable(error) from error
        return _Split(text, header)

    def land(self, split: _Split, stamp: Stamp, target: Path) -> FileRows:
        """Write what was split, when every line is accounted for and neither policy nor footer refuses it."""
        header, layout = split.header, split.header.layout
        columns = {name: _field(place) for name, place in layout.places.items()}
        extra = {name: _field(place) for name, place in layout.extra.items()}
        defects = self._defects(split, {field: name for name, field in (columns | extra).items()})
        values = look_at_values(self._connection, self._read, columns, self._policy)
        refuse_frozen(values.retyped)
        check_footer(self._connection, self._read, columns, split.text.left_out.footer, len(defects))
        drifts = (*layout.drifts, *values.retyped)
        select = landed_select(self._read, columns, extra, drifts, header)
        rows = self._write(select, landed_schema(self._read, extra=bool(extra)), defects, stamp, target)
        return FileRows(rows, len(defects), split.text.marked_cr, values.keyless, header, drifts)

    def _defects(self, split: _Split, names: dict[str, str]) -> list[Defect]:
        rejects = read_rejects(self._connection, split.text, lambda field: names.get(field or ""))
        breaks = _line_breaks(self._connection)
        lines = lines_of(rejects, split.header.lines, breaks, split.text)
        _account(self._connection, split, sum(reject.lines for reject in rejects), lines)
        return defects_of(rejects, lines, split.header.lines)

    def _write(self, select: str, schema: pa.Schema, defects: list[Defect], stamp: Stamp, target: Path) -> int:
        rows = 0
        batches = self._connection.execute(select).to_arrow_reader(_ROWS)
        with parquet_writer(target, schema) as writer:
            for table in landed_tables(batches, defects, schema, stamp):
                writer.write_table(table)
                rows += table.num_rows
        return rows


def _unreadable(error: duckdb.Error) -> FileSetAsideError:
    return FileSetAsideError(
        f"the file cannot be split into records: {str(error).splitlines()[0]}",
        rule="dialect of the read",
        next_step="mend the dialect in the source's YAML, or the file",
    )


def _good_sql(text: PreparedText, read: ReadTable, header: Header) -> str:
    """Table ``good``: the fields of each record as text, the record's position, and the line feeds inside it."""
    fields = [_field(place) for place in range(header.layout.fields)]
    restored = ", ".join(f"{_restored(name, text)} as {name}" for name in fields)
    breaks = " + ".join(f"coalesce(len({name}) - len(replace({name}, chr(10), '')), 0)" for name in fields)
    return (
        f"create or replace table good as select *, {breaks} as {_BREAKS} from (select row_number() over () as "
        f"{POSITION}, {restored} from read_csv({_literal(str(text.path))}, {_options(read.dialect, fields)}))"
    )


def _options(dialect: FileDialect, fields: list[str]) -> str:
    options = {
        "auto_detect": "false",
        "columns": "{" + ", ".join(f"{_literal(name)}: 'VARCHAR'" for name in fields) + "}",
        "delim": _literal(dialect.delimiter),
        "quote": _literal(dialect.quote),
        "escape": _literal(dialect.escape if dialect.quote else ""),
        "nullstr": "[" + ", ".join(_literal(word) for word in dialect.null) + "]",
        "header": "true" if dialect.header else "false",
        "store_rejects": "true",
        "rejects_limit": "0",
        "max_line_size": str(_RECORD_BYTES),
        "buffer_size": str(_BUFFER_BYTES),
    }
    return ", ".join(f"{key} = {value}" for key, value in options.items())


def _restored(name: str, text: PreparedText) -> str:
    value = name
    if text.marked_blank:
        value = f"replace({value}, chr({ord(BLANK)}), '')"
    if text.marked_cr:
        value = f"replace({value}, chr({ord(CR)}), chr(13))"
    return value


def _account(connection: duckdb.DuckDBPyConnection, split: _Split, rejected: int, lines: list[int]) -> None:
    """Show that every physical line is in a header, a row or a defect.

    Args:
        connection: holds ``good``.
        split: what was read.
        rejected: lines of the rejected records.
        lines: where they begin.
    """
    row = connection.execute(f"select count(*) + coalesce(sum({_BREAKS}), 0) from good").fetchone()
    assert row is not None  # an aggregate without groups has one row
    seen = int(row[0]) + split.header.lines + rejected
    if seen != split.text.lines:
        raise FileSetAsideError(
            f"the reader accounted for {seen} of {split.text.lines} lines"
            + (f"; the first record it could not split is at line {lines[0]}" if lines else ""),
            rule="every line is in a row or in a defect",
            next_step="look for a quote that is never closed, or line ends of a kind of their own",
        )


def _line_breaks(connection: duckdb.DuckDBPyConnection) -> LineBreaks:
    rows = connection.execute(
        f"select {POSITION}, cast(sum({_BREAKS}) over (order by {POSITION}) as bigint) from good where {_BREAKS} > 0 "
        f"order by {POSITION}"
    ).fetchall()
    return LineBreaks([int(row) for row, _ in rows], [int(total) for _, total in rows])


def _field(place: int) -> str:
    """Column of ``good`` that holds a field."""
    return f"f{place}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
