"""The SELECT that turns split fields into what lands: declared columns, what the file has beside, drift as defects."""

from __future__ import annotations

import json

from backoffice.collect.files.drift import Drift
from backoffice.collect.files.header import Header
from backoffice.collect.files.records import POSITION
from backoffice.landing import EXTRA
from backoffice.sources import ReadTable
from backoffice.sources.typed import typed_sql


def landed_select(
    read: ReadTable, columns: dict[str, str], extra: dict[str, str], drifts: tuple[Drift, ...], header: Header
) -> str:
    """SQL over table ``good``, in file order.

    Args:
        read: the read.
        columns: declared column → SQL of its text; one that the file does not have lands as NULL.
        extra: name of a column that is not declared → SQL of its text.
        drifts: what differs; quarantined drift is a defect of every row.
        header: where the header stands.
    """
    values = [f"{columns.get(name, 'cast(null as varchar)')} as {_quoted(name)}" for name in read.columns]
    if extra:
        pairs = ", ".join(f"{_literal(name)}, {text}" for name, text in extra.items())
        values.append(f"cast(json_object({pairs}) as varchar) as {EXTRA}")
    listed = ", ".join([POSITION, *values, f"{_defect(read, columns, drifts, header)} as _defect"])
    return f"select {listed} from good"


def _defect(read: ReadTable, columns: dict[str, str], drifts: tuple[Drift, ...], header: Header) -> str:
    held = [drift for drift in drifts if drift.choice == "quarantine"]
    if held:
        return f"cast({_literal(_every_row(held, header))} as varchar)"
    cases = [
        f"when {columns[drift.column]} is not null "
        f"and {typed_sql(columns[drift.column], read.columns[drift.column], read.dialect)} is null then "
        f"cast(json_object('rule', 'drift', 'column', {_literal(drift.column)}, 'value', {columns[drift.column]}, "
        f"'message', {_literal(f'retyped: cannot be read as {read.columns[drift.column]}')}) as varchar)"
        for drift in drifts
        if drift.kind == "retyped"
    ]
    return f"case {' '.join(cases)} end" if cases else "cast(null as varchar)"


def _every_row(held: list[Drift], header: Header) -> str:
    text = f"drift: {'; '.join(drift.text() for drift in held)}"
    value = {
        "rule": "drift",
        "column": ", ".join(drift.column for drift in held),
        "value": text,
        "message": f"{text}; the whole file waits for a release",
        "line": header.line or None,
    }
    return json.dumps(value, ensure_ascii=False)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
