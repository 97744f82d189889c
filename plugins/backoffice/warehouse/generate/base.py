"""Base: what is true of an entity now, over all sources, and the rows that still wait for their parent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from backoffice.contracts import Column, Contracts, Table
from backoffice.sources.mapping import MappedTable
from backoffice.warehouse.generate.common import (
    CANONICAL_ENVELOPE,
    header,
    kept_columns,
    key_columns,
    native_key,
    to_yaml,
)
from backoffice.warehouse.generate.rules import (
    Rule,
    functional_amounts,
    minor_digits,
    optional_references,
    relations,
    row_rules,
    unique_columns,
)
from backoffice.warehouse.generate.staging import staging_name


def base_files(contracts: Contracts, mapped: list[MappedTable]) -> dict[Path, str]:
    """SQL and YAML of every canonical table's base models, by path below the dbt project."""
    files: dict[Path, str] = {}
    for table in contracts:
        own = [item for item in mapped if item.table.name == table.name]
        folder = Path("models/base") / table.contract.replace(".", "_")
        origin = f"contracts/{table.contract}.odcs.yaml and sources/"
        files[folder / f"base_{table.name}__versions.sql"] = header("--", origin) + versions_sql(table, own)
        files[folder / f"base_{table.name}.sql"] = header("--", origin) + base_sql(table, own, mapped)
        files[folder / f"base_{table.name}.yml"] = to_yaml(_yaml(table, own, mapped), origin)
    waiting = [table.name for table in contracts if required_parents(table, mapped)]
    files[Path("models/base/base_waiting.sql")] = header("--", "contracts/") + waiting_sql(waiting)
    files[Path("models/base/base_waiting.yml")] = to_yaml(_waiting_yaml(), "contracts/")
    return files


def waiting_sql(tables: list[str]) -> str:
    """What waits, for models that must run after every base model has said so."""
    refs = "".join(f"-- depends_on: {{{{ ref('base_{table}') }}}}\n" for table in tables)
    config = "{{ config(materialized='view', schema='base') }}\n\n"
    return f"{refs}{config}select * from {{{{ source('meta', 'waiting') }}}}\n"


def versions_sql(table: Table, own: list[MappedTable]) -> str:
    """All accepted versions over all sources; an unmapped table is empty and typed, so that marts still build."""
    config = "{{ config(materialized='view', schema='base') }}\n\n"
    if own:
        unions = "\nunion all by name\n".join(f"select * from {{{{ ref('{staging_name(item)}') }}}}" for item in own)
        return f"{config}{unions}\n"
    columns = {"source_relation": "VARCHAR", **{key["name"]: key["data_type"] for key in key_columns(table)}}
    columns |= {column.name: column.physical_type for column in table.columns}
    columns |= {name: kind for name, (kind, _) in CANONICAL_ENVELOPE.items()}
    empty = ",\n    ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
    return f"{config}select\n    {empty}\nwhere false\n"


def base_sql(table: Table, own: list[MappedTable], mapped: list[MappedTable]) -> str:
    """The base model: newest accepted version of each key, parents first."""
    parents = required_parents(table, mapped)
    derived = sorted(item.config.source_relation for item in own if item.is_derived)
    before = [f"base_{table.name}__versions", *(f"base_{parent['table']}" for parent in parents)]
    refs = "".join(f"-- depends_on: {{{{ ref('{name}') }}}}\n" for name in before)
    references = [column.name for column in table.columns if column.foreign_key]
    native = [column.name for column in table.primary_key]
    named = f"'{table.name}', '{table.key_column}'"
    hooks = [
        f"withdraw({named}, {native}, {parents}, {references})",
        f"gather({named}, {parents})",
        f"gather_deleted_before({named}, {parents})",
    ]
    if table.load_pattern == "ledger":
        reads = [[f"raw_{item.config.source}", item.mapping.driver] for item in own]
        hooks.append(f"note_altered({named}, {unchanging_columns(table)}, {reads})")
    first = ",\n".join(f'        "{{{{ {hook} }}}}"' for hook in hooks)
    document = f", '{table.document.column}'" if table.document else ""
    after = f'"{{{{ keep_waiting({named}, {parents}{document}) }}}}"'
    hook = f",\n    post_hook={after}" if parents else ""
    remembered = {"remembers": {"entity": table.name, "references": references}}
    replaced = f"unique_key='{table.key_column}'," + (f"\n    meta={remembered}," if references else "")
    return f"""{refs}{{{{ config(
    materialized='incremental', incremental_strategy='delete+insert', schema='base', {replaced}
    pre_hook=[
{first}
    ]{hook}
) }}}}

{{{{ newest_accepted({named}, {derived}, {kept_columns(table)}) }}}}
"""


