"""All generated dbt files: writing them, and telling which are stale."""

from __future__ import annotations

import shutil
from pathlib import Path

from backoffice.contracts import load_contracts
from backoffice.settings import Settings
from backoffice.sources import load_sources
from backoffice.sources.mapping import mapped_tables
from backoffice.warehouse.generate.base import base_files
from backoffice.warehouse.generate.staging import staging_files

FOLDERS = ("models/staging", "models/base")


def generated_files(settings: Settings) -> dict[Path, str]:
    """Path → text of every generated dbt file, for the sources and contracts of the project."""
    contracts = load_contracts(settings.contracts_dir)
    sources = load_sources(settings.sources_dir)
    mapped = mapped_tables(sources, contracts)
    files = staging_files(sources, mapped) | base_files(contracts, mapped)
    return {settings.dbt_dir / path: text for path, text in files.items()}


def write_files(settings: Settings) -> list[Path]:
    """Write what differs and remove what is no longer generated; returns the paths that changed."""
    files = generated_files(settings)
    changed = stale_files(settings, files)
    for path in changed:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
    for folder in (settings.dbt_dir / name for name in FOLDERS):
        for child in [path for path in folder.glob("*") if path.is_dir() and not any(path.iterdir())]:
            shutil.rmtree(child)
    return changed


def stale_files(settings: Settings, files: dict[Path, str] | None = None) -> list[Path]:
    """Generated files that are missing, differ, or should not be there."""
    wanted = files if files is not None else generated_files(settings)
    present = {path for name in FOLDERS for path in (settings.dbt_dir / name).rglob("*") if path.is_file()}
    differing = {path for path, text in wanted.items() if path not in present or path.read_text("utf-8") != text}
    return sorted(differing | (present - wanted.keys()))
