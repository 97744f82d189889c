"""The shape of a source's YAML file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backoffice.sources.connections import Connection
from backoffice.sources.dialect import DriftPolicy, FileDialect, Words
from backoffice.sources.formats import PARTS, RECORDS, FileFormat
from backoffice.sources.records import ATTRIBUTES, supported

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]* (minutes|hours|days)$")]
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
_NEEDED = {"postgres": "table", "files": "pattern", "push": "events", "rest": "path"}
_OF_RECORDS = ("push", "rest")
LINE = ("_event_id",)
"""Key of rows known by their file's content and their number in it, which is what a file's event ids are made of."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReadTable(_Strict):
    """One table or file set that is read, with the columns we rely on."""

    table: str = Field("", description="postgres: schema.table")
    pattern: str = Field("", description="files: glob inside the folder, e.g. Employee_*.csv")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Column → DuckDB type, in file order for files. Files land as text; the type is for the mapping.",
    )
    primary_key: tuple[str, ...] = Field((), description="The source's own key.")
    cursor: str = Field(
        "",
        description="postgres: date or timestamp column by which `backoffice backfill` finds rows to read again. "
        "rest: column by which the next reading begins where this one ended.",
    )
    format: FileFormat = Field(
        "delimited",
        description="files: delimited text, a workbook (XLSX, XLSM, XLSB, XLS, ODS), or one that has its own columns.",
    )
    part: str = Field("", description="files that hold several kinds of rows: which; columns and key are the format's.")
    sheet: str = Field("", description="xlsx: the sheet that is read; may be left out when there is one.")
    full: bool = Field(False, description="files: each file is the whole table, absent keys were deleted.")
    identity: Literal["key", "line"] = Field(
        "key",
        description="files: line where rows have no key of their own: a row is its file's content and its number.",
    )
    period: str = Field(
        "",
        description="files: regular expression on a file's name; its groups say which period the file is the whole of. "
        "A file of the same period published later replaces it.",
    )
    dialect: FileDialect = FileDialect()
    aliases: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="files: column → other names it has in headers."
    )
    events: Words = Field((), description="push: CloudEvents types, each event of which is a version of a row.")
    deletes: Words = Field((), description="push: types whose events delete the row they name.")
    contract: str = Field("", description="push: <contract>/<table> whose push JSON Schema the data must fit too.")
    path: str = Field("", description="rest: what is asked for, after the connection's URL.")
    params: dict[str, Any] = Field(default_factory=dict, description="rest: query parameters of every request.")
    rows: str = Field("$", description="rest: JSONPath of the list of rows in an answer.")
    paging: dict[str, Any] | None = Field(None, description="rest: instead of the connection's.")
    cursor_param: str = Field("", description="rest: query parameter that is given the cursor.")
    overlap: Duration | None = Field(
        None, description="rest: so much of what was read before is read again; for cursors that are instants or dates."
    )
    delete_mode: Literal["never", "missing_in_full"] = Field(
        "never", description="rest: what becomes of a row that a full reading does not find any more."
    )
    full_every: Duration = Field("24 hours", description="rest: a read with a cursor is read in full so often.")
    paths: dict[str, str] = Field(
        default_factory=dict,
        description="push, rest, jsonl, singer: column → where its value is in the data, such as customer.id or "
        "lines.0.sku; $id, $source, $type, $subject and $time are the event's own. Others have the column's name.",
    )
    wait_for_parent: Duration | None = Field(None, description="Instead of the source's.")
    drift: DriftPolicy = Field(DriftPolicy(), description="files: wins over the source's, kind by kind.")

    @model_validator(mode="before")
    @classmethod
    def _columns_of_the_format(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("format") not in PARTS:
            return value
        parts = PARTS[value["format"]]
        if value.get("part") not in parts:
            raise ValueError(f"part: a {value['format']} file has {', '.join(parts)}")
        if given := sorted({"columns", "primary_key", "aliases", "dialect", "drift", "full", "sheet"} & value.keys()):
            raise ValueError(f"{', '.join(given)}: not for format {value['format']}, which has its own columns and key")
        part = parts[value["part"]]
        return value | {"columns": dict(part.columns), "primary_key": part.primary_key}

    @model_validator(mode="before")
    @classmethod
    def _line_is_the_key(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("identity") != "line":
            return value
        if value.get("primary_key") or value.get("full"):
            raise ValueError("identity: line is for rows without a key, of files that are not the whole table")
        return value | {"primary_key": LINE}

    @model_validator(mode="after")
    def _records_have_paths(self) -> ReadTable:
        if self.format == "singer" and not self.part:
            raise ValueError("part: a tap's output has streams, say which")
        if self.format in RECORDS and (self.aliases or self.sheet):
            raise ValueError(f"aliases, sheet: not for format {self.format}; `paths` says where a value is")
        return self

    @model_validator(mode="after")
    def _period_can_be_found(self) -> ReadTable:
        try:
            groups = re.compile(self.period).groups
        except re.error as error:
            raise ValueError(f"period is not a regular expression: {error}") from error
        if self.period and (not groups or self.full or self.part):
            raise ValueError("period needs a group that tells the period, and a file that is not the whole table")
        return self

    @property
    def file_key(self) -> tuple[str, ...]:
        """Columns of a file that make a row's key: none where a row is known by its line."""
        return () if self.identity == "line" else self.primary_key

    @model_validator(mode="after")
    def _aliases_are_clear(self) -> ReadTable:
        if unknown := sorted(set(self.aliases) - set(self.columns)):
            raise ValueError(f"aliases {', '.join(unknown)} are not columns that are read")
        names = [*self.columns, *(name for names in self.aliases.values() for name in names)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"aliases: {', '.join(twice)} would name two columns")
        return self

    @model_validator(mode="after")
    def _key_is_read(self) -> ReadTable:
        if self.cursor and self.cursor not in self.columns:
            raise ValueError(f"cursor {self.cursor} must name a column that is read")
        if unknown := sorted(set(self.paths) - set(self.columns)):
            raise ValueError(f"paths {', '.join(unknown)} are not columns that are read")
        if self.part and self.format not in (*PARTS, "singer"):
            raise ValueError(f"part {self.part}: a {self.format} file has one kind of rows")
        missing = [name for name in self.file_key if name not in self.columns]
        if missing or not self.primary_key:
            raise ValueError(f"primary_key {missing or '(empty)'} must name columns that are read")
        return self


class CodeMap(_Strict):
    """A code list: unknown codes become ``UNMAPPED:<code>`` and fail the enum's rule, unless `else` is given."""

    expr: str
    values: dict[str, str]
    otherwise: str | None = Field(None, alias="else")


class CanonicalMapping(_Strict):
    """How one canonical table is made from one driving source table.

    Expressions are DuckDB SQL. The driving table has the alias given in ``from: <read> <alias>``. ``columns`` and
    ``map`` see that row only and are judged at landing; ``derived`` may use ``join`` and window functions over current
    rows and is computed in staging.
    """

    from_: str = Field(alias="from")
    columns: dict[str, str] = Field(default_factory=dict)
    map: dict[str, CodeMap] = Field(default_factory=dict)
    join: tuple[str, ...] = ()
    derived: dict[str, str] = Field(default_factory=dict)
    accept: dict[str, str] = Field(
        default_factory=dict,
        description="Required column this source cannot give → reason; <column>.<rule>: rows known to break it.",
    )
    created_at: str = Field("", description="Expression of the creation instant in the source.")
    updated_at: str = Field("", description="Expression of the last change in the source.")

    @property
    def driver(self) -> str:
        """Name of the driving read."""
        return self.from_.split()[0]

    @property
    def alias(self) -> str:
        """Alias of the driving row in expressions."""
        return self.from_.split()[-1]


class Reconcile(_Strict):
    """A total that must come out the same from the canonical rows and from the source's own."""

    name: str = Field(description="What is compared, such as net revenue of 1997.")
    canonical: str = Field(description="DuckDB query over the canonical tables, by their names.")
    equals: str = Field(description="DuckDB query over the reads, by their names, or a figure the source reported.")
    accept: str = Field("", description="Why a difference is known and stays: it is shown, and fails no check.")


class Defaults(_Strict):
    """Values used by expressions: ``local(x)`` reads x in this time zone."""

    timezone: str = "UTC"


class SourceConfig(_Strict):
    """A source system."""

    apiVersion: Literal["backoffice/v1"]
    source: Name
    source_relation: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")
    description: str
    connection: Connection
    defaults: Defaults = Defaults()
    freshness_minutes: int = Field(15, gt=0, description="Older than this the source is reported late.")
    drift: DriftPolicy = Field(DriftPolicy(), description="files: what to do when a file's columns change.")
    wait_for_parent: Duration = Field(
        "24 hours", description="How long a row waits for a row it must refer to before it is quarantined."
    )
    reads: dict[Name, ReadTable]
    tables: dict[str, CanonicalMapping] = Field(description="<contract>/<table> → mapping")
    reconcile: tuple[Reconcile, ...] = Field((), description="Totals that must be the same on both sides, exactly.")

    @model_validator(mode="after")
    def _consistent(self) -> SourceConfig:
        for key, mapping in self.tables.items():
            if key.count("/") != 1:
                raise ValueError(f"tables.{key}: a key is <contract>/<table>")
            if mapping.driver not in self.reads:
                raise ValueError(f"tables.{key}.from: {mapping.driver} is not under reads")
        for name, read in self.reads.items():
            self._check_read(name, read)
        return self

    def _check_read(self, name: str, read: ReadTable) -> None:
        kind = self.connection.kind
        if not getattr(read, _NEEDED[kind]):
            raise ValueError(f"reads.{name}: a {kind} source needs `{_NEEDED[kind]}`")
        if kind not in _OF_RECORDS:
            return
        if wrong := [f"{column} {type_}" for column, type_ in read.columns.items() if not supported(type_)]:
            raise ValueError(f"reads.{name}: no type of a JSON value: {', '.join(wrong)}")
        if own := [path for path in read.paths.values() if path.startswith("$") and path not in ATTRIBUTES]:
            raise ValueError(f"reads.{name}: an event has no {', '.join(own)}, it has {', '.join(ATTRIBUTES)}")
        if kind == "rest" and (read.cursor == "") != (read.cursor_param == ""):
            raise ValueError(f"reads.{name}: `cursor` and `cursor_param` belong together")
        if read.overlap and not read.columns.get(read.cursor, "").upper().startswith(("DATE", "TIMESTAMP")):
            raise ValueError(f"reads.{name}: `overlap` needs a cursor that is a date or a timestamp")

    def drift_of(self, read: str) -> DriftPolicy:
        """The policy of one read."""
        return self.reads[read].drift.over(self.drift)

    def wait_seconds(self, read: str) -> int:
        """How long rows of a read wait for a parent."""
        return self.seconds(self.reads[read].wait_for_parent or self.wait_for_parent)

    def seconds(self, duration: Duration) -> int:
        """A duration of the file in seconds."""
        number, unit = duration.split()
        return int(number) * _SECONDS[unit]

    @property
    def dag_id(self) -> str:
        """Its DAG in Airflow."""
        return f"collect_{self.source}"
