"""All generated dbt files: writing them, and telling which are stale."""

from __future__ import annotations

import shutil
from pathlib import Path

from backoffice import generated
from backoffice.contracts import load_contracts
from backoffice.settings import Settings
from backoffice.sources import load_sources
from backoffice.sources.mapping import mapped_tables
from backoffice.warehouse.generate.base import base_files
from backoffice.warehouse.generate.staging import staging_files
from backoffice.warehouse.generate.totals import totals_files

FOLDERS = ("models/staging", "models/base", "models/audit")


def generated_files(settings: Settings) -> dict[Path, str]:
    """Path → text of every generated dbt file, for the sources and contracts of the project."""
    contracts = load_contracts(settings.contracts_dir)
    sources = load_sources(settings.sources_dir)
    mapped = mapped_tables(sources, contracts)
    files = staging_files(sources, mapped) | base_files(contracts, mapped) | totals_files(sources, mapped)
    return {settings.dbt_dir / path: text for path, text in files.items()}


def write_files(settings: Settings) -> list[Path]:
    """Write what differs and remove what is no longer generated; returns the paths that changed."""
    changed = generated.write(generated_files(settings), _present(settings))
    for folder in (settings.dbt_dir / name for name in FOLDERS):
        for child in [path for path in folder.glob("*") if path.is_dir() and not any(path.iterdir())]:
            shutil.rmtree(child)
    return changed


def stale_files(settings: Settings) -> list[Path]:
    """Generated files that are missing, differ, or should not be there."""
    return generated.stale(generated_files(settings), _present(settings))


def _present(settings: Settings) -> list[Path]:
    return [path for name in FOLDERS for path in (settings.dbt_dir / name).rglob("*") if path.is_file()]
