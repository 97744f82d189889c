"""What a reader of the landing sees: all rows in order, and the tables they amount to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

import psycopg
import pyarrow.parquet as pq

from backoffice.collect.postgres import PostgresCollector
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig


class Source:
    """A database of the test server, its source file and its landing."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        self.database = str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
        self.settings = settings
        self.store = LocalBatchStore(settings.landing_dir)
        self.connection = psycopg.connect(url, autocommit=True, options="-c timezone=UTC")
        self.reads: dict[str, dict] = {}

    def execute(self, *statements: str) -> psycopg.Cursor:
        for statement in statements:
            cursor = self.connection.execute(statement)
        return cursor

    def transaction(self, *statements: str) -> None:
        with self.connection.transaction():
            self.execute(*statements)

    def read(self, name: str, columns: dict[str, str], key: Sequence[str] = ("id",), table: str = "") -> Source:
        self.reads[name] = {"table": table or f"public.{name}", "columns": columns, "primary_key": list(key)}
        return self

    @property
    def config(self) -> SourceConfig:
        return SourceConfig(
            apiVersion="backoffice/v1",
            source="erp",
            source_relation="erp",
            description="a test",
            connection={"kind": "postgres", "database": self.database},
            reads=self.reads,
            tables={},
        )

    def collector(self, **settings: object) -> PostgresCollector:
        return PostgresCollector(self.config, self.url, self.store, self.settings.model_copy(update=settings))

    def catch_up(self) -> list[Manifest]:
        landed: list[Manifest] = []
        self.collector().run(0, landed.append)
        return landed

    def batches(self) -> list[Manifest]:
        return list(self.store.batches("erp"))

    def rows(self, name: str, batches: Iterable[Manifest] | None = None) -> list[dict]:
        """Rows of a read in their order; the batch number is added as ``seq``."""
        found = []
        for manifest in self.batches() if batches is None else batches:
            if name in {table.name for table in manifest.tables}:
                rows = pq.ParquetFile(self.store.uri(manifest, name)).read().to_pylist()
                found += [{"seq": manifest.seq, **row} for row in sorted(rows, key=lambda row: row["_row_no"])]
        return found

    def replayed(self, name: str) -> dict[tuple, tuple]:
        """The table as the landed rows leave it: key → columns relied on."""
        key, columns = self.reads[name]["primary_key"], list(self.reads[name]["columns"])
        state: dict[tuple, dict] = {}
        for manifest in self.batches():
            if any(table.full and table.name == name for table in manifest.tables):
                state = {}
            for row in self.rows(name, [manifest]):
                apply(state, row, tuple(row[column] for column in key))
        return {at: tuple(row[column] for column in columns) for at, row in state.items()}

    def actual(self, name: str) -> dict[tuple, tuple]:
        read = self.reads[name]
        columns = list(read["columns"])
        rows = self.execute(f"SELECT {', '.join(columns)} FROM {read['table']}").fetchall()
        return {tuple(row[columns.index(column)] for column in read["primary_key"]): row for row in rows}

    def event_ids(self) -> list[str]:
        return [row["_event_id"] for name in self.reads for row in self.rows(name)]


def apply(state: dict[tuple, dict], row: dict, key: tuple) -> None:
    if row["_op"] == "t":
        state.clear()
    elif row["_op"] == "d":
        assert key in state, f"deleted twice or never seen: {row}"
        del state[key]
    else:
        assert row["_op"] != "c" or key not in state, f"created twice: {row}"
        kept = {column: state[key][column] for column in row["_unchanged"] or ()}
        state[key] = {**row, **kept}


class Running:
    """A collector that streams in a thread; leaving the block stops it and shows what it raised."""

    def __init__(self, collector: PostgresCollector) -> None:
        self.collector = collector
        self.landed: list[Manifest] = []
        self.error: BaseException | None = None
        self.counts = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.counts = self.collector.run(None, self.landed.append)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.collector.stop.set()
        self.join()
        if kind is None and self.error is not None:
            raise self.error

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
