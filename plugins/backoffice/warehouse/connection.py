"""Opening the warehouse: the only place that decides DuckDB's configuration for it."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from backoffice.durable import storage_errors
from backoffice.errors import WarehouseError
from backoffice.settings import Settings

WAREHOUSE_SETTINGS = {
    "TimeZone": "UTC",
    # A build looks for a few keys among all: hashes shrink by little, and unpacking them is most of what looking costs.
    "disabled_compression_methods": "fsst,dict_fsst,zstd",
    # rows looked for by so many places are read from where they are; with more, all rows are read
    "dynamic_or_filter_threshold": "5000",
}
"""What every connection to the warehouse sets once it is open; as options of the connection DuckDB ignores them."""

_CLOSING_SECONDS = 30.0
_AGAIN_SECONDS = 0.05


def warehouse_config(settings: Settings) -> dict[str, str]:
    """Options of every connection to the warehouse in this process.

    DuckDB refuses a second connection with other options in one process, and dbt-duckdb keeps its own open.
    """
    return {"threads": str(settings.duckdb_threads), "memory_limit": memory_limit(settings)}


def memory_limit(settings: Settings) -> str:
    """Memory the warehouse may take: what a build looks for keys in should fit, or it is read from disk each time."""
    return settings.duckdb_memory or _half_of_duckdbs_own()


@functools.cache
def _half_of_duckdbs_own() -> str:
    """DuckDB takes 80 % of what the machine or the container has; PostgreSQL, Airflow and collectors live there too."""
    with duckdb.connect() as connection:
        row = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    amount, unit = str(row[0] if row else "").split()
    return f"{float(amount) / 2:.1f}{unit}"


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-write connection in UTC; the caller holds the lease.

    Raises:
        WarehouseError: another process has the file open.
        StorageError: the disk does not let it be written.
    """
    path = settings.warehouse_path
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, warehouse_config(settings))
    try:
        for name, value in WAREHOUSE_SETTINGS.items():
            connection.execute(f"SET {name} = '{value}'")
        yield connection
    finally:
        connection.close()


def _connect(path: Path, config: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """Who held the lease before may still be closing the file: a checkpoint takes its time."""
    deadline = time.monotonic() + _CLOSING_SECONDS
    while True:
        try:
            with storage_errors("opening the warehouse"):
                return duckdb.connect(str(path), config=dict(config))
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error) or time.monotonic() >= deadline:
                raise _not_opened(path, error) from error
            time.sleep(_AGAIN_SECONDS)


def _not_opened(path: Path, error: duckdb.Error) -> WarehouseError:
    return WarehouseError(
        f"the warehouse cannot be opened: {error}",
        where=str(path),
        rule="one writer at a time, and readers never open the warehouse",
        next_step="close the other program, or read the published marts instead (`backoffice status` says where)",
    )
