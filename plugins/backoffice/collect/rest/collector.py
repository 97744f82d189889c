"""The collector of a REST source: reads what its YAML names again and again, and lands what is new or changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import msgspec

from backoffice.collect.backoff import Backoff
from backoffice.collect.heartbeat import Heartbeat
from backoffice.collect.lock import source_lock
from backoffice.collect.records import row_values
from backoffice.collect.rest.client import RestPages, SourceDownError
from backoffice.collect.rest.known import Known, Version, deleted, version_of
from backoffice.collect.rest.reading import Reading, StoppedError
from backoffice.errors import CollectError
from backoffice.landing import EVENT, BatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import RestConnection, SourceConfig

_log = logging.getLogger(__name__)

_AT_ONCE = 2000
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class RestCollector:
    """Lands the rows of one API.

    Args:
        config: a source with a REST connection.
        store: where batches land.
        settings: folders and times.

    Attributes:
        stop: set it to end a run after the page at hand.
    """

    def __init__(self, config: SourceConfig, store: BatchStore, settings: Settings) -> None:
        if not isinstance(config.connection, RestConnection):
            raise CollectError(f"source {config.source} is a {config.connection.kind} source")
        self.stop = threading.Event()
        self._config = config
        self._connection = config.connection
        self._store = store
        self._settings = settings
        self._heartbeat = Heartbeat(settings, config.source)
        self._backoff = Backoff(first=1.0, longest=60.0)
        self._told = ""

    def run(self, seconds: float | None, on_landed: Callable[[Manifest], None]) -> None:
        """Read everything, and again after each pause the source's file asks for.

        Args:
            seconds: how long; None for ever; 0 reads once.
            on_landed: called with each batch as soon as it is durable.

        Raises:
            CollectError: another process collects from this source, the API refuses, or its answers cannot be used;
                with ``seconds`` 0 also when it does not answer.
            SettingsError: a variable the source's file names is not set.
        """
        until = None if seconds is None else time.monotonic() + seconds
        with source_lock(self._settings, self._config.source):
            known = Known(self._settings.collect_dir / f"{self._config.source}.known.sqlite")
            try:
                self._learn(known)
                client = RestPages(self._config.source, self._connection)
                while not self.stop.is_set():
                    answered = self._read_all(known, client, on_landed, once=seconds == 0)
                    if not self._pause(until, answered):
                        return
            finally:
                known.close()

    def _pause(self, until: float | None, answered: bool) -> bool:
        """Wait before the next reading; false when there is no time for one."""
        left = float("inf") if until is None else until - time.monotonic()
        if left <= 0:
            return False
        if answered:
            self._backoff.reset()
            self.stop.wait(min(self._connection.every_seconds, left))
        else:
            self._backoff.pause(self.stop, left)
        return left > self._connection.every_seconds or not answered

    def _read_all(self, known: Known, client: RestPages, on_landed: Callable[[Manifest], None], *, once: bool) -> bool:
        """Read each read; whether the API answered."""
        try:
            for name in self._config.reads:
                self._read(name, known, client, on_landed)
        except StoppedError:
            return True
        except SourceDownError as error:
            if once:
                raise CollectError(
                    f"the API does not answer: {error}",
                    where=f"source {self._config.source}",
                    next_step="nothing is lost; the next run reads it again",
                ) from error
            if str(error) != self._told:
                _log.warning("waiting for the source: %s", error)
                self._told = str(error)
            return False
        if self._told:
            _log.info("the source is back")
            self._told = ""
        self._heartbeat.caught_up()
        return True

    def _read(self, name: str, known: Known, client: RestPages, on_landed: Callable[[Manifest], None]) -> None:
        read = self._config.reads[name]
        began = time.time()
        full = not read.cursor or began - known.full_at(name) >= self._config.seconds(read.full_every)
        last = self._store.last(self._config.source)

        def pages(params: Mapping[str, Any]) -> Iterator[list[Any]]:
            return client.pages(name, read, params)

        reading = Reading(
            config=self._config,
            name=name,
            store=self._store,
            known=known,
            pages=pages,
            batch_rows=self._settings.batch_rows,
            cursors=dict(last.offset["cursors"]) if last else {},
            on_landed=on_landed,
            is_stopped=self.stop.is_set,
        )
        reading.run(full=full)
        if full:
            known.read_in_full(name, began)

    def _learn(self, known: Known) -> None:
        """Batches that landed and are not known yet: a kill came between, or the file was lost."""
        manifests = list(self._store.batches(self._config.source, known.reached()))
        with duckdb.connect() as connection:
            for manifest in manifests:
                names = [table.name for table in manifest.tables if table.name in self._config.reads]
                known.learn([(name, self._landed(connection, manifest, name)) for name in names], manifest.seq)

    def _landed(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest, name: str) -> list[Version]:
        read = self._config.reads[name]
        relation = self._store.relation([manifest], name)
        rows = connection.execute(f"SELECT _op, {EVENT}, _event_id FROM {relation} ORDER BY _row_no")
        found: list[Version] = []
        while part := rows.fetchmany(_AT_ONCE):
            for op, raw, event_id in part:
                if op == "d":
                    found.append(deleted(str(event_id).rpartition("@")[0]))
                else:
                    values, misfits = row_values(read, _DECODER.decode(raw), {}, deleted=False)
                    found.append(version_of(read.primary_key, values, misfits))
        return found
