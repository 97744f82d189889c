"""The canonical rows of a sample, computed by the mapping exactly as staging does it, one table a contract's table."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from backoffice.onboard.report import Finding
from backoffice.onboard.sample import Sample
from backoffice.sources import Lines, SourceConfig
from backoffice.sources.mapping import MappedTable, current_rows, open_columns, raw_name, row_select, unknown_columns
from backoffice.warehouse.raw import create_raw_tables, insert_batches

SOURCE, CANONICAL = "source", "canonical"
"""Schemas of the reads' current rows in their declared types, and of the canonical rows."""

PROBLEM = "_problem"
"""Column that says why a row has no usable values: JSON with column, value and message."""


@dataclass(slots=True)
class World:
    """A source's rows in memory.

    Attributes:
        connection: in-memory DuckDB.
        config: the source.
        lines: where its keys stand.
        tables: canonical tables that could be computed; columns whose expression is no SQL are left out.
        broken: those columns.
    """

    connection: duckdb.DuckDBPyConnection
    config: SourceConfig
    lines: Lines
    tables: list[MappedTable] = field(default_factory=list)
    broken: list[Finding] = field(default_factory=list)

    def count(self, query: str) -> int:
        """The one number a query gives."""
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row and row[0] is not None else 0

    def raw(self, read: str) -> str:
        """Raw relation of a read: every row of the sample, as it landed."""
        return f"raw.{raw_name(self.config.source, read)}"


def build_world(
    connection: duckdb.DuckDBPyConnection, config: SourceConfig, lines: Lines, mapped: list[MappedTable], sample: Sample
) -> World:
    """Load the sample and compute its canonical rows."""
    world = World(connection, config, lines)
    for schema in ("raw", SOURCE, CANONICAL):
        connection.execute(f"CREATE SCHEMA {schema}")
    create_raw_tables(connection, [config])
    for manifest in sample.manifests:
        for table in manifest.tables:
            if table.name in config.reads:
                rows = sample.store.relation([manifest], table.name)
                image = manifest if table.full else None
                replaces = manifest if manifest.replaced else None
                insert_batches(connection, config, table.name, rows, image=image, generation=1, replaces=replaces)
    for name in config.reads:
        columns = ", ".join(f'"{column}"' for column in config.reads[name].columns)
        current = current_rows(config, name, world.raw(name), "true")
        connection.execute(f'CREATE TABLE {SOURCE}."{name}" AS SELECT {columns}, _source_file FROM ({current})')
    for item in mapped:
        _add(world, item)
    return world


def _add(world: World, item: MappedTable) -> None:
    usable = _without(item, {*unknown_columns(item), *open_columns(item)})
    broken = [finding for name in _expressions(usable) if (finding := _tried(world, usable, name))]
    world.broken += broken
    usable = _without(usable, {finding.column for finding in broken})
    world.connection.execute(f"CREATE TABLE {CANONICAL}.{item.table.name} AS {_canonical_select(world, usable)}")
    world.tables.append(usable)


def _without(item: MappedTable, names: set[str]) -> MappedTable:
    mapping = item.mapping
    kept = {
        part: {name: value for name, value in getattr(mapping, part).items() if name not in names}
        for part in ("columns", "map", "derived")
    }
    return MappedTable(item.config, item.table, mapping.model_copy(update=kept))


def _expressions(item: MappedTable) -> dict[str, str]:
    return {**item.mapping.columns, **dict.fromkeys(item.mapping.map, ""), **item.mapping.derived}


def expression_of(item: MappedTable, column: str) -> str:
    """A column's expression as the YAML has it."""
    if column in item.mapping.map:
        return item.mapping.map[column].expr
    return item.mapping.columns.get(column) or item.mapping.derived.get(column, "")


def place_of(world: World, item: MappedTable, column: str) -> str:
    """File and line of a column's expression."""
    parts = ("columns", "map", "derived", "accept")
    part = next((part for part in parts if column in getattr(item.mapping, part)), "")
    return world.lines.of("tables", item.table.key, *([part, column] if part else []))


def _tried(world: World, item: MappedTable, column: str) -> Finding | None:
    """Whether a column's expression is SQL over what it may look at; a derived one is also computed."""
    alone = _without(item, set(_expressions(item)) - {column})
    try:
        if column in item.mapping.derived:
            world.connection.execute(f"SELECT count(v_{column}) FROM ({_derived_select(world, alone)})").fetchone()
        else:
            world.connection.execute(f"SELECT * FROM ({row_select(alone, _current_raw(world, item))}) LIMIT 0")
    except duckdb.Error as error:
        said = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        where, expression = place_of(world, item, column), expression_of(item, column)
        return Finding(item.table.key, "expression", column, "error", 0, said, where, expression)
    return None


def _current_raw(world: World, item: MappedTable) -> str:
    """The newest version of each source row, as it landed; rows without a key stay, each for itself."""
    keys = [f'"{name}"' for name in item.read.primary_key]
    keyless = " OR ".join(f"{key} IS NULL" for key in keys)
    newest = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY _batch_seq DESC, _row_no DESC) = 1"
    return (
        f"(SELECT * FROM (SELECT * FROM {world.raw(item.mapping.driver)} WHERE _op <> 't' "
        f"QUALIFY {newest} OR {keyless}) WHERE _op <> 'd')"
    )


def _canonical_select(world: World, item: MappedTable) -> str:
    given, derived = item.row_expressions(), item.derived_expressions()
    values = []
    for column in item.table.columns:
        value = f"r.{column.name}" if column.name in given else "NULL"
        value = f"d.v_{column.name}" if column.name in derived else value
        values.append(f"try_cast({value} AS {column.physical_type}) AS {column.name}")
    joined = "_batch_id, r._row_no" if derived else ""
    source = f"({row_select(item, _current_raw(world, item))}) AS r"
    if joined:
        source += f" LEFT JOIN ({_derived_select(world, item)}) AS d USING (_batch_id, _row_no)"
    relation = item.config.source_relation
    return (
        f"SELECT '{relation}' AS source_relation, {', '.join(values)}, r._batch_id, r._row_no, r._source_file, "
        f"coalesce(r._defect, r._cast_error) AS {PROBLEM} FROM {source}"
    )


def _derived_select(world: World, item: MappedTable) -> str:
    ctes = ", ".join(
        f'"{name}" AS ({current_rows(world.config, name, world.raw(name), "true")})' for name in item.reads
    )
    columns = "".join(f", ({text}) AS v_{name}" for name, text in item.derived_expressions().items())
    alias, joins = item.mapping.alias, " ".join(item.mapping.join)
    return (
        f"WITH {ctes} SELECT {alias}._batch_id, {alias}._row_no{columns} FROM {item.mapping.driver} AS {alias} {joins}"
    )
