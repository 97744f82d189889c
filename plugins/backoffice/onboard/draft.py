"""A first mapping of a source: what can be told by likeness, and clearly marked places for what a person must say."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from backoffice.contracts import Column, Contracts, Table
from backoffice.onboard.profile import ColumnProfile, TableProfile
from backoffice.onboard.similar import closest, column_score, table_score
from backoffice.sources.mapping import OPEN

_LIKELY = 0.62
_TABLE = 0.6
_CODES = 20
_SURE = 0.85
_NO_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")  # what YAML reads as something else

Chosen = dict[str, tuple[ColumnProfile, float]]


def draft(name: str, connection: dict[str, str], tables: list[TableProfile], contracts: Contracts) -> str:
    """The text of a source's YAML. ``OPEN`` stands where an expression, a code or a reason is missing."""
    chosen = _choose(tables, contracts)
    lines = [
        f"# A draft made by `backoffice map init` from a look at {name}: read every line, and fill in each {OPEN}.",
        "# `backoffice map check` on this file says what is missing; a score beside a column is how alike the two are.",
        "apiVersion: backoffice/v1",
        f"source: {name}",
        f"source_relation: {name}",
        f"description: {name}",
        f"connection: {_flow(connection)}",
        "defaults:",
        "  timezone: UTC # the zone in which its dates and times are meant",
        "",
        "reads:",
    ]
    for table in tables:
        lines += _read(table)
    lines += ["", "tables:" if chosen else "tables: {}"]
    for canonical, found in chosen.values():
        lines += _mapping(canonical, found)
    lines += _left_over(tables, chosen)
    return "\n".join(lines) + "\n"


def _choose(tables: list[TableProfile], contracts: Contracts) -> dict[str, tuple[Table, TableProfile]]:
    """The likeliest source table of each canonical one; a source table serves one."""
    scores = sorted(
        ((table_score(found, table), table.key, found.name) for found in tables for table in contracts), reverse=True
    )
    named = {found.name: found for found in tables}
    chosen: dict[str, tuple[Table, TableProfile]] = {}
    taken: set[str] = set()
    for score, key, name in scores:
        table = contracts.get(key)
        if score >= _TABLE and key not in chosen and name not in taken and table:
            chosen[key] = (table, named[name])
            taken.add(name)
    return chosen


def _read(table: TableProfile) -> list[str]:
    lines = [f"  {table.name}:"]
    lines += [f"    {name}: {_flow(value)}" for name, value in table.reading.items()]
    if "part" in table.reading:
        return lines  # columns and key are the format's
    lines.append("    columns:")
    lines += [f"      {_word(column.name)}: {_word(column.kind)}" for column in table.columns]
    keys = ", ".join(map(_word, table.key))
    if keys or "table" in table.reading:
        lines.append(f"    primary_key: [{keys or OPEN}]")
    else:
        lines.append("    identity: line # no column tells its rows")
    return lines


def _mapping(table: Table, found: TableProfile) -> list[str]:
    chosen = _columns(table, found)
    lines = [f"  {table.key}:", f"    from: {found.name} r", "    columns:"]
    codes: list[str] = []
    for column in table.columns:
        if column.name in chosen and column.enum:
            codes += _codes(column, chosen[column.name][0])
        elif column.name in chosen:
            source, score = chosen[column.name]
            sure = "" if score >= _SURE else f" # {score:.2f}"
            lines.append(f"      {column.name}: {_reference(source)}{sure}")
        elif column.required:
            lines.append(f"      {column.name}: {OPEN} # {_hint(column)}")
    return lines + (["    map:", *codes] if codes else [])


def _columns(table: Table, found: TableProfile) -> Chosen:
    """Pairs of columns, the likeliest first; each column of the source is used once."""
    pairs = itertools.product(found.columns, table.columns)
    scores = sorted(((column_score(found, s, c, table), c.name, s.name) for s, c in pairs), reverse=True)
    named = {source.name: source for source in found.columns}
    chosen: Chosen = {}
    used: set[str] = set()
    for score, name, source in scores:
        if score >= _LIKELY and name not in chosen and source not in used:
            chosen[name] = (named[source], score)
            used.add(source)
    keys = table.primary_key
    if len(keys) == 1 and found.key:  # a number that is printed may be the key too
        chosen[keys[0].name] = (named[found.key[0]], 1.0) if len(found.key) == 1 else _joined(found)
    return chosen


def _joined(found: TableProfile) -> tuple[ColumnProfile, float]:
    """The columns of a key as one text."""
    return ColumnProfile(" || '-' || r.".join(found.key), "VARCHAR"), 1.0


def _codes(column: Column, source: ColumnProfile) -> Iterator[str]:
    yield f"      {column.name}:"
    yield f"        expr: {_reference(source)}"
    yield f"        values: # one of {', '.join(column.enum)}"
    for code in source.values[:_CODES] or [OPEN]:
        yield f"          {json.dumps(code, ensure_ascii=False)}: {closest(code, column.enum) or OPEN}"


def _hint(column: Column) -> str:
    said = f"one of {', '.join(column.enum)}" if column.enum else column.description.rstrip(".")
    return f"{column.physical_type}: {said}, or a reason under accept:"


def _left_over(tables: list[TableProfile], chosen: dict[str, tuple[Table, TableProfile]]) -> list[str]:
    used = {found.name for _, found in chosen.values()}
    left = [table.name for table in tables if table.name not in used]
    if not left:
        return []
    return ["", f"# Nothing canonical is much like: {', '.join(left)}. Map them, join them, or take them out of reads."]


def _reference(source: ColumnProfile) -> str:
    plain = source.name.isascii() and (source.name.isidentifier() or " || '-' || " in source.name)
    return f"r.{source.name}" if plain else json.dumps(f'r."{source.name}"', ensure_ascii=False)


def _word(text: str) -> str:
    plain = (
        text.isidentifier()
        and text.isascii()
        and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
    )
    return text if plain else json.dumps(text, ensure_ascii=False)


def _flow(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
