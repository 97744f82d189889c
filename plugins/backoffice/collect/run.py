"""Collecting from any source: the collector is chosen by the kind of its connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

from backoffice.addresses import source_url
from backoffice.collect.backfill import Backfill
from backoffice.collect.files import FileCollector
from backoffice.collect.postgres import PostgresCollector
from backoffice.collect.push import PushCollector
from backoffice.collect.rest import RestCollector
from backoffice.durable import storage_errors
from backoffice.errors import CollectError, MappingError, SettingsError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings, read_variable
from backoffice.sources import PostgresConnection, PushConnection, RestConnection, SourceConfig, load_source

Collector = PostgresCollector | FileCollector | PushCollector | RestCollector


def collect(
    settings: Settings,
    source: str,
    seconds: float,
    on_landed: Callable[[Manifest], None],
    *,
    stop: threading.Event | None = None,
) -> None:
    """Collect from a source for a while.

    Args:
        settings: folders and servers.
        source: name of a file under ``sources/``, without ``.yaml``.
        seconds: how long; 0 lands what there is and returns.
        on_landed: called after each landed batch.
        stop: set it to end sooner; what is not landed then is read again by the next run.

    Raises:
        MappingError: there is no such source, or its file is broken.
        CollectError: the source cannot be collected from as it stands.
        StorageError: the disk is full, or a folder cannot be written to; nothing is lost.
    """
    collector = _collector(settings, source_config(settings, source))
    if stop is not None:
        collector.stop = stop
    with storage_errors(f"collecting from {source}", f"{settings.landing_dir} or {settings.collect_dir}"):
        collector.run(seconds, on_landed)


def resync(settings: Settings, source: str, table: str) -> Manifest | None:
    """Copy a table of a PostgreSQL source in full again; its stream goes on after the copy.

    Args:
        settings: folders and servers.
        source: name of a file under ``sources/``, without ``.yaml``.
        table: a name under its ``reads``.

    Returns:
        The batch; None when a running collector was asked to do it, between two of its transactions.

    Raises:
        MappingError: there is no such source, or its file is broken.
        CollectError: there is no such table, or the source cannot be collected from as it stands.
    """
    collector = _collector(settings, source_config(settings, source))
    if isinstance(collector, PostgresCollector):
        return collector.resync(table)
    raise CollectError(
        "only tables of a database are copied again", where=f"source {source}", next_step=_again(collector)
    )


def backfill(
    settings: Settings, source: str, first: date, last: date, *, table: str | None = None
) -> list[Manifest] | None:
    """Read rows of some days again, and land those that are not as they landed.

    Args:
        settings: folders and servers.
        source: name of a file under ``sources/``, without ``.yaml``.
        first: the first day, in the source's time zone: of the rows' ``cursor``, or on which a file was last written.
        last: the last day, included.
        table: a name under its ``reads``; all of them when None (of a database, those with a ``cursor``).

    Returns:
        The batches landed meanwhile; None when a running collector was asked to do it.

    Raises:
        MappingError: there is no such source, or its file is broken.
        CollectError: there is no such table, no row can be found by day, or the source cannot be collected from.
    """
    config = source_config(settings, source)
    collector = _collector(settings, config)
    if isinstance(collector, PushCollector | RestCollector):
        raise CollectError("rows of a day cannot be read again", where=f"source {source}", next_step=_again(collector))
    asked = Backfill(reads=_reads(config, table), first=first, last=last)
    if isinstance(collector, FileCollector):
        landed: list[Manifest] = []
        return landed if collector.backfill(asked, landed.append) else None
    return collector.backfill(asked)


def _again(collector: Collector) -> str:
    """How rows of a source come again."""
    if isinstance(collector, FileCollector):
        return "drop a corrected file into its folder"
    if isinstance(collector, RestCollector):
        return "a full reading finds what differs: set `full_every:` of the read lower"
    return "have its sender send them again, as new events"


def _reads(config: SourceConfig, table: str | None) -> tuple[str, ...]:
    if table is not None and table not in config.reads:
        raise CollectError(
            f"source {config.source} does not read {table}", next_step=f"it reads {', '.join(config.reads)}"
        )
    by_day = [name for name, read in config.reads.items() if config.connection.kind == "files" or read.cursor]
    if table is None and not by_day:
        raise CollectError(
            "no table of the source names a column by which rows of a day are found",
            where=f"sources/{config.source}.yaml reads",
            next_step=f"add `cursor: <date or timestamp column>`, or copy a table: `backoffice resync {config.source}`",
        )
    return (table,) if table else tuple(by_day)


def source_config(settings: Settings, source: str) -> SourceConfig:
    """The source of this name.

    Raises:
        MappingError: there is no such file, or it is broken.
    """
    path = settings.sources_dir / f"{source}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in settings.sources_dir.glob("*.yaml"))) or "none yet"
        raise MappingError(f"there is no source {source!r}", where=str(path), next_step=f"sources are: {known}")
    return load_source(path)


def _collector(settings: Settings, config: SourceConfig) -> Collector:
    store = LocalBatchStore(settings.landing_dir)
    if isinstance(config.connection, PostgresConnection):
        return PostgresCollector(config, database_url(settings, config.source, config.connection), store, settings)
    if isinstance(config.connection, PushConnection):
        return PushCollector(config, store, settings)
    if isinstance(config.connection, RestConnection):
        return RestCollector(config, store, settings)
    return FileCollector(config, store, settings)


def database_url(settings: Settings, source: str, connection: PostgresConnection) -> str:
    """Address of a source's database.

    Raises:
        SettingsError: the variable that holds it is not set.
    """
    if not connection.url_env:
        return source_url(settings, connection.database)
    url = read_variable(connection.url_env)
    if not url:
        raise SettingsError(
            f"the variable {connection.url_env} is not set",
            where=f"source {source}, connection.url_env",
            next_step=f"set {connection.url_env} to postgresql://user:password@host:5432/database and start again",
        )
    return url
