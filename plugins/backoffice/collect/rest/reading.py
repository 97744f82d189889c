"""One reading of one read: its pages are compared with what landed last, and what is new or changed lands.

A reading that is cut off lands some of its rows and no cursor: the next one begins where this one began, and lands
the rest. Deletions are concluded only from two full readings one after the other that both came to their end, because
rows may move from page to page while they are read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from backoffice.collect.records import RecordRow, row_values, write_rows
from backoffice.collect.rest.cursor import as_text, go_back
from backoffice.collect.rest.known import Known, Version, deleted, version_of
from backoffice.landing import BatchStore, Manifest
from backoffice.sources import ReadTable, SourceConfig
from backoffice.sources.records import as_json, converter

Pages = Callable[[Mapping[str, Any]], Iterator[list[Any]]]


class StoppedError(Exception):
    """The reading was told to stop; what it landed stays."""


@dataclass
class Reading:
    """A reading under way.

    Attributes:
        cursors: cursor of each read of the source, as the last batch has them.
    """

    config: SourceConfig
    name: str
    store: BatchStore
    known: Known
    pages: Pages
    batch_rows: int
    cursors: dict[str, str]
    on_landed: Callable[[Manifest], None]
    is_stopped: Callable[[], bool]
    _rows: list[RecordRow] = field(default_factory=list)
    _versions: dict[str, Version] = field(default_factory=dict)
    _newest: Any = None

    @property
    def _read(self) -> ReadTable:
        return self.config.reads[self.name]

    def run(self, *, full: bool) -> None:
        """Read, and land what is not as it landed.

        Raises:
            StoppedError: it was told to stop.
            SourceDownError: the API does not answer now.
            CollectError: the API refuses, or its answers cannot be used.
        """
        found = self._pass(self._since(full))
        missing = self._missing(found) if full else set()
        if missing:  # rows may have moved to a page that was read already
            missing &= self._missing(self._pass({}))
        for key in sorted(missing):
            self._add_deleted(key)
        self._land(self._reached())

    def _since(self, full: bool) -> dict[str, str]:
        read = self._read
        last = self.cursors.get(self.name)
        if not read.cursor or last is None:
            return {}
        value = converter(read.columns[read.cursor])(last)
        self._newest = value
        if full:
            return {}
        if read.overlap:
            value = go_back(value, self.config.seconds(read.overlap))
        return {read.cursor_param: as_text(value)}

    def _pass(self, params: Mapping[str, str]) -> set[str]:
        """Take every row of every page; gives their keys."""
        keys: set[str] = set()
        for page in self.pages(params):
            if self.is_stopped():
                raise StoppedError
            keys.update(self._take(row) for row in page)
            if len(self._rows) >= self.batch_rows:
                self._land(self.cursors.get(self.name))
        return keys

    def _take(self, record: Mapping[str, Any]) -> str:
        values, misfits = row_values(self._read, record, {}, deleted=False)
        version = version_of(self._read.primary_key, values, misfits)
        value = values.get(self._read.cursor)
        if value is not None and (self._newest is None or value > self._newest):
            self._newest = value
        if self._digest(version.key) != version.digest:
            received = datetime.now(UTC)
            row = RecordRow(
                number=len(self._rows) + 1,
                op="u",
                event_id=f"{version.key}@{version.digest.hex()}",
                happened=value if isinstance(value, datetime) and value.tzinfo else received,
                received=received,
                raw=as_json(record),
                values=values,
                misfits=misfits,
            )
            self._add(row, version)
        return version.key

    def _digest(self, key: str) -> bytes | None:
        """Also of a row that waits to be landed: pages may overlap."""
        waiting = self._versions.get(key)
        return waiting.digest if waiting else self.known.digest(self.name, key)

    def _missing(self, found: set[str]) -> set[str]:
        if self._read.delete_mode == "never":
            return set()
        return {key for key in self.known.live(self.name) if key not in found and key.startswith("[")}

    def _add_deleted(self, key: str) -> None:
        now = datetime.now(UTC)
        read = self._read
        values = {
            name: converter(read.columns[name])(text)
            for name, text in zip(read.primary_key, json.loads(key), strict=True)
        }
        number = len(self._rows) + 1
        row = RecordRow(number, "d", f"{key}@{now.isoformat()}", None, now, None, values)
        self._add(row, deleted(key))

    def _add(self, row: RecordRow, version: Version) -> None:
        self._rows.append(row)
        self._versions[version.key] = version

    def _reached(self) -> str | None:
        return None if self._newest is None else as_text(self._newest)

    def _land(self, cursor: str | None) -> None:
        """Land the rows that wait, with the cursor they reach."""
        if not self._rows:
            return
        cursors = self.cursors | ({self.name: cursor} if cursor is not None else {})
        batch = self.store.begin(self.config.source)
        try:
            write_rows(batch.path(self.name), self._read, batch.batch_id, self._rows)
            happened = [row.happened or row.received for row in self._rows]
            manifest = batch.commit(
                kind="rest", offset={"cursors": cursors}, event_at_min=min(happened), event_at_max=max(happened)
            )
        except BaseException:
            batch.abort()
            raise
        self.cursors.update(cursors)
        self.known.learn([(self.name, list(self._versions.values()))], manifest.seq)
        self._rows, self._versions = [], {}
        self.on_landed(manifest)
