"""Raw tables: every landed version of every source row, in the types the source's YAML declares."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from backoffice.errors import WarehouseError
from backoffice.landing import ENVELOPE, EVENT, EXTRA, Manifest
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import raw_name
from backoffice.sources.model import LINE
from backoffice.sources.records import landed_path

BOOKKEEPING = {"_batch_seq": "BIGINT", "_derived": "BOOLEAN", "_generation": "BIGINT"}
"""Added at loading: batch number, whether the row is a delete we concluded, and the build that loaded it."""

INCOMING = "incoming"
"""Temporary table of the rows being loaded."""


def raw_columns(config: SourceConfig, read: str) -> dict[str, str]:
    """The source's own columns and their types in the raw table: a file's columns stay text."""
    columns = config.reads[read].columns
    return dict.fromkeys([*columns, EXTRA], "VARCHAR") if _is_file(config) else dict(columns)


def _is_file(config: SourceConfig) -> bool:
    return config.connection.kind == "files"


def create_raw_tables(connection: duckdb.DuckDBPyConnection, configs: Iterable[SourceConfig]) -> None:
    """Create the raw tables of sources, or add columns that were added to a source's YAML.

    Every load asks this, so the catalog is read once for all tables and nothing is run for one that is as it should be.
    """
    present: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns()"
        " WHERE database_name = current_database() AND schema_name = 'raw'"
    ).fetchall():
        present.setdefault(table, set()).add(column)
    for config in configs:
        for read in config.reads:
            columns = raw_columns(config, read) | {n: kind for n, (kind, _, _) in ENVELOPE.items()} | BOOKKEEPING
            _complete(connection, raw_name(config.source, read), columns, present)


def _complete(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], present: dict[str, set[str]]
) -> None:
    if table not in present:
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        connection.execute(f"CREATE TABLE raw.{table} ({listed})")
        return
    for name in [name for name in columns if name not in present[table]]:
        connection.execute(f'ALTER TABLE raw.{table} ADD COLUMN "{name}" {columns[name]}')


def insert_batches(
    connection: duckdb.DuckDBPyConnection,
    config: SourceConfig,
    read: str,
    rows: str,
    *,
    image: Manifest | None,
    generation: int,
    replaces: Manifest | None = None,
) -> None:
    """Insert landed rows (a table expression), in order; the caller holds a transaction.

    Values the source did not resend are taken from the row's version before; a full image or a truncate deletes the
    keys it no longer has. ``image`` is the batch whose rows are the whole table, if they are; ``replaces`` the batch
    whose rows take the place of those of earlier batches, if they do.

    Raises:
        WarehouseError: a declared column is not in the rows.
    """
    target = f"raw.{raw_name(config.source, read)}"
    stage_incoming(connection, config, read, rows, generation)
    if _any(connection, "SELECT 1 FROM incoming WHERE len(_unchanged) > 0 LIMIT 1"):
        _fill_unchanged(connection, config, read, target)
    keys = list(config.reads[read].primary_key)
    if image:
        _delete_absent(connection, target, keys, image, generation)
    if replaces:
        _delete_absent(connection, target, keys, replaces, generation, condition=f"_batch_seq IN {replaces.replaced}")
    connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM incoming")
    for position in connection.execute(
        "SELECT _batch_seq, _row_no FROM incoming WHERE _op = 't' ORDER BY ALL"
    ).fetchall():
        _delete_truncated(connection, target, keys, position, generation)
    connection.execute("DROP TABLE incoming")


def stage_incoming(
    connection: duckdb.DuckDBPyConnection, config: SourceConfig, read: str, source: str, generation: int
) -> None:
    """Read landed rows (a table expression) into :data:`INCOMING`, in the declared types; what does not fit gets a
    ``_defect``.

    Raises:
        WarehouseError: a declared column is not in the rows.
    """
    columns = raw_columns(config, read)
    present = {str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    if _is_file(config):
        source = _with_declared_since(config, read, present, source)
        present |= columns.keys()
    elif EVENT in present:
        source = _from_events(config, read, present, source)
        present |= columns.keys()
    if missing := [name for name in (*columns, *ENVELOPE) if name not in present]:
        raise WarehouseError(
            f"landed files of {config.source}.{read} have no column {', '.join(missing)}",
            where=f"landing/{config.source}",
            rule="every column under reads: is collected",
            next_step=f"correct sources/{config.source}.yaml, or run `backoffice resync {config.source} {read}`",
        )
    casts = [f'try_cast("{name}" AS {kind}) AS "{name}"' for name, kind in columns.items()]
    misfits = " ".join(
        f"WHEN \"{name}\" IS NOT NULL AND try_cast(\"{name}\" AS {kind}) IS NULL THEN cast(json_object('rule', 'type', "
        f"'column', '{name}', 'value', cast(\"{name}\" AS VARCHAR), 'message', 'does not fit {kind}') AS VARCHAR)"
        for name, kind in columns.items()
    )
    envelope = [name for name in ENVELOPE if name != "_defect"]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE incoming AS
        SELECT {", ".join(casts)}, {", ".join(envelope)},
            coalesce(_defect, CASE {misfits} END) AS _defect,
            cast(right(_batch_id, 10) AS BIGINT) AS _batch_seq, false AS _derived, {generation}::BIGINT AS _generation
        FROM {source}"""
    )


