"""What the warehouse says about a published model: its shape, its counts, and what changed since a generation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from backoffice.errors import PublishError
from backoffice.publish.copytext import copy_line, escaped
from backoffice.publish.model import PublishedModel, canonical_type

GENERATION = "_generation"


def check_shapes(connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], *, full: bool) -> None:
    """Compare the declared columns with the warehouse's, before anything is published.

    Raises:
        PublishError: a model is repeated, a table or column is missing, a type differs, or (unless ``full``)
            ``_generation`` is missing.
    """
    relations = [model.relation for model in models]
    repeated = sorted({name for name in relations if relations.count(name) > 1})
    if repeated:
        raise PublishError(f"declared more than once: {', '.join(repeated)}", next_step="declare it once")
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database()"
    ).fetchall():
        found.setdefault((schema, table), {})[column] = canonical_type(kind)
    for model in models:
        _check_shape(model, found.get((model.schema, model.name), {}), full=full)


def _check_shape(model: PublishedModel, found: dict[str, str], *, full: bool) -> None:
    wanted = {column.name: canonical_type(column.duckdb_type) for column in model.columns}
    if model.mode == "rows" and not full:
        wanted[GENERATION] = "BIGINT"
    wrong = [
        f"{name}: {kind}, found {found.get(name, 'none')}" for name, kind in wanted.items() if found.get(name) != kind
    ]
    if wrong:
        raise PublishError(
            f"the warehouse table differs from its declaration in {'; '.join(wrong)}",
            where=f"{model.schema}.{model.name}",
            rule="what is published has exactly the declared columns and types",
            next_step="build the model again, or correct its declaration",
        )


def base_generation(
    connection: duckdb.DuckDBPyConnection, recorded: int, recorded_as_of: datetime, generation: int
) -> int | None:
    """The generation a difference may start from, or None when every row must be compared.

    A channel's record is trusted only if this warehouse made that generation (a rebuilt warehouse counts from one
    again) and it is not newer than what is published now. A full build in between writes tables anew without logging
    the keys that are gone.
    """
    row = connection.execute(
        """SELECT count(*) FILTER (WHERE generation = $1 AND as_of = $2),
                  count(*) FILTER (WHERE is_full AND generation > $1 AND generation <= $3)
           FROM meta.generation WHERE generation >= $1""",
        [recorded, recorded_as_of, generation],
    ).fetchone()
    known, full_builds = row or (0, 0)
    return recorded if known and not full_builds and recorded <= generation else None


@dataclass(frozen=True)
class Survey:
    """A warehouse table before it is published.

    ``changed`` are the rows written after the generation asked for, of a model published by rows. ``fingerprint`` is
    that of a model published whole: it changes when any published value does; the order of rows does not matter.
    """

    rows: int
    changed: int
    fingerprint: str


def unwritten(
    connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], since: int
) -> set[PublishedModel]:
    """Models published whole that no build wrote after a generation: they are as they were."""
    query = "SELECT model FROM meta.model_built WHERE generation <= ?"
    names = {name for (name,) in connection.execute(query, [since]).fetchall()}
    return {model for model in models if model.mode == "whole" and model.name in names}


def survey(
    connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], since: int | None
) -> dict[PublishedModel, Survey]:
    """Every model's table, in one query: a query each cost four times as much."""
    if not models:
        return {}
    parts = [f"SELECT {number}, {_surveyed(model, since)} FROM {model.relation}" for number, model in enumerate(models)]
    found = connection.execute(" UNION ALL ".join(parts)).fetchall()
    return {models[number]: Survey(rows, changed, fingerprint) for number, rows, changed, fingerprint in found}


def _surveyed(model: PublishedModel, since: int | None) -> str:
    if model.mode == "whole":
        return f"count(*), 0, CAST(coalesce(sum(md5_number_lower({copy_line(model.columns)})), 0) AS VARCHAR)"
    changed = "0" if since is None else f"count(*) FILTER (WHERE {GENERATION} > {since})"
    return f"count(*), {changed}, ''"


def removed_models(connection: duckdb.DuckDBPyConnection, since: int) -> set[str]:
    """Names of the models rows were removed from after a generation."""
    query = "SELECT DISTINCT model FROM meta.removed_row WHERE generation > ?"
    return {name for (name,) in connection.execute(query, [since]).fetchall()}


def all_rows(model: PublishedModel) -> str:
    """Query: every row as COPY text."""
    return f"SELECT {copy_line(model.columns)} FROM {model.relation}"


def changed_rows(model: PublishedModel) -> str:
    """Query: rows written after the generation given as parameter, as COPY text."""
    return f"{all_rows(model)} WHERE {GENERATION} > ?"


def removed_keys(model: PublishedModel) -> str:
    """Query: keys removed after the generation given as parameter and not there now, as COPY text.

    A rebuilt row is deleted and inserted: its key is logged as removed and exists, and what exists wins.
    """
    kind = next(column.duckdb_type for column in model.columns if column.name == model.key)
    return f"""
        SELECT DISTINCT {escaped("removed.row_key")} || chr(10)
        FROM meta.removed_row AS removed
        ANTI JOIN {model.relation} AS kept ON kept."{model.key}" = TRY_CAST(removed.row_key AS {kind})
        WHERE removed.model = '{model.name}' AND removed.generation > ?"""
