"""From a source's mapping to SQL: the canonical columns of each source row, and why a row has none.

An expression that fails on one row must not stop the others, and must not pass for an empty value. DuckDB's
``TRY(struct_pack(v := x))`` is NULL when x raises and a struct holding NULL when x is NULL: that tells the two apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from backoffice.contracts import Contracts, Table
from backoffice.errors import MappingError
from backoffice.sources.load import read_sources
from backoffice.sources.model import CanonicalMapping, CodeMap, ReadTable, SourceConfig
from backoffice.sources.typed import typed_sql

PASSED_THROUGH = ("_batch_id", "_row_no", "_op", "_event_id", "_event_at", "_ingested_at", "_source_file", "_defect")
OPEN = "OPEN"
"""Stands in a draft where a person must say something."""
_LOCAL = re.compile(r"\blocal\(")


@dataclass(frozen=True, slots=True)
class MappedTable:
    """A canonical table as one source maps it."""

    config: SourceConfig
    table: Table
    mapping: CanonicalMapping

    @property
    def read(self) -> ReadTable:
        """The driving source table."""
        return self.config.reads[self.mapping.driver]

    @property
    def raw_name(self) -> str:
        """The driving table's name in the warehouse's schema ``raw``."""
        return raw_name(self.config.source, self.mapping.driver)

    @property
    def is_derived(self) -> bool:
        """Whether columns need joins or windows, so that all its current rows are computed together."""
        return bool(self.mapping.derived or self.mapping.join)

    @property
    def reads(self) -> list[str]:
        """The driving read and those named in join lines, once each."""
        words = {word for line in self.mapping.join for word in line.replace("(", " ").split()}
        driver = self.mapping.driver
        return [driver, *(name for name in self.config.reads if name in words and name != driver)]

    def row_expressions(self) -> dict[str, str]:
        """Canonical column → DuckDB expression over the driving row, in the contract's order."""
        given = {name: self._local(text) for name, text in self.mapping.columns.items()}
        given |= {name: self._local(_case(code)) for name, code in self.mapping.map.items()}
        return {column.name: given[column.name] for column in self.table.columns if column.name in given}

    def derived_expressions(self) -> dict[str, str]:
        """Canonical column → expression over current rows of several tables."""
        return {name: self._local(text) for name, text in self.mapping.derived.items()}

    def instant(self, expression: str) -> str:
        """An optional expression as an instant; NULL when the mapping gives none or the row's value is unusable."""
        return f"try(cast({self._local(expression)} as timestamptz))" if expression else "cast(null as timestamptz)"

    def _local(self, expression: str) -> str:
        return _LOCAL.sub(f"timezone('{self.config.defaults.timezone}', ", expression)


def raw_name(source: str, read: str) -> str:
    """Table in schema ``raw`` holding all landed versions of a source table."""
    return f"{source}__{read}"


def mapped_tables(sources: dict[str, SourceConfig], contracts: Contracts) -> list[MappedTable]:
    """Every mapping of every source, checked against the contracts.

    Raises:
        MappingError: a table or column the contracts do not have, or a required column without an expression.
    """
    mapped = []
    for config in sources.values():
        for key, mapping in config.tables.items():
            table = contracts.get(key)
            if table is None:
                raise MappingError(
                    f"tables.{key}: no such table in the contracts",
                    where=f"sources/{config.source}.yaml",
                    next_step=f"use one of {', '.join(sorted(known.key for known in contracts))}",
                )
            mapped.append(_checked(MappedTable(config, table, mapping)))
    return mapped


def usable_sources(folder: Path, contracts: Contracts) -> tuple[dict[str, SourceConfig], list[MappingError]]:
    """Sources whose file can be read and whose mapping fits the contracts, and the errors of the others.

    Rows of the others stay in landing: they are neither loaded nor judged until their file is mended.
    """
    found, errors = read_sources(folder)
    usable: dict[str, SourceConfig] = {}
    for name, config in found.items():
        try:
            mapped_tables({name: config}, contracts)
        except MappingError as error:
            errors.append(error)
        else:
            usable[name] = config
    return usable, errors


def row_select(mapped: MappedTable, relation: str) -> str:
    """SELECT of the per-row mapping over a raw relation.

    Columns: the envelope of :data:`PASSED_THROUGH`, ``_batch_seq``, ``_generation``, ``_cast_error`` (JSON of the first
    value that does not fit its type, else NULL), ``created_at_source``, ``updated_at_source`` and each mapped canonical
    column in its contract's type.
    """
    expressions = mapped.row_expressions()
    typed = _typed_columns(mapped)
    tries = ",\n            ".join([f"try(struct_pack(v := {text})) as x_{name}" for name, text in expressions.items()])
    outputs = ",\n        ".join(_cast(mapped, name) for name in expressions)
    passed = ", ".join((*PASSED_THROUGH, "_batch_seq", "_generation"))
    errors = _cast_errors(mapped, expressions)
    return f"""select
        {passed},
        {errors} as _cast_error,
        created_at_source,
        updated_at_source,
        {outputs}
    from (
        select
            {passed},
            _unreadable,
            {mapped.instant(mapped.mapping.created_at)} as created_at_source,
            {mapped.instant(mapped.mapping.updated_at)} as updated_at_source,
            {tries}
        from (
            select
                {passed},
                {typed}
            from {relation}
            where _op <> 't'
        ) as {mapped.mapping.alias}
    ) as tried"""


