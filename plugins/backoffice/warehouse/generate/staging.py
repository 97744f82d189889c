"""Staging: one view a mapped table, all accepted versions of a source's rows in the contract's columns and types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backoffice.landing import ENVELOPE
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import MappedTable, current_rows, raw_name, row_select
from backoffice.warehouse.generate.common import CANONICAL_ENVELOPE, header, key_columns, to_yaml

NOT_QUARANTINED = (
    "not exists (select 1 from {{ source('meta', 'quarantined') }} as q "
    "where q.batch_id = r._batch_id and q.row_no = r._row_no)"
)


def staging_files(sources: dict[str, SourceConfig], mapped: list[MappedTable]) -> dict[Path, str]:
    """SQL and YAML of every source's staging models, by path below the dbt project."""
    files: dict[Path, str] = {}
    for name, config in sources.items():
        own = [item for item in mapped if item.config.source == name]
        folder = Path("models/staging") / name
        for item in own:
            files[folder / f"{staging_name(item)}.sql"] = staging_sql(item)
        files[folder / f"_{name}.yml"] = _yaml(config, own)
    return files


def staging_name(item: MappedTable) -> str:
    """Name of the staging model."""
    return f"stg_{item.config.source}__{item.table.name}"


def staging_sql(item: MappedTable) -> str:
    """The staging model's SQL."""
    origin = f"sources/{item.config.source}.yaml and contracts/{item.table.contract}.odcs.yaml"
    body = _derived_rows(item) if item.is_derived else _rows(item)
    return f"{header('--', origin)}{{{{ config(materialized='view', schema='staging') }}}}\n\n{body}\n"


def _rows(item: MappedTable) -> str:
    return f"""with judged as (
    {_judged(item)}
)

select
    {_outputs(item, {})}
from judged as r
where {NOT_QUARANTINED}"""


def _judged(item: MappedTable) -> str:
    return row_select(item, raw_source(item.config.source, item.mapping.driver))


def _derived_rows(item: MappedTable) -> str:
    """Joins and windows see current rows only; all rows count as changed when any table involved changed."""
    config, alias = item.config, item.mapping.alias
    reads = item.reads
    ctes = ",\n\n".join(f"{name} as (\n    {_current(config, name)}\n)" for name in reads)
    expressions = item.derived_expressions()
    derived = ",\n        ".join(f"({text}) as v_{name}" for name, text in expressions.items())
    joins = "\n    ".join(item.mapping.join)
    changed = ",\n        ".join(
        f"(select coalesce(max(_generation), 0) from {raw_source(config.source, name)})" for name in reads
    )
    newest = f"greatest(\n        {changed}\n    )" if len(reads) > 1 else changed
    keys = ", ".join(column.name for column in item.table.primary_key)
    return f"""with {ctes},

judged as (
    select * from (
    {_judged(item)}
    ) as r
    where {NOT_QUARANTINED}
    qualify row_number() over (partition by {keys} order by _batch_seq desc, _row_no desc) = 1
),

derived as (
    select
        {alias}._batch_id,
        {alias}._row_no,
        {derived}
    from {item.mapping.driver} as {alias}
    {joins}
)

select
    {_outputs(item, {name: f"v_{name}" for name in expressions}, generation=newest)}
from judged as r
left join derived as d on d._batch_id = r._batch_id and d._row_no = r._row_no"""


def _current(config: SourceConfig, name: str) -> str:
    return current_rows(config, name, raw_source(config.source, name), NOT_QUARANTINED)


def raw_source(source: str, read: str) -> str:
    """A read's raw table, as dbt names it."""
    return f"{{{{ source('raw_{source}', '{read}') }}}}"


def _outputs(item: MappedTable, derived: dict[str, str], generation: str = "r._generation") -> str:
    relation, table = item.config.source_relation, item.table
    given = item.row_expressions()
    values: dict[str, str] = {}
    for column in table.columns:
        if column.name in derived:
            values[column.name] = f"try_cast({derived[column.name]} as {column.physical_type})"
        elif column.name in given:
            values[column.name] = f"r.{column.name}"
        else:
            values[column.name] = f"cast(null as {column.physical_type})"
    hashed = " || '|' || ".join(f"coalesce(cast({value} as varchar), '')" for value in values.values())
    own = " || '|' || ".join(f"r.{column.name}" for column in table.primary_key)
    key = _hashed(f"'{relation}|' || {own}")
    lines = [
        f"'{relation}' as source_relation",
        f"{key} as {table.key_column}",
        *_document_key(item, values),
        *(f"{value} as {name}" for name, value in values.items()),
        "r.created_at_source",
        "r.updated_at_source",
        "r._op = 'd' as is_deleted",
        *(
            f"r.{name}"
            for name in ("_op", "_event_id", "_event_at", "_ingested_at", "_source_file", "_batch_id", "_batch_seq")
        ),
        "r._row_no",
        f"'{item.config.defaults.timezone}' as _timezone",
        f"{_hashed(hashed)} as _row_hash",
        f"{generation} as _generation",
    ]
    return ",\n    ".join(lines)


def _document_key(item: MappedTable, values: dict[str, str]) -> list[str]:
    table = item.table
    if not (table.document and table.document_key_column):
        return []
    named = f"'{item.config.source_relation}|' || {values[table.document.column]}"
    return [f"{_hashed(named)} as {table.document_key_column}"]


def _hashed(text: str) -> str:
    return f'{{{{ hashed("{text}") }}}}'


def _yaml(config: SourceConfig, own: list[MappedTable]) -> str:
    data: dict[str, Any] = {
        "version": 2,
        "sources": [
            {
                "name": f"raw_{config.source}",
                "description": config.description,
                "schema": "raw",
                "tables": [_source_table(config, name) for name in config.reads],
            }
        ],
        "models": [_model(item) for item in own],
    }
    return to_yaml(data, f"sources/{config.source}.yaml and the contracts")


def _source_table(config: SourceConfig, name: str) -> dict[str, Any]:
    read = config.reads[name]
    columns = [{"name": column, "data_type": kind} for column, kind in read.columns.items()]
    columns += [{"name": n, "data_type": kind, "description": text} for n, (kind, _, text) in ENVELOPE.items()]
    return {
        "name": name,
        "identifier": raw_name(config.source, name),
        "description": f"All landed versions of {read.table or read.pattern}.",
        "columns": columns,
    }


def _model(item: MappedTable) -> dict[str, Any]:
    table = item.table
    columns = [
        {"name": "source_relation", "description": "Source instance the row came from."},
        *key_columns(table),
        *({"name": c.name, "data_type": c.physical_type, "description": c.description} for c in table.columns),
        *({"name": n, "data_type": kind, "description": text} for n, (kind, text) in CANONICAL_ENVELOPE.items()),
    ]
    return {
        "name": staging_name(item),
        "description": f"Accepted versions of {table.name} from {item.config.source}: {table.grain} and version.",
        "columns": columns,
    }
