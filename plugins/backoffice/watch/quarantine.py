"""How much each rule keeps out, over a moving window, from the landed verdicts alone."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from backoffice.landing import BatchStore, Manifest
from backoffice.validate.verdicts import JUDGED, SOURCE, VERDICT

_AT_ONCE = 500

_FAILED = """SELECT verdict_batch_id, source, table_name, rule, count(DISTINCT (batch_id, row_no)), NULL
FROM {rows} WHERE severity = 'error' GROUP BY ALL"""
# a row that maps to two tables is judged twice and counts once
_JUDGED = """SELECT verdict_batch_id, source, table_name, NULL, NULL, max(judged_rows)
FROM {rows} GROUP BY ALL"""


@dataclass(frozen=True, slots=True)
class RuleRate:
    """Rows of a source table that a rule kept out in the window, of those that were judged."""

    source: str
    table: str
    rule: str
    quarantined: int
    judged: int
    first_at: float

    @property
    def percent(self) -> float:
        """Share of the judged rows."""
        return 100.0 * self.quarantined / self.judged if self.judged else 100.0


@dataclass(slots=True)
class _Judging:
    """Counts of one batch of verdicts: ``failed`` by source, table and rule, ``judged`` by source and table."""

    at: float
    failed: Counter[tuple[str, str, str]]
    judged: Counter[tuple[str, str]]


class QuarantineWindow:
    """The verdicts landed in the last ``seconds``; each batch is read once."""

    def __init__(self, store: BatchStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._seq: int | None = None
        self._judgings: deque[_Judging] = deque()

    def rates(self, now: float) -> list[RuleRate]:
        """Each rule that kept something out in the window before ``now``."""
        for group in self._unread(now - self._seconds):
            self._judgings.extend(self._read(group))
            self._seq = group[-1].seq
        while self._judgings and self._judgings[0].at < now - self._seconds:
            self._judgings.popleft()
        failed: Counter[tuple[str, str, str]] = Counter()
        judged: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str, str], float] = {}
        for judging in self._judgings:
            failed.update(judging.failed)
            judged.update(judging.judged)
            for key in judging.failed:
                first.setdefault(key, judging.at)
        return [RuleRate(*key, rows, judged[key[:2]], first[key]) for key, rows in sorted(failed.items())]

    def _unread(self, since: float) -> Iterator[list[Manifest]]:
        """Batches not read yet, in groups; at the start only as far back as the window goes."""
        if self._seq is None:
            self._seq = self._before(since)
        group: list[Manifest] = []
        for manifest in self._store.batches(SOURCE, after=self._seq):
            group.append(manifest)
            if len(group) == _AT_ONCE:
                yield group
                group = []
        if group:
            yield group

    def _before(self, since: float) -> int:
        newest = self._store.last(SOURCE)
        seq = newest.seq if newest else 0
        while seq and (found := self._store.manifest(SOURCE, seq)) and found.landed_at.timestamp() >= since:
            seq -= 1
        return seq

    def _read(self, manifests: Sequence[Manifest]) -> list[_Judging]:
        found = {item.batch_id: _Judging(item.landed_at.timestamp(), Counter(), Counter()) for item in manifests}
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as connection:
            for table, query in ((JUDGED, _JUDGED), (VERDICT, _FAILED)):
                rows = self._store.relation(manifests, table)
                counts = connection.execute(query.format(rows=rows)).fetchall() if rows else ()
                for batch, source, name, rule, failed, judged in counts:
                    if rule is None:
                        found[batch].judged[source, name] += judged
                    else:
                        found[batch].failed[source, name, rule] += failed
        return list(found.values())
