"""Sources: one YAML file a source system, saying how it is reached, what is read and how it maps to the contracts.

In: ``sources/*.yaml``. Out: :class:`SourceConfig` objects through :func:`load_sources`.
"""

from backoffice.sources.connections import (
    FilesConnection,
    PostgresConnection,
    PushConnection,
    RestConnection,
)
from backoffice.sources.dialect import DriftKind, DriftPolicy, FileDialect, Footer
from backoffice.sources.load import Lines, load_source, load_sources, read_sources
from backoffice.sources.model import (
    CanonicalMapping,
    CodeMap,
    ReadTable,
    Reconcile,
    SourceConfig,
)

__all__ = [
    "CanonicalMapping",
    "CodeMap",
    "DriftKind",
    "DriftPolicy",
    "FileDialect",
    "FilesConnection",
    "Footer",
    "Lines",
    "PostgresConnection",
    "PushConnection",
    "ReadTable",
    "Reconcile",
    "RestConnection",
    "SourceConfig",
    "load_source",
    "load_sources",
    "read_sources",
]