def unchanging_columns(table: Table) -> list[str]:
    """Columns of a ledger whose values stay as they were first given; how far a row has come is no such value."""
    return [column.name for column in table.columns if not column.primary_key and column.name != "status"]


def required_parents(table: Table, mapped: list[MappedTable]) -> list[dict[str, Any]]:
    """Required references to other tables, each with the sources that map both sides.

    A source that does not map the parent cannot be asked for it; a table does not wait for itself.
    """
    parents = []
    for column in table.columns:
        if not (column.required and column.foreign_key) or column.foreign_key.table == table.name:
            continue
        both = relations(mapped, table.name) & relations(mapped, column.foreign_key.table)
        if both:
            parents.append({"table": column.foreign_key.table, "column": column.name, "relations": sorted(both)})
    return parents


def _yaml(table: Table, own: list[MappedTable], mapped: list[MappedTable]) -> dict[str, Any]:
    columns = [
        {"name": "source_relation", "description": "Source instance the row came from."},
        *key_columns(table),
        *(_column(column) for column in table.columns),
        *({"name": n, "data_type": kind, "description": text} for n, (kind, text) in CANONICAL_ENVELOPE.items()),
    ]
    located = {"meta": {"locator": {"entity": table.name}}}
    tests: list[dict[str, Any]] = [
        {
            "contract_holds": {
                "name": f"base_{table.name}_contract",
                "arguments": _arguments(table, row_rules(table, own) + functional_amounts(table, mapped)),
                "config": located,
            }
        }
    ]
    if twice := unique_columns(table):
        arguments = {"key": table.key_column, "entity": table.name, "columns": twice}
        name = f"base_{table.name}_unique"
        tests.append({"unique_in_source": {"name": name, "arguments": arguments, "config": located}})
    if table.load_pattern == "ledger":
        kept = {"name": f"base_{table.name}_ledger", "arguments": {"entity": table.name}, "config": located}
        tests.append({"ledger_is_kept": kept})
    if warnings := optional_references(table, mapped) + minor_digits(table):
        tests.append(
            {
                "contract_holds": {
                    "name": f"base_{table.name}_warnings",
                    "arguments": _arguments(table, warnings),
                    "config": {"severity": "warn"},
                }
            }
        )
    grain = table.grain.removeprefix("one row per ")
    return {
        "version": 2,
        "models": [
            {
                "name": f"base_{table.name}",
                "description": f"Newest accepted state of each {grain}, deleted ones kept. Key {native_key(table)}.",
                "data_tests": tests,
                "columns": columns,
            },
            {
                "name": f"base_{table.name}__versions",
                "description": f"Every accepted version of each {grain}, over all sources.",
                "columns": columns,
            },
        ],
    }


def _waiting_yaml() -> dict[str, Any]:
    columns = {
        "entity": "Canonical table of the row.",
        "source_relation": "Source instance it came from.",
        "key": "Canonical key of the row.",
        "batch_id": "Batch it landed in.",
        "row_no": "Number of the row in its batch.",
        "waits_for": "Table and key of the parents that are missing.",
        "since_generation": "Build since which it waits.",
        "document_key": "Document the row belongs to, by its key in the source; empty when it stands alone.",
        "reference": "Column that names the first parent that is missing.",
        "parent": "Canonical table of that parent.",
        "value": "Key of that parent in the source.",
        "ingested_at": "When the platform received the row.",
    }
    listed = [{"name": name, "description": text} for name, text in columns.items()]
    model = {"name": "base_waiting", "description": "Accepted rows whose parent has not arrived.", "columns": listed}
    return {"version": 2, "models": [model]}


def _column(column: Column) -> dict[str, Any]:
    return {"name": column.name, "data_type": column.physical_type, "description": column.description}


def _arguments(table: Table, rules: list[Rule]) -> dict[str, Any]:
    models = sorted({name for rule in rules for name in re.findall(r"<<(base_\w+)>>", rule.breaks)})
    named = [{"name": rule.name, "column": rule.column, "breaks": rule.breaks} for rule in rules]
    return {"key": table.key_column, "rules": named, "models": models}
