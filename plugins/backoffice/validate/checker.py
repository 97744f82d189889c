"""One run of Great Expectations over views of a scratch database: which rows break which expectation."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import duckdb

from backoffice.errors import ValidationError
from backoffice.validate.duckdb_adapter import great_expectations, reader
from backoffice.validate.suites import ROW_QUERY, Suite

ROW = ("_batch_id", "_row_no")


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that does not hold, and every row that breaks it: (batch id, row number)."""

    expectation: dict[str, Any]
    rows: list[tuple[str, int]]


class Checker:
    """Judges views with suites; made by :func:`open_checker`."""

    def __init__(self, gx: Any, datasource: Any) -> None:
        self._gx = gx
        self._datasource = datasource

    def failures(self, view: str, rows: int, suite: Suite) -> list[Failure]:
        """What of the suite does not hold on the view, which has so many rows.

        First everything by counts alone, which GX bundles into one query; then only what failed, row by row: with
        ``COMPLETE`` GX sends two more queries for every expectation, also for one that holds.

        Raises:
            ValidationError: an expectation could not be computed, or it failed without naming its rows.
        """
        # as a query, not a table asset, whose columns GX looks up in the catalogue: 12 ms a view
        asset = self._datasource.add_query_asset(view, query=f"SELECT * FROM {view}")
        batch = asset.get_batch(asset.build_batch_request())
        results = self._run(batch, suite, list(suite.expectations), "BOOLEAN_ONLY")
        failed = [expectation for expectation in suite.expectations if not results[_rule(expectation)].success]
        queries = [expectation for expectation in failed if expectation["type"] == ROW_QUERY]
        others = [expectation for expectation in failed if expectation["type"] != ROW_QUERY]
        found = [Failure(expectation, self._queried_rows(batch, suite, expectation)) for expectation in queries]
        return found + (self._named_rows(batch, rows, suite, others) if others else [])

    def _named_rows(self, batch: Any, rows: int, suite: Suite, failed: list[dict[str, Any]]) -> list[Failure]:
        complete = {
            "result_format": "COMPLETE",
            "unexpected_index_column_names": list(ROW),
            "exclude_unexpected_values": True,
            "include_unexpected_rows": False,
            # SQL engines cut the list of rows to this many (20 when not given), also with COMPLETE
            "partial_unexpected_count": rows,
        }
        results = self._run(batch, suite, failed, complete)
        return [Failure(item, _rows(suite, item, results[_rule(item)].result)) for item in failed]

    def _queried_rows(self, batch: Any, suite: Suite, expectation: dict[str, Any]) -> list[tuple[str, int]]:
        from great_expectations.metrics import QueryBatchTable

        query = QueryBatchTable(query=expectation["kwargs"]["unexpected_rows_query"], fetch_all=True)
        with redirect_stderr(io.StringIO()):  # a progress bar that no setting of GX turns off; errors are in the result
            metric = batch.compute_metrics(query)
        rows = metric.value
        if not isinstance(rows, list):
            raise _broken(suite, _rule(expectation), str(getattr(rows, "exception_message", rows)))
        if any(name not in row for row in rows for name in ROW):
            raise _unnamed(suite, _rule(expectation), f"its query returns no {' and '.join(ROW)}")
        return [(row[ROW[0]], row[ROW[1]]) for row in rows]

    def _run(self, batch: Any, suite: Suite, expectations: list[dict[str, Any]], form: Any) -> dict[str, Any]:
        results = {
            result.expectation_config.meta["rule"]: result
            for result in batch.validate(self._build(suite, expectations), result_format=form).results
        }
        for expectation in expectations:
            result = results.get(_rule(expectation))
            message = _exception(result.exception_info) if result else "GX gave no result"
            if message and len(expectations) > 1:
                # one query counts for all of them, so all fail: alone, only the one to blame does
                for one in expectations:
                    self._run(batch, suite, [one], form)
            if message:
                raise _broken(suite, _rule(expectation), message)
        return results

    def _build(self, suite: Suite, expectations: list[dict[str, Any]]) -> Any:
        try:
            built = self._gx.ExpectationSuite(name=suite.name, expectations=[dict(item) for item in expectations])
        except Exception as error:  # whatever pydantic or GX raises: the text is all we need of it
            raise _broken(suite, "", str(error)) from error
        if len(built.expectations) != len(expectations):
            raise _broken(suite, "", "GX left an expectation out; its log says which")
        return built


@contextmanager
def open_checker(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[Checker]:
    """A fresh ephemeral GX context over an attached database, disposed of afterwards.

    Args:
        connection: any connection of the DuckDB instance; GX gets cursors of it, so it sees what is committed.
        database: name of the attached database whose views are judged.
    """
    with open_context(connection, database) as (_, datasource):
        yield Checker(great_expectations(), datasource)


@contextmanager
def open_context(connection: duckdb.DuckDBPyConnection, database: str) -> Iterator[tuple[Any, Any]]:
    """A fresh ephemeral GX context and its datasource, see :func:`open_checker`."""
    context = great_expectations().get_context(mode="ephemeral", project_config=_project_config())
    datasource = context.data_sources.add_sql(
        database, connection_string="duckdb://", kwargs={"creator": _cursors(connection, database)}
    )
    try:
        yield context, datasource
    finally:
        datasource.get_execution_engine().close()
        datasource.get_execution_engine().engine.dispose()
        datasource.get_engine().dispose()


def _project_config() -> Any:
    """Nothing leaves the process: no statistics, no progress bars in task logs, no folder for a documentation site."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )


def _cursors(connection: duckdb.DuckDBPyConnection, database: str) -> Callable[[], Any]:
    """What SQLAlchemy connects with.

    Were duckdb-engine to open the file, DuckDB would refuse: it adds an option of its own to the configuration, and a
    file has one configuration in a process.
    """

    def connect() -> Any:
        cursor = connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")  # a cursor does not inherit it
        cursor.execute(f"USE {database}")
        return reader(cursor)

    return connect


def _rule(expectation: dict[str, Any]) -> str:
    return str(expectation["meta"]["rule"])


def _rows(suite: Suite, expectation: dict[str, Any], result: dict[str, Any]) -> list[tuple[str, int]]:
    """GX gives the identities by column once values are excluded: ``[{"_batch_id": [...], "_row_no": [...]}]``."""
    columns = (result.get("unexpected_index_list") or [{}])[0]
    named = list(zip(*(columns.get(name, ()) for name in ROW), strict=True))
    if not named or len(named) != result.get("unexpected_count"):
        message = f"{result.get('unexpected_count')} rows fail and {len(named)} are named"
        raise _unnamed(suite, _rule(expectation), message)
    return named


def _exception(info: dict[str, Any] | None) -> str:
    """Either one exception, or one a metric by metric id."""
    if not info:
        return ""
    parts = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(str(part["exception_message"]) for part in parts if part["raised_exception"])


def _broken(suite: Suite, rule: str, message: str) -> ValidationError:
    return ValidationError(
        f"an expectation could not be judged: {message}",
        where=f"expectations/{suite.name}.json",
        rule=rule,
        next_step="mend the expectation; the rows stay unjudged and nothing is built from them until then",
    )


def _unnamed(suite: Suite, rule: str, message: str) -> ValidationError:
    return ValidationError(
        f"an expectation failed without naming its rows: {message}",
        where=f"expectations/{suite.name}.json",
        rule=rule,
        next_step=f"use an expectation about rows, or a {ROW_QUERY} that selects {' and '.join(ROW)}",
    )
