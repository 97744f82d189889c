"""Great Expectations on DuckDB: imported quietly, and mended in the two places where it does not know DuckDB.

GX gives its connection back to SQLAlchemy before it fetches the rows; the pool then rolls back, which empties DuckDB's
cursor, and every expectation fails with "list index out of range". :func:`reader` gives SQLAlchemy a connection that
has no transactions. GX's regex rules know no DuckDB expression and get ``regexp_matches``: a private part of GX, so its
version is checked.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import duckdb

from backoffice.errors import ValidationError

GX_VERSION = "1.24.1"
_REGEX_FUNCTION = "get_dialect_regex_expression"


def great_expectations() -> ModuleType:
    """The library, ready for DuckDB. The first call in a process takes 5–7 s; it is idempotent.

    Raises:
        ValidationError: another version than the one the adapter was written for is installed.
    """
    _quieten()
    import great_expectations

    if great_expectations.__version__ != GX_VERSION:
        raise ValidationError(
            f"great-expectations {great_expectations.__version__} is installed, the DuckDB adapter is for {GX_VERSION}",
            rule="the adapter changes private parts, so the version is pinned",
            next_step="install requirements.lock, or check the adapter against the new version and raise GX_VERSION",
        )
    _teach_regex()
    library: ModuleType = great_expectations
    return library


def _quieten() -> None:
    """Before the import: registering its functions alone is hundreds of INFO lines in an Airflow task's log."""
    for name in ("great_expectations", "great_expectations._docs_decorators"):
        logging.getLogger(name).setLevel(logging.WARNING)


def reader(cursor: duckdb.DuckDBPyConnection) -> Any:
    """A cursor as SQLAlchemy takes it, for reading: each query is its own transaction.

    Rows can be fetched after the connection went back to the pool, and a query that fails leaves nothing behind that
    makes the next ones fail.
    """
    from duckdb_engine import ConnectionWrapper

    class Reader(ConnectionWrapper):  # type: ignore[misc]
        def begin(self) -> None: ...

        def commit(self) -> None: ...

        def rollback(self) -> None: ...

    return Reader(cursor)


def _teach_regex() -> None:
    from great_expectations.expectations.metrics import util

    original = getattr(util, _REGEX_FUNCTION)
    if hasattr(original, "original"):
        return  # it is ours already
    mended = _with_duckdb(original)
    for name, module in list(sys.modules.items()):
        # the metrics import the function by name, so each of them holds a reference
        if name.startswith("great_expectations.") and getattr(module, _REGEX_FUNCTION, None) is original:
            setattr(module, _REGEX_FUNCTION, mended)


def _with_duckdb(original: Callable[..., Any]) -> Callable[..., Any]:
    import sqlalchemy as sa

    def regex_expression(column: Any, regex: str, dialect: Any, positive: bool = True) -> Any:
        name = getattr(dialect, "name", None) or getattr(getattr(dialect, "dialect", None), "name", None)
        if name != "duckdb":
            return original(column, regex, dialect, positive)
        matches = sa.func.regexp_matches(column, sa.literal(regex))
        return matches if positive else sa.not_(matches)

    regex_expression.original = original  # type: ignore[attr-defined]
    return regex_expression