def _with_declared_since(config: SourceConfig, read: str, present: set[str], source: str) -> str:
    """A relation with every declared column: one that was declared after files landed takes its text from what those
    files had beside the declared ones, if they had it.
    """
    columns = raw_columns(config, read)
    absent = "".join(f', CAST(NULL AS VARCHAR) AS "{name}"' for name in columns if name not in present)
    filled = f"(SELECT *{absent} FROM {source})"
    if EXTRA not in present:
        return filled
    aliases = config.reads[read].aliases
    texts = ", ".join(
        f'coalesce("{name}", {", ".join(f"beside[{_literal(header)}]" for header in (name, *aliases.get(name, ())))}) '
        f'AS "{name}"'
        for name in config.reads[read].columns
    )
    beside = f"SELECT *, CAST(CAST({EXTRA} AS JSON) AS MAP(VARCHAR, VARCHAR)) AS beside FROM {filled}"
    return f"(SELECT * EXCLUDE (beside) REPLACE ({texts}) FROM ({beside}))"


def _from_events(config: SourceConfig, read: str, present: set[str], source: str) -> str:
    """A relation with every declared column: one that was declared after records landed takes its value from them."""
    pushed = config.connection.kind == "push"
    paths = config.reads[read].paths
    columns: list[str] = []
    for name, kind in config.reads[read].columns.items():
        path = _literal(landed_path(name, paths.get(name), pushed=pushed))
        # of a deletion only the key lands, and what did not fit is null for good
        text = f"CASE WHEN _op <> 'd' AND _defect IS NULL THEN json_extract_string({EVENT}, {path}) END"
        found = f'coalesce("{name}", try_cast({text} AS {kind}))' if name in present else text
        columns.append(f'{found} AS "{name}"')
    return f"(SELECT {', '.join(columns)}, {', '.join(ENVELOPE)} FROM {source})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fill_unchanged(connection: duckdb.DuckDBPyConnection, config: SourceConfig, read: str, target: str) -> None:
    """PostgreSQL does not resend a large value an UPDATE left alone: carry it over from the version before."""
    columns = raw_columns(config, read)
    keys = ", ".join(f'"{name}"' for name in config.reads[read].primary_key)
    window = f"OVER (PARTITION BY {keys} ORDER BY _batch_seq, _row_no ROWS UNBOUNDED PRECEDING)"
    known = "(_unchanged IS NULL OR NOT list_contains(_unchanged, '{name}'))"
    carried = ", ".join(
        f'last_value(CASE WHEN {known.format(name=name)} THEN struct_pack(v := "{name}") END IGNORE NULLS) {window}'
        f' AS "c_{name}"'
        for name in columns
    )
    values = ", ".join(
        f'CASE WHEN {known.format(name=name)} THEN "{name}" ELSE "c_{name}".v END AS "{name}"' for name in columns
    )
    lost = " OR ".join(f'(NOT {known.format(name=name)} AND "c_{name}" IS NULL)' for name in columns)
    envelope = ", ".join(name for name in (*ENVELOPE, *BOOKKEEPING) if name not in ("_defect", "_unchanged"))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE incoming AS
        WITH before AS (
            SELECT * FROM {target}
            WHERE ({keys}) IN (SELECT ({keys}) FROM incoming WHERE len(_unchanged) > 0)
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _batch_seq DESC, _row_no DESC) = 1
        ), versions AS (
            SELECT *, false AS is_incoming FROM before UNION ALL BY NAME SELECT *, true AS is_incoming FROM incoming
        ), carried AS (SELECT *, {carried} FROM versions)
        SELECT {values}, {envelope}, CASE WHEN {lost} THEN _unchanged END AS _unchanged,
            coalesce(_defect, CASE WHEN {lost} THEN cast(json_object('rule', 'type', 'value',
                cast(_unchanged AS VARCHAR), 'message', 'not resent by the source, and no version before it')
                AS VARCHAR) END) AS _defect
        FROM carried WHERE is_incoming"""
    )


def _delete_absent(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    keys: list[str],
    image: Manifest,
    generation: int,
    *,
    condition: str = "true",
) -> None:
    """A batch deletes what it does not hold of the rows whose newest version meets a condition.

    Row number 0 sorts before the batch's own rows.
    """
    listed = ", ".join(f'"{name}"' for name in keys)
    event = "" if keys == list(LINE) else "'absent' AS _event_id, "
    connection.execute(
        f"""INSERT INTO {target} BY NAME
        SELECT {listed}, ? AS _batch_id, ? AS _batch_seq, 0 AS _row_no, 'd' AS _op, {event}
            ? AS _event_at, ? AS _ingested_at, true AS _derived, {generation}::BIGINT AS _generation
        FROM ({_live(target, listed, newest=condition)}) AS live
        WHERE NOT EXISTS (SELECT 1 FROM incoming AS i WHERE {" AND ".join(f'i."{k}" = live."{k}"' for k in keys)})""",
        [image.batch_id, image.seq, image.event_at_max or image.landed_at, image.landed_at],
    )


def _delete_truncated(
    connection: duckdb.DuckDBPyConnection, target: str, keys: list[str], position: tuple[int, int], generation: int
) -> None:
    listed = ", ".join(f'"{name}"' for name in keys)
    seq, row_no = position
    before = f"(_batch_seq, _row_no) < ({seq}, {row_no})"
    connection.execute(
        f"""INSERT INTO {target} BY NAME
        SELECT live.*, t._batch_id, t._batch_seq, t._row_no, 'd' AS _op, t._event_id, t._event_at, t._ingested_at,
            true AS _derived, {generation}::BIGINT AS _generation
        FROM ({_live(target, listed, before)}) AS live
        CROSS JOIN (SELECT * FROM incoming WHERE _batch_seq = {seq} AND _row_no = {row_no}) AS t"""
    )


def _live(target: str, listed: str, condition: str = "true", newest: str = "true") -> str:
    return f"""SELECT {listed} FROM (
        SELECT {listed}, _op, _batch_seq FROM {target} WHERE _op <> 't' AND {condition}
        QUALIFY row_number() OVER (PARTITION BY {listed} ORDER BY _batch_seq DESC, _row_no DESC) = 1
    ) AS newest WHERE _op <> 'd' AND {newest}"""


def _any(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    return connection.execute(query).fetchone() is not None
