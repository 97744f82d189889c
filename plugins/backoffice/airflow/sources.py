"""Source files as the DAG processor needs them: a broken one must not take the others' DAGs away."""

from __future__ import annotations

import functools
from pathlib import Path

from backoffice.errors import MappingError
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_source, load_sources


def readable_sources(settings: Settings) -> dict[str, SourceConfig]:
    """The source files that can be read, by name; :func:`check_sources` reports the others."""
    return _read(settings)[0]


def check_sources(settings: Settings) -> None:
    """Raise when a source file is broken.

    Raises:
        MappingError: names each broken file with its line, or two files that contradict each other.
    """
    errors = _read(settings)[1]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise MappingError(
            f"{len(errors)} source files are broken:\n" + "\n".join(str(error) for error in errors),
            where=str(settings.sources_dir),
            next_step="mend them one by one; their collect DAGs are missing until then",
        )
    load_sources(settings.sources_dir)


def _read(settings: Settings) -> tuple[dict[str, SourceConfig], list[MappingError]]:
    found: dict[str, SourceConfig] = {}
    errors: list[MappingError] = []
    for path in sorted(settings.sources_dir.glob("*.yaml")):
        try:
            found[path.stem] = _load(path, path.stat().st_mtime_ns)
        except MappingError as error:
            errors.append(error)
    return found, errors


@functools.lru_cache(maxsize=256)
def _load(path: Path, _changed: int) -> SourceConfig:
    """Kept while the file stands: every task reads its DAG file, and reading YAML is most of that.

    The scheduler fills the cache before it forks the workers, so a task inherits it.
    """
    return load_source(path)
