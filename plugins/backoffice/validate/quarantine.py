"""Looking at quarantined rows, from landing alone: the warehouse is held by its writer and is not opened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from backoffice.landing import BatchStore, Manifest
from backoffice.sources import SourceConfig
from backoffice.validate.verdicts import SOURCE, VERDICT

_AT_ONCE = 200
_COLUMNS = """source, table_name, batch_id, row_no, suite, suite_version, rule, severity, column_name, value, judged_at,
    row_json"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A broken rule of a landed row."""

    source: str
    table: str
    batch_id: str
    row_no: int
    suite: str
    suite_version: str
    rule: str
    severity: str
    column: str | None
    value: str | None
    judged_at: datetime
    row_json: str

    @property
    def row(self) -> dict[str, Any]:
        """The source's row with its envelope; fractions are text, so that they are exact."""
        found: dict[str, Any] = json.loads(self.row_json, parse_float=str)
        return found

    def key(self, sources: dict[str, SourceConfig]) -> str:
        """The row's own key as text, as far as the source is still configured."""
        read = sources[self.source].reads.get(self.table) if self.source in sources else None
        row = self.row
        return ", ".join(f"{name}={row.get(name)}" for name in read.primary_key) if read else ""


def list_quarantined(
    store: BatchStore,
    *,
    source: str | None = None,
    rule: str | None = None,
    gate: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
) -> list[Verdict]:
    """Verdicts that ever kept a row out, newest first: one for each rule a row breaks.

    Reads the whole history when little of it fits; what is out now is in :mod:`backoffice.validate.outstanding`.

    Args:
        store: where verdicts landed.
        source: only of this source.
        rule: only of rules whose name contains this.
        gate: only of this gate.
        since: only given then or later.
        limit: at most so many.
    """
    conditions = {
        "severity = 'error'": None,
        "source = ?": source,
        "contains(rule, ?)": rule,
        "gate = ?": gate,
        "judged_at >= ?": since,
    }
    wanted = {text: value for text, value in conditions.items() if value is not None or "?" not in text}
    found: list[Verdict] = []
    for group in _newest_first(store):
        values: list[object] = [value for value in wanted.values() if value is not None]
        found += _select(store, group, " AND ".join(wanted), values, limit - len(found))
        if len(found) >= limit:
            break
    return found


def verdicts_of(store: BatchStore, batch_id: str, row_no: int) -> list[Verdict]:
    """Every verdict on one row, from the newest batches that have one; none when it was never blamed."""
    for group in _newest_first(store):
        if found := _select(store, group, "batch_id = ? AND row_no = ?", [batch_id, row_no], None):
            return found
    return []


def _newest_first(store: BatchStore) -> Iterator[list[Manifest]]:
    last = store.last(SOURCE)
    seqs = range(last.seq if last else 0, 0, -1)
    for start in range(0, len(seqs), _AT_ONCE):
        manifests = (store.manifest(SOURCE, seq) for seq in seqs[start : start + _AT_ONCE])
        yield [manifest for manifest in manifests if manifest is not None]


def _select(
    store: BatchStore, manifests: Sequence[Manifest], condition: str, values: Sequence[object], limit: int | None
) -> list[Verdict]:
    verdicts = store.relation(manifests, VERDICT)
    if not verdicts:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            f"""SELECT {_COLUMNS} FROM {verdicts} WHERE {condition}
            ORDER BY judged_at DESC, batch_id DESC, row_no, rule LIMIT ?""",
            [*values, limit],
        ).fetchall()
    return [Verdict(*row) for row in rows]
