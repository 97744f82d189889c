"""Hashes of published models, the same for the warehouse, a published file and PostgreSQL.

The hash of a model is defined as follows, so that two stores have the same one exactly if readers see the same rows:

* a row is the JSON list of its declared columns, in declared order, each cast to its declared type and then to text by
  DuckDB in UTC (DECIMAL with all its places); null stays null. Columns with a leading underscore are no part of it;
* the row's hash is the MD5 of that text in UTF-8, taken as two unsigned numbers of 64 bits;
* the model's digest is ``<rows>-<sum of the first numbers>-<sum of the second>`` in hexadecimal. A sum does not depend
  on the order of rows, and unlike XOR it sees a row that is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from backoffice.errors import PublishError
from backoffice.extensions import POSTGRES_SCANNER, extension_path
from backoffice.publish.model import PublishedModel

RUN_LOG_MARTS = frozenset({"audit_source_totals"})
"""Models that tell of runs of the platform, not of the business: a rebuilt warehouse has other rows in them."""


def comparable(models: Iterable[PublishedModel]) -> list[PublishedModel]:
    """The models a rebuild must reproduce: all but :data:`RUN_LOG_MARTS`."""
    return [model for model in models if model.name not in RUN_LOG_MARTS]


def mart_hashes(
    connection: duckdb.DuckDBPyConnection, models: Sequence[PublishedModel], *, database: str = ""
) -> dict[str, str]:
    """Digest of each model by its name; see this module for its definition.

    Args:
        connection: of DuckDB; the session's time zone is set to UTC.
        models: what to hash; see :func:`comparable`.
        database: name of the attached database that holds them; empty for the connection's own.

    Raises:
        PublishError: a model's table or column is missing, or cannot be read.
    """
    connection.execute("SET TimeZone = 'UTC'")
    return {model.name: _digest(connection, model, _relation(model, database)) for model in models}


def file_hashes(path: Path, models: Sequence[PublishedModel]) -> dict[str, str]:
    """The same for a DuckDB file, such as ``marts.duckdb``, opened read-only."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return mart_hashes(connection, models)


def postgres_hashes(url: str, models: Sequence[PublishedModel]) -> dict[str, str]:
    """The same for published marts in PostgreSQL, all models at one instant.

    Args:
        url: libpq URL of the marts, of any role that may read them.
        models: what to hash.

    Raises:
        PublishError: as in :func:`mart_hashes`, or the server cannot be reached.
    """
    with _attached(url) as connection:
        return mart_hashes(connection, models, database="published")


def different_keys(
    connection: duckdb.DuckDBPyConnection, model: PublishedModel, left: str, right: str, *, limit: int = 20
) -> list[str]:
    """Row keys a model does not have alike in two attached databases, in order, at most ``limit``."""
    row = _row_text(model)
    rows = "SELECT CAST({key} AS VARCHAR) AS key, {row} AS row FROM {relation}"
    sides = [rows.format(key=f'"{model.key}"', row=row, relation=_relation(model, name)) for name in (left, right)]
    found = connection.execute(
        f"""SELECT DISTINCT key FROM (({sides[0]} EXCEPT ALL {sides[1]}) UNION ALL ({sides[1]} EXCEPT ALL {sides[0]}))
        ORDER BY key LIMIT ?""",
        [limit],
    ).fetchall()
    return [str(key) for (key,) in found]


def _digest(connection: duckdb.DuckDBPyConnection, model: PublishedModel, relation: str) -> str:
    try:
        found = connection.execute(
            f"""SELECT count(*), coalesce(sum(md5_number_upper(row)), 0), coalesce(sum(md5_number_lower(row)), 0)
            FROM (SELECT {_row_text(model)} AS row FROM {relation})"""
        ).fetchone()
    except duckdb.Error as error:
        raise PublishError(
            f"model {model.name} cannot be hashed: {error}",
            where=relation,
            next_step="publish or build it first; a changed model is published with the next cycle",
        ) from error
    return "-".join(f"{int(number):x}" for number in found or ())


def _row_text(model: PublishedModel) -> str:
    values = ", ".join(f'CAST(CAST("{c.name}" AS {c.duckdb_type}) AS VARCHAR)' for c in model.columns)
    return f"CAST(to_json([{values}]) AS VARCHAR)"


def _relation(model: PublishedModel, database: str) -> str:
    return f'"{database}".{model.relation}' if database else model.relation


@contextmanager
def _attached(url: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    ) as connection:
        connection.execute(f"LOAD '{extension_path(POSTGRES_SCANNER)}'")
        try:
            connection.execute("ATTACH '{}' AS published (TYPE postgres, READ_ONLY)".format(url.replace("'", "''")))
            connection.execute("BEGIN")  # one transaction of PostgreSQL for all tables
        except duckdb.Error as error:
            raise PublishError(
                "the published marts cannot be reached", where="PostgreSQL", next_step="`backoffice doctor` says why"
            ) from error
        yield connection
        connection.execute("ROLLBACK")
