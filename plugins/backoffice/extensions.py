"""DuckDB extensions installed as Python packages: loading one downloads nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from backoffice.errors import SettingsError

POSTGRES_SCANNER = "postgres_scanner"


def extension_path(name: str) -> Path:
    """File of an extension, for DuckDB's ``LOAD``.

    Raises:
        SettingsError: its package is not installed.
    """
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or not found.submodule_search_locations:
        package = f"duckdb-extension-{name.replace('_', '-')}"
        raise SettingsError(f"the package {package} is missing", next_step="run `make up` again")
    folder = Path(found.submodule_search_locations[0]) / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{name}.duckdb_extension"