def current_rows(config: SourceConfig, read_name: str, relation: str, kept: str) -> str:
    """SELECT of the newest version of each row of a read, in declared types, deleted rows left out.

    Args:
        config: the source.
        read_name: name under ``reads``.
        relation: the raw relation.
        kept: condition on the raw row's alias ``r`` that keeps it, such as "not quarantined".
    """
    read = config.reads[read_name]
    if config.connection.kind == "files":
        columns = ", ".join(f'{_typed(read, name, "r.")} as "{name}"' for name in read.columns)
    else:
        columns = ", ".join(f'r."{name}"' for name in read.columns)
    keys = ", ".join(f'r."{name}"' for name in read.primary_key)
    return f"""select * from (
        select {columns}, r._source_file, r._batch_id, r._row_no, r._op
        from {relation} as r
        where r._op <> 't' and {kept}
        qualify row_number() over (partition by {keys} order by r._batch_seq desc, r._row_no desc) = 1
    ) as newest
    where _op <> 'd'"""


def _typed_columns(mapped: MappedTable) -> str:
    """The read's columns in their declared types; file columns landed as text."""
    columns = mapped.read.columns
    if mapped.config.connection.kind != "files":
        return ",\n                ".join([f'"{name}"' for name in columns] + ["cast(null as varchar) as _unreadable"])
    casts = [f'{_typed(mapped.read, name)} as "{name}"' for name in columns]
    checks = [
        f'when "{name}" is not null and {_typed(mapped.read, name)} is null then '
        + _error_json(name, f'"{name}"', kind)
        for name, kind in columns.items()
        if kind.upper() != "VARCHAR"
    ]
    unreadable = f"case {' '.join(checks)} end" if checks else "cast(null as varchar)"
    return ",\n                ".join([*casts, f"{unreadable} as _unreadable"])


def _typed(read: ReadTable, name: str, prefix: str = "") -> str:
    return typed_sql(f'{prefix}"{name}"', read.columns[name], read.dialect)


def _cast(mapped: MappedTable, name: str) -> str:
    column = mapped.table.column(name)
    assert column is not None  # checked by mapped_tables
    return f"try_cast(x_{name}.v as {column.physical_type}) as {name}"


def _cast_errors(mapped: MappedTable, expressions: dict[str, str]) -> str:
    whens = ["when _unreadable is not null then _unreadable"]
    for name in expressions:
        column = mapped.table.column(name)
        assert column is not None
        kind = column.physical_type
        whens.append(f"when x_{name} is null then {_error_json(name, 'null', 'its expression')}")
        if kind != "VARCHAR":
            whens.append(
                f"when x_{name}.v is not null and try_cast(x_{name}.v as {kind}) is null then "
                + _error_json(name, f"cast(x_{name}.v as varchar)", kind)
            )
    # a delete holds its key only: the other expressions see NULLs and mean nothing
    return f"case when _op in ('d', 't') then null {' '.join(whens)} end"


def _error_json(name: str, value: str, kind: str) -> str:
    message = f"cannot be read as {kind}".replace("'", "''")
    return f"cast(json_object('column', '{name}', 'value', {value}, 'message', '{message}') as varchar)"


def _case(code: CodeMap) -> str:
    text = f"cast(({code.expr}) as varchar)"
    whens = " ".join(f"when '{_quoted(key)}' then '{_quoted(value)}'" for key, value in code.values.items())
    other = f"'{_quoted(code.otherwise)}'" if code.otherwise is not None else f"'UNMAPPED:' || {text}"
    return f"case {text} {whens} else {other} end"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def mapping_errors(mapped: MappedTable) -> list[MappingError]:
    """How a mapping does not fit its contract; empty when it does."""
    mapping, table = mapped.mapping, mapped.table
    where = f"sources/{mapped.config.source}.yaml tables.{table.key}"
    errors = []
    if unknown := unknown_columns(mapped):
        errors.append(
            MappingError(
                f"{', '.join(unknown)}: not a column of the contract",
                where=where,
                next_step=f"use columns of contracts/{table.contract}.odcs.yaml",
            )
        )
    if missing := missing_columns(mapped):
        errors.append(
            MappingError(
                f"{', '.join(missing)}: required by the contract, but neither mapped nor accepted as missing",
                where=where,
                rule="a required column has an expression, or a reason under accept:",
                next_step="add the expression, or accept: {column: reason}",
            )
        )
    if left := open_columns(mapped):
        errors.append(
            MappingError(
                f"{', '.join(left)}: left {OPEN}",
                where=where,
                rule=f"{OPEN} stands where a draft could not tell",
                next_step="write the expression or the code, take the line out, or accept: {column: reason}",
            )
        )
    if late := [column.name for column in table.primary_key if column.name in mapping.derived]:
        errors.append(MappingError(f"{', '.join(late)}: a key cannot be derived", where=where))
    return errors


def unknown_columns(mapped: MappedTable) -> list[str]:
    """Names in the mapping that the contract does not have."""
    mapping = mapped.mapping
    accepted = {name.partition(".")[0] for name in mapping.accept if not name.endswith(".type")}  # of a source column
    named = {*mapping.columns, *mapping.map, *mapping.derived, *accepted}
    return sorted(named - {column.name for column in mapped.table.columns})


def open_columns(mapped: MappedTable) -> list[str]:
    """Columns of which a draft still has open places."""
    mapping = mapped.mapping
    given = {**mapping.columns, **mapping.derived}
    codes = [name for name, code in mapping.map.items() if OPEN in (code.expr, *code.values, *code.values.values())]
    return sorted([name for name, text in given.items() if text.strip() == OPEN] + codes)


def missing_columns(mapped: MappedTable) -> list[str]:
    """Required columns that have neither an expression nor a reason."""
    mapping = mapped.mapping
    given = {*mapping.columns, *mapping.map, *mapping.derived, *mapping.accept}
    return [column.name for column in mapped.table.columns if column.required and column.name not in given]


def _checked(mapped: MappedTable) -> MappedTable:
    for error in mapping_errors(mapped):
        raise error
    return mapped
