"""Checking a mapping on the rows of its source: what it covers, what breaks the contracts, whether totals agree."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from backoffice.contracts import Contracts
from backoffice.errors import MappingError
from backoffice.onboard.canonical import CANONICAL, PROBLEM, SOURCE, World, build_world, expression_of, place_of
from backoffice.onboard.report import Coverage, Finding, Level, Report, Total, UnmappedCode
from backoffice.onboard.rules import UNMAPPED, Check, checks_of, unjudged_references
from backoffice.onboard.sample import take_sample
from backoffice.settings import Settings
from backoffice.sources import Lines, Reconcile, SourceConfig, load_source
from backoffice.sources.mapping import OPEN, MappedTable, mapping_errors, missing_columns, open_columns

_SAMPLES = 3


def check_mapping(path: Path, contracts: Contracts, settings: Settings, *, full: bool) -> Report:
    """Check a source's file on rows of the source itself; nothing is landed.

    Args:
        path: the YAML.
        contracts: what canonical rows must be.
        settings: folders and servers.
        full: read everything instead of a sample.

    Raises:
        MappingError: the file cannot be read, or maps a table that has no contract.
        CollectError: the source cannot be read.
    """
    config, lines = load_source(path), Lines(path)
    mapped = [_mapped(config, contracts, lines, key) for key in config.tables]
    report = Report(config.source, str(path), full)
    with tempfile.TemporaryDirectory(prefix="backoffice-map-") as folder, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sample = take_sample(config, settings, Path(folder), full=full)
        world = build_world(connection, config, lines, mapped, sample)
        report.cut, report.set_aside = sorted(sample.cut), sample.aside
        report.reads = {name: world.count(f'SELECT count(*) FROM {SOURCE}."{name}"') for name in config.reads}
        report.findings += _of_the_mapping(world, mapped)
        report.findings += list(_of_the_reads(world))
        for item in world.tables:
            _judge(world, item, sample.cut, report)
        if sample.cut and config.reconcile:
            report.not_judged.append("totals: only some rows were read, see --full")
        else:
            report.totals = [_total(world, number, total) for number, total in enumerate(config.reconcile)]
    return report


def _mapped(config: SourceConfig, contracts: Contracts, lines: Lines, key: str) -> MappedTable:
    table = contracts.get(key)
    if table is None:
        raise MappingError(
            f"tables.{key}: no such table in the contracts",
            where=lines.of("tables", key),
            next_step=f"use one of {', '.join(sorted(known.key for known in contracts))}",
        )
    return MappedTable(config, table, config.tables[key])


def _of_the_mapping(world: World, mapped: list[MappedTable]) -> list[Finding]:
    """What is wrong whatever the rows are."""
    found = list(world.broken)
    for item in mapped:
        for error in mapping_errors(item):
            if error.what.endswith(f"left {OPEN}"):
                continue  # told one by one below
            names, _, what = error.what.partition(": ")
            where = world.lines.of("tables", item.table.key)
            found.append(Finding(item.table.key, "mapping", names, "error", 0, what, where))
        for name in open_columns(item):
            where = place_of(world, item, name)
            found.append(Finding(item.table.key, "open", name, "error", 0, f"{OPEN}: say what it is", where))
    return found


def _of_the_reads(world: World) -> Iterator[Finding]:
    """A source's own key must tell its rows: of two with one key in one file, only the last would be kept."""
    for name, read in world.config.reads.items():
        where, keys = world.lines.of("reads", name, "primary_key"), ", ".join(read.primary_key)
        listed = ", ".join(f'"{key}"' for key in read.primary_key)
        if not world.count(f"SELECT count(*) FROM {world.raw(name)}"):
            yield Finding(f"reads.{name}", "rows", "", "error", 0, "nothing of it could be read", where)
        driving = {mapping.driver for mapping in world.config.tables.values()}
        bad = f"FROM {world.raw(name)} WHERE _defect IS NOT NULL"
        if name not in driving and (count := world.count(f"SELECT count(*) {bad}")):
            samples = _rows(world, f"SELECT _defect, _source_file AS file {bad} ORDER BY ALL LIMIT {_SAMPLES}")
            yield Finding(f"reads.{name}", "type", "", "error", count, "cannot be read", where, "", samples)
        twice = (
            f"SELECT {listed}, count(*) AS rows FROM {world.raw(name)} WHERE _op = 'r' AND _defect IS NULL "
            f"GROUP BY {listed}, _batch_id HAVING count(*) > 1"
        )
        if world.config.connection.kind == "files" and (count := world.count(f"SELECT sum(rows - 1) FROM ({twice})")):
            samples = _rows(world, f"{twice} LIMIT {_SAMPLES}")
            yield Finding(
                f"reads.{name}", "key", keys, "error", count, "stands more than once in a file", where, keys, samples
            )


