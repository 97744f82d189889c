"""A person corrects a row: the corrected row is landed, with who and why, beside the row as it came.

In: a landed row and new values. Out: a batch of the pseudo-source ``_fixes_<source>`` with the same columns and types,
which the loader puts in the row's place in the source's order. The collector and its offset are not involved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import duckdb

from backoffice.errors import ValidationError
from backoffice.landing import BatchStore, Manifest, fixes_of
from backoffice.sources import SourceConfig
from backoffice.validate.landed import LandedRow

Values = Mapping[str, str | None]
"""Column → new value as text; None empties it."""

_NUMBERS = ("DECIMAL", "NUMERIC", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "UINTEGER")
_INSTANTS = ("DATE", "TIMESTAMP")


def land_fix(
    store: BatchStore, config: SourceConfig, row: LandedRow, values: Values, *, actor: str, reason: str
) -> Manifest:
    """Land the row with new values.

    Args:
        store: where the row landed.
        config: its source.
        row: the row, or an earlier fix of it.
        values: new values.
        actor: who corrects it.
        reason: why, for those who read the history.

    Raises:
        ValidationError: a column is unknown, a value does not fit its type, or what made the row unreadable remains.
        LandingError: another process keeps writing fixes of the source.
    """
    check_values(config, row, values)
    name = fixes_of(config.source)
    with store.exclusive(name):
        batch = store.begin(name)
        try:
            _write(str(batch.path(row.table)), batch.batch_id, row, values)
            notes = {"fixes": row.root, "actor": actor, "reason": reason, "columns": sorted(values)}
            return batch.commit(kind="fix", offset={}, notes=notes)
        except BaseException:
            batch.abort()
            raise


def check_values(config: SourceConfig, row: LandedRow, values: Values) -> None:
    """Whether the values can be put into the row.

    Raises:
        ValidationError: they cannot; names the column, the value and the type.
    """
    columns = config.reads[row.table].columns
    where = f"{config.source}.{row.table}"
    if not values:
        raise ValidationError("no column to set", where=where, next_step="name one: --set column=value")
    if unknown := sorted(values.keys() - columns.keys()):
        raise ValidationError(
            f"{', '.join(unknown)}: no such column",
            where=where,
            next_step=f"columns are {', '.join(columns)}",
        )
    for name, value in values.items():
        if value is not None and not _fits(value, columns[name]):
            raise ValidationError(
                f"{name}: {value!r} cannot be read as {columns[name]} without changing it",
                where=where,
                rule="a fix lands what the source should have sent, in its types",
                next_step="correct the value and try again; nothing was landed",
            )
    _check_defect(where, row, values)


def _check_defect(where: str, row: LandedRow, values: Values) -> None:
    column = _defect_column(row)
    if column and column not in values:
        raise ValidationError(
            f"{column} could not be read when the row landed, and still has no value",
            where=where,
            next_step=f"give it one too: --set {column}=…, or --null {column}",
        )


def _defect_column(row: LandedRow) -> str:
    """Column that was unreadable; empty when nothing was, or the row as a whole."""
    defect = row.values()["_defect"]
    return str(json.loads(defect).get("column") or "") if defect else ""


def _fits(value: str, kind: str) -> bool:
    """Whether the text is a value of the type, exactly: DuckDB rounds a number that has too many digits."""
    kind = kind.upper()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        row = connection.execute(f"SELECT try_cast(? AS {kind}), cast(try_cast(? AS {kind}) AS VARCHAR)", [value] * 2)
        parsed, text = row.fetchone() or (None, None)
        if parsed is None:
            return False
        if kind.startswith(_NUMBERS):
            return _same_number(value, str(text))
        if kind.startswith(_INSTANTS):
            finite = connection.execute(f"SELECT isfinite(cast(? AS {kind}))", [value]).fetchone()
            return bool(finite and finite[0])
        return True


def _same_number(given: str, stored: str) -> bool:
    try:
        return Decimal(given.strip()) == Decimal(stored)
    except InvalidOperation:
        return False


def _write(path: str, batch_id: str, row: LandedRow, values: Values) -> None:
    """The row's own file decides the types, so that fixes of a table can be read together with its batches."""
    with _session() as connection:
        connection.execute(
            f"CREATE TABLE fixed AS SELECT * FROM {row.rows} WHERE _batch_id = ? AND _row_no = ?",
            [row.batch_id, row.row_no],
        )
        for name, value in values.items():
            connection.execute(f'UPDATE fixed SET "{name}" = ?', [value])
        connection.execute(
            """UPDATE fixed SET _batch_id = ?, _ingested_at = ?, _defect = NULL,
            _unchanged = list_filter(_unchanged, lambda name: NOT list_contains(?, name))""",
            [batch_id, datetime.now(UTC), list(values)],
        )
        connection.execute(f"COPY fixed TO '{path.replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)")


@contextmanager
def _session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
