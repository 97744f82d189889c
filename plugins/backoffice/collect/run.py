"""Collecting from any source: the collector is chosen by the kind of its connection."""

from __future__ import annotations

from collections.abc import Callable

from backoffice.addresses import source_url
from backoffice.errors import MappingError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import PostgresConnection, SourceConfig, load_source


def collect(settings: Settings, source: str, seconds: float, on_landed: Callable[[Manifest], None]) -> None:
    """Collect from a source for a while.

    Args:
        settings: folders and servers.
        source: name of a file under ``sources/``, without ``.yaml``.
        seconds: how long; 0 lands what there is and returns.
        on_landed: called after each landed batch.

    Raises:
        MappingError: there is no such source, or its file is broken.
        CollectError: the source cannot be collected from as it stands.
    """
    config = source_config(settings, source)
    store = LocalBatchStore(settings.landing_dir)
    if isinstance(config.connection, PostgresConnection):
        from backoffice.collect.postgres import PostgresCollector

        url = source_url(settings, config.connection.database)
        PostgresCollector(config, url, store, settings).run(seconds, on_landed)
    else:
        from backoffice.collect.files import FileCollector

        FileCollector(config, store, settings).run(seconds, on_landed)


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
