"""Rows of a source as they would land, taken by its own collector's reader into a landing that is thrown away."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from backoffice.collect.files import FileCollector
from backoffice.collect.files.layout import watched_folder
from backoffice.collect.files.watch import Candidate, FolderWatch
from backoffice.collect.postgres.catalog import SourceTable, TypeResolver, find_table
from backoffice.collect.postgres.connect import connect, conninfo
from backoffice.collect.postgres.copy import TableCopy
from backoffice.collect.run import database_url
from backoffice.errors import CollectError
from backoffice.landing import BatchStore, LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import FilesConnection, PostgresConnection, SourceConfig

SAMPLE_FILES = 3
SAMPLE_ROWS = 10_000
_SAMPLE_BATCHES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read.

    Attributes:
        store: where it lies.
        manifests: batches, in the source's order.
        aside: file → why it would be set aside.
        cut: reads of which there is more than was read.
    """

    store: BatchStore
    manifests: list[Manifest]
    aside: dict[str, str]
    cut: frozenset[str]


def take_sample(config: SourceConfig, settings: Settings, work: Path, *, full: bool) -> Sample:
    """Read a sample, or all.

    A database is read in one snapshot, 10,000 rows of each table; a folder by its newest three files of each read, one
    where each is the whole table. A source that sends by itself is judged by its newest batches in landing.

    Args:
        config: the source.
        settings: folders and servers.
        work: folder that takes the rows.
        full: read everything.

    Raises:
        CollectError: the source cannot be read, or has nothing to read.
    """
    if isinstance(config.connection, FilesConnection):
        sample = _files(config, settings, work, full=full)
    elif isinstance(config.connection, PostgresConnection):
        url = database_url(settings, config.source, config.connection)
        sample = _database(config, conninfo(url, config.source), work, full=full)
    else:
        sample = _landed(config, settings, full=full)
    if not sample.manifests and not sample.aside:
        raise CollectError(
            "there is nothing to check the mapping with",
            where=f"source {config.source}",
            next_step="have the source hold some rows, or drop an example file into its folder",
        )
    return sample


def _files(config: SourceConfig, settings: Settings, work: Path, *, full: bool) -> Sample:
    folder = watched_folder(config, settings)
    cut: frozenset[str] = frozenset()
    if not full:
        folder, cut = _newest(config, folder, work / "files")
    connection = FilesConnection(kind="files", folder=str(folder.resolve()))
    own = settings.model_copy(update={"home": work, "file_stable_seconds": 0.0})
    store = LocalBatchStore(own.landing_dir)
    manifests = FileCollector(config.model_copy(update={"connection": connection}), store, own).scan_once()
    errors = own.collect_dir / f"{config.source}.errors.jsonl"
    lines = errors.read_text(encoding="utf-8").splitlines() if errors.exists() else []
    aside = {str(entry["file"]): str(entry["what"]) for entry in map(json.loads, lines)}
    return Sample(store, manifests, aside, cut)


def _newest(config: SourceConfig, folder: Path, into: Path) -> tuple[Path, frozenset[str]]:
    """A folder with copies of the newest files of each read, and the reads that have more."""
    ready = FolderWatch(config, folder, 0.0, lambda: 0.0).look()
    into.mkdir(parents=True)
    cut = set()
    for name, read in config.reads.items():
        own = [candidate for candidate in ready if candidate.read == name and not candidate.problem]
        kept = own[-(1 if read.full else SAMPLE_FILES) :]
        if len(kept) < len(own) and not read.full:
            cut.add(name)
        for candidate in kept:
            _copy(candidate, into)
    return into, frozenset(cut)


def _copy(candidate: Candidate, into: Path) -> None:
    target = into / candidate.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(candidate.path, target)


def _database(config: SourceConfig, info: str, work: Path, *, full: bool) -> Sample:
    store = LocalBatchStore(work / "landing")
    batch = store.begin(config.source)
    try:
        with contextlib.closing(connect(info)) as connection:
            tables = _tables(connection, config)
        # one row more than is looked at tells whether there is more
        some = sql.SQL("true LIMIT {}").format(sql.Literal(SAMPLE_ROWS))
        only = {} if full else dict.fromkeys(config.reads, some)
        TableCopy(info, config, batch, threading.Event(), only).run(tables)
    except psycopg.Error as error:
        raise CollectError(
            f"the source cannot be read: {str(error).strip()}", where=f"source {config.source}"
        ) from error
    names = frozenset(config.reads)
    manifest = batch.commit(kind="snapshot", offset={}, full_tables=names)
    counts = {table.name: table.rows for table in manifest.tables}
    cut = frozenset(name for name in names if not full and counts[name] >= SAMPLE_ROWS)
    return Sample(store, [manifest], {}, cut)


def _tables(connection: psycopg.Connection[object], config: SourceConfig) -> list[SourceTable]:
    types = TypeResolver(connection)
    found = {name: find_table(connection, types, name, read) for name, read in config.reads.items()}
    missing = [f"reads.{name}: table {config.reads[name].table}" for name, table in found.items() if table is None]
    missing += [
        f"reads.{name}: column {column}"
        for name, table in found.items()
        if table
        for column in config.reads[name].columns
        if column not in {known.name for known in table.columns}
    ]
    if missing:
        raise CollectError(
            f"{'; '.join(missing)}: not in the database",
            where=f"sources/{config.source}.yaml",
            next_step="mend the names, or give the role SELECT on them",
        )
    return [table for table in found.values() if table]


def _landed(config: SourceConfig, settings: Settings, *, full: bool) -> Sample:
    store = LocalBatchStore(settings.landing_dir)
    last = store.last(config.source)
    first = 0 if full or last is None else max(0, last.seq - _SAMPLE_BATCHES)
    cut = frozenset(config.reads) if first else frozenset()
    return Sample(store, list(store.batches(config.source, first)), {}, cut)
