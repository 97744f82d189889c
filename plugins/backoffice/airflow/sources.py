"""Source files as the DAG processor needs them: a broken one must not take the others' DAGs away."""

from __future__ import annotations

from backoffice.errors import MappingError
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_sources, read_sources


def readable_sources(settings: Settings) -> dict[str, SourceConfig]:
    """The source files that can be read, by name; :func:`check_sources` reports the others."""
    return read_sources(settings.sources_dir)[0]


def check_sources(settings: Settings) -> None:
    """Raise when a source file is broken.

    Raises:
        MappingError: names each broken file with its line, or two files that contradict each other.
    """
    errors = read_sources(settings.sources_dir)[1]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise MappingError(
            f"{len(errors)} source files are broken:\n" + "\n".join(str(error) for error in errors),
            where=str(settings.sources_dir),
            next_step="mend them one by one; their collect DAGs are missing until then",
        )
    load_sources(settings.sources_dir)
