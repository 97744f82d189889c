"""Source totals: the model that compares what a source's own rows add up to with what was made of them.

In: ``reconcile:`` of the sources. Out: one model over all of them, and its declaration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from backoffice.sources import Reconcile, SourceConfig
from backoffice.sources.mapping import MappedTable, current_rows
from backoffice.warehouse.generate.common import header, to_yaml
from backoffice.warehouse.generate.staging import raw_source

_NAME = "audit_source_totals"
_FOLDER = Path("models/audit")
_ORIGIN = "`reconcile` of sources/"
_CONFIG = """{{{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{{{ forget_totals({files}) }}}}"
) }}}}

{{% set totals = [] %}}
"""
_COLUMNS = (
    ("source_total_key", "UUID", "Key of the row: a hash of source, total, row and figure."),
    ("source", "VARCHAR", "Source system."),
    ("source_relation", "VARCHAR", "Source instance whose rows are compared."),
    ("total", "VARCHAR", "What is compared, as the source's file names it."),
    ("row_label", "VARCHAR", "Which row of the total: its texts and dates; empty where it has numbers only."),
    ("row_place", "INTEGER", "Place among the rows of that label, from 1."),
    ("figure_position", "INTEGER", "Position of the figure among the columns of the total, from 1."),
    ("figure", "VARCHAR", "Name of the figure's column in the query of the canonical rows."),
    ("source_value", "DECIMAL(38,6)", "What the source's rows or its report say; empty when they have no such row."),
    ("our_value", "DECIMAL(38,6)", "What the canonical rows say; empty when they have no such row."),
    ("difference", "DECIMAL(38,6)", "our_value less source_value, one that is missing counted as nothing."),
    ("ties", "BOOLEAN", "Whether both are the same."),
    ("rows_out", "BIGINT", "Rows of the source in quarantine or waiting then: not in our_value, they may explain it."),
    ("accepted", "VARCHAR", "Why a difference is known and stays; empty when there should be none."),
    ("as_of", "TIMESTAMPTZ", "Instant of the build that compared: the first of a day; of files, each with new ones."),
)


def totals_files(sources: dict[str, SourceConfig], mapped: list[MappedTable]) -> dict[Path, str]:
    """SQL and YAML of the model, by path below the dbt project."""
    files = [
        [config.source, config.source_relation]
        for config in sources.values()
        if config.reconcile and _reads_files(config)
    ]
    sql = header("--", _ORIGIN) + _CONFIG.format(files=files)
    for config in sources.values():
        own = {item.table.name for item in mapped if item.config is config}
        sql += "".join(_total(config, total, own) for total in config.reconcile)
    return {
        _FOLDER / f"{_NAME}.sql": f"{sql}\n{{{{ source_totals(totals) }}}}\n",
        _FOLDER / f"{_NAME}.yml": to_yaml(_declaration(), _ORIGIN),
    }


def _total(config: SourceConfig, total: Reconcile, tables: Collection[str]) -> str:
    canonical = {
        name: f"select * from {{{{ ref('base_{name}') }}}} "
        f"where source_relation = '{config.source_relation}' and not is_deleted"
        for name in _named(total.canonical, tables)
    }
    reads = {
        name: current_rows(config, name, raw_source(config.source, name), "true")
        for name in _named(total.equals, config.reads)
    }
    told = {
        "source": config.source,
        "source_relation": config.source_relation,
        "total": total.name,
        "accepted": total.accept,
        "of_files": _reads_files(config),
    }
    return (
        f"\n{{% set ours %}}\n{_query(canonical, total.canonical)}\n{{% endset %}}"
        f"\n{{% set theirs %}}\n{_query(reads, total.equals)}\n{{% endset %}}"
        f"\n{{% do totals.append({_literal(told)}) %}}\n"
    )


def _reads_files(config: SourceConfig) -> bool:
    """Files come seldom; to sum up all rows of a database costs more than a cycle may."""
    return config.connection.kind == "files"


def _named(query: str, names: Collection[str]) -> list[str]:
    """The tables a query reads."""
    words = {word.lower() for word in re.findall(r"\w+", query)}
    return [name for name in names if name.lower() in words]


def _query(tables: dict[str, str], query: str) -> str:
    named = ",\n".join(f'"{name}" as (\n    {select}\n)' for name, select in tables.items())
    return (f"with {named}\n" if named else "") + f"select * from (\n{query}\n) as total"


def _literal(values: dict[str, Any]) -> str:
    """A dictionary as Jinja reads it, with the queries that stand before it."""
    return json.dumps(values, ensure_ascii=False)[:-1] + ', "ours": ours, "theirs": theirs}'


def _declaration() -> dict[str, Any]:
    model = {
        "name": _NAME,
        "description": "What each source's own rows or its report add up to, beside what the canonical rows made "
        "of them add up to. One row for each figure of each row of each total under `reconcile` of a source.",
        "config": {
            "contract": {"enforced": True},
            "meta": {"owner": "operations", "publish": {"key": "source_total_key", "mode": "whole"}},
        },
        "data_tests": [{"one_row_per_key": {"arguments": {"key": "source_total_key", "incremental": False}}}],
        "columns": [{"name": name, "data_type": kind, "description": text} for name, kind, text in _COLUMNS],
    }
    return {"version": 2, "models": [model]}