def _judge(world: World, item: MappedTable, cut: frozenset[str], report: Report) -> None:
    table = item.table
    given = {*item.mapping.columns, *item.mapping.map, *item.mapping.derived} & {c.name for c in table.columns}
    mapped = {other.table.name: other for other in world.tables}
    checks = list(checks_of(item, mapped, cut))
    counts = ", ".join(f"count(*) FILTER ({check.breaks})" for check in checks)
    row = world.connection.execute(f"SELECT count(*), {counts} FROM {CANONICAL}.{table.name} AS t").fetchone() or ()
    accepted = {name: reason for name, reason in item.mapping.accept.items() if "." not in name}
    report.coverage.append(
        Coverage(table.key, int(row[0]), len(given), len(table.columns), tuple(missing_columns(item)), accepted)
    )
    report.checks += len(checks)
    report.not_judged += unjudged_references(item, mapped, cut)
    for check, count in zip(checks, row[1:], strict=True):
        if count:
            report.findings += _found(world, item, check, int(count))
    for column in item.mapping.map:
        _look_for_unmapped(world, item, column, report)


def _found(world: World, item: MappedTable, check: Check, count: int) -> Iterator[Finding]:
    if check.name == "type":
        yield from _unreadable(world, item)
        return
    yield _finding(world, item, check, count, f"t.{check.column}")


def _unreadable(world: World, item: MappedTable) -> Iterator[Finding]:
    """Rows that cannot be read, by what is to blame: a canonical column, one of the source, or a rule of the reader."""
    blamed = f"coalesce(json_extract_string(t.{PROBLEM}, '$.column'), json_extract_string(t.{PROBLEM}, '$.rule'), '')"
    said = f"any_value(coalesce(json_extract_string(t.{PROBLEM}, '$.message'), 'cannot be read'))"
    groups = world.connection.execute(
        f"SELECT {blamed}, {said}, count(*) FROM {CANONICAL}.{item.table.name} AS t WHERE t.{PROBLEM} IS NOT NULL "
        "GROUP BY 1 ORDER BY 1"
    ).fetchall()
    for column, message, count in groups:
        breaks = f"t.{PROBLEM} IS NOT NULL AND {blamed} = '{column.replace(chr(39), chr(39) * 2)}'"
        value = f"json_extract_string(t.{PROBLEM}, '$.value')"
        yield _finding(world, item, Check("type", column, breaks, message), int(count), value)


def _finding(world: World, item: MappedTable, check: Check, count: int, value: str) -> Finding:
    reason = item.mapping.accept.get(f"{check.column}.{check.name}", "")
    level: Level = "accepted" if reason and check.level == "error" else check.level
    return Finding(
        item.table.key,
        check.name,
        check.column,
        level,
        count,
        check.message,
        place_of(world, item, check.column),
        expression_of(item, check.column),
        _samples(world, item, check.column, value, check.breaks),
        reason,
    )


def _samples(world: World, item: MappedTable, column: str, value: str, breaks: str) -> tuple[dict[str, Any], ...]:
    """The first rows that break a rule: the source's key, what the expression looks at, and what came of it."""
    words = set(re.findall(rf"\b{item.mapping.alias}\.\"?(\w+)", expression_of(item, column)))
    looked_at = [name for name in item.read.columns if name in words or name in item.read.primary_key]
    source = ", ".join(f's."{name}"' for name in looked_at)
    return _rows(
        world,
        f'SELECT {source}{", " if source else ""}{value} AS "→ {column or "row"}", t._source_file AS file '
        f"FROM {CANONICAL}.{item.table.name} AS t "
        f"JOIN {world.raw(item.mapping.driver)} AS s USING (_batch_id, _row_no) "
        f"WHERE {breaks} ORDER BY t._batch_id, t._row_no LIMIT {_SAMPLES}",
    )


def _look_for_unmapped(world: World, item: MappedTable, column: str, report: Report) -> None:
    name = f"t.{column}"
    breaks = f"starts_with(cast({name} AS VARCHAR), '{UNMAPPED}')"
    where = place_of(world, item, column)
    rows = world.connection.execute(
        f"SELECT {name}[{len(UNMAPPED) + 1}:], count(*) FROM {CANONICAL}.{item.table.name} AS t WHERE {breaks} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    report.checks += 1
    report.unmapped += [UnmappedCode(item.table.key, column, str(code), int(count), where) for code, count in rows]
    if rows:
        check = Check("unmapped", column, breaks, f"codes without a value: {', '.join(str(code) for code, _ in rows)}")
        report.findings.append(_finding(world, item, check, sum(count for _, count in rows), name))


def _total(world: World, number: int, total: Reconcile) -> Total:
    where = world.lines.of("reconcile", str(number))
    try:
        ours, theirs = _value(world, CANONICAL, total.canonical), _value(world, SOURCE, total.equals)
    except duckdb.Error as error:
        said = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        return Total(total.name, "", "", is_equal=False, where=where, error=said)
    return Total(total.name, _shown(ours), _shown(theirs), ours == theirs, where, accepted=total.accept)


def _value(world: World, schema: str, query: str) -> list[tuple[Any, ...]]:
    """All rows of the query, in their order; decimals compare by value, whatever their scale."""
    world.connection.execute(f"SET search_path = '{schema}'")
    try:
        return world.connection.execute(query).fetchall()
    finally:
        world.connection.execute("SET search_path = 'main'")


def _shown(rows: list[tuple[Any, ...]]) -> str:
    return "; ".join(", ".join("null" if value is None else str(value) for value in row) for row in rows[:_SAMPLES])


def _rows(world: World, query: str) -> tuple[dict[str, Any], ...]:
    cursor = world.connection.execute(query)
    names = [str(column[0]) for column in cursor.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return tuple({name: _plain(value) for name, value in row.items() if value is not None} for row in rows)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | bool) else str(value)
