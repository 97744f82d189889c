"""An in-memory database beside the warehouse for one run: the rows under judgement, and what was found about them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

import duckdb
import pyarrow as pa

from backoffice.validate.checker import Failure
from backoffice.validate.suites import CAST_ERROR, DEFECT, REQUIRED, Suite
from backoffice.warehouse.raw import BOOKKEEPING

_names = itertools.count(1)
_NAMED = "named_rows"
NO_DOCUMENT = "NULL, NULL, NULL"


@dataclass(frozen=True, slots=True)
class Judged:
    """A view of rows and the suite it was judged by. ``source_rows`` is the relation the rows are mapped from.

    ``document`` is SQL over the view ``j`` for the three columns that name a row's document.
    """

    source: str
    read: str
    source_rows: str
    view: str
    rows: int
    suite: Suite
    document: str = NO_DOCUMENT


class Scratch:
    """Attached under a name of its own and detached at the end: nothing is written to the warehouse.

    Rows are judged through views: GX sends few queries, each maps only the columns it looks at, and copying 1.5 million
    rows into tables first took twice as long as judging them in place.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, gate: str, judged_at: datetime) -> None:
        self.name = f"judging_{next(_names)}"
        self.suites: dict[str, str] = {}
        self._connection = connection
        self._gate = gate
        self._judged_at = judged_at
        self._views = 0

    def __enter__(self) -> Scratch:
        self._connection.execute(f"ATTACH ':memory:' AS {self.name}")
        self._connection.execute(
            f"""CREATE TABLE {self.name}.verdict (source VARCHAR, table_name VARCHAR, batch_id VARCHAR, row_no BIGINT,
                gate VARCHAR, suite VARCHAR, suite_version VARCHAR, rule VARCHAR, severity VARCHAR, column_name VARCHAR,
                value VARCHAR, row_json VARCHAR, judged_at TIMESTAMPTZ, document VARCHAR, source_relation VARCHAR,
                document_key VARCHAR);
            CREATE TABLE {self.name}.judged (source VARCHAR, table_name VARCHAR, gate VARCHAR, suite VARCHAR,
                suite_version VARCHAR, judged_rows BIGINT, failed_rows BIGINT, judged_at TIMESTAMPTZ)"""
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.execute(f"DETACH {self.name}")

    def view(self, select: str) -> str:
        """Name a SELECT, so that GX can query it."""
        self._views += 1
        name = f"rows_{self._views}"
        self._connection.execute(f"CREATE VIEW {self.name}.{name} AS {select}")
        return name

    def record(self, judged: Judged, failures: list[Failure]) -> None:
        """Note what a suite found: one verdict a failing row and rule, and the counts."""
        suite = judged.suite
        unreadable: set[tuple[str, int]] = set()
        failed: set[tuple[str, int]] = set()
        for failure in sorted(failures, key=_required_last):
            meta = failure.expectation["meta"]
            named = dict.fromkeys(failure.rows)
            if meta["column"] in (DEFECT, CAST_ERROR):
                unreadable |= named.keys()
            elif meta.get("kind") == REQUIRED:
                # a value that could not be read is empty because of that: one cause, one verdict
                named = {row: None for row in named if row not in unreadable}
            failed |= named.keys() if meta["severity"] == "error" else set()
            self._insert(judged, meta, list(named))
        counts = [judged.source, judged.read, self._gate, suite.name, suite.version, judged.rows, len(failed)]
        self._connection.execute(
            f"INSERT INTO {self.name}.judged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*counts, self._judged_at]
        )
        self.suites[suite.name] = suite.version

    def verdicts(self) -> pa.Table:
        """All verdicts, in the rows' order."""
        return self._ordered("verdict", "batch_id, row_no, suite, rule")

    def judged(self) -> pa.Table:
        """The counts."""
        return self._ordered("judged", "source, table_name, suite")

    def _ordered(self, table: str, order: str) -> pa.Table:
        return self._connection.execute(f"SELECT * FROM {self.name}.{table} ORDER BY {order}").to_arrow_table()

    def _insert(self, judged: Judged, meta: dict[str, str], rows: list[tuple[str, int]]) -> None:
        column, value = _column_and_value(meta["column"])
        self._connection.register(_NAMED, _arrow(rows))
        self._connection.execute(
            f"""INSERT INTO {self.name}.verdict
            SELECT $source, $read, n.batch_id, n.row_no, $gate, $suite, $version, $rule, $severity, {column}, {value},
                cast(to_json(s) AS VARCHAR), $judged_at, {judged.document}
            FROM {_NAMED} AS n
            JOIN {self.name}.{judged.view} AS j ON j._batch_id = n.batch_id AND j._row_no = n.row_no
            JOIN (SELECT * EXCLUDE ({", ".join(BOOKKEEPING)}) FROM {judged.source_rows}) AS s
                ON s._batch_id = n.batch_id AND s._row_no = n.row_no""",
            {
                "source": judged.source,
                "read": judged.read,
                "gate": self._gate,
                "suite": judged.suite.name,
                "version": judged.suite.version,
                "rule": meta["rule"],
                "severity": meta["severity"],
                "judged_at": self._judged_at,
            },
        )
        self._connection.unregister(_NAMED)


def _required_last(failure: Failure) -> bool:
    return bool(failure.expectation["meta"].get("kind") == REQUIRED)


def _arrow(rows: list[tuple[str, int]]) -> pa.Table:
    numbers = pa.array([row_no for _, row_no in rows], pa.int64())
    return pa.table({"batch_id": pa.array([batch for batch, _ in rows], pa.string()), "row_no": numbers})


def _column_and_value(column: str | None) -> tuple[str, str]:
    """SQL of the column to blame and its value as text; what could not be read names both in its JSON."""
    if column is None:
        return "NULL", "NULL"
    if column in (DEFECT, CAST_ERROR):
        return f"json_extract_string(j.{column}, '$.column')", f"json_extract_string(j.{column}, '$.value')"
    return f"'{column}'", f'cast(j."{column}" AS VARCHAR)'
