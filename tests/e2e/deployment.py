"""A whole platform for end-to-end tests: sources, landing, warehouse and marts, without Airflow."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

from backoffice.addresses import READER, marts_url
from backoffice.contracts import load_contracts
from backoffice.ops import cycle
from backoffice.secrets import load_secrets
from backoffice.settings import Settings
from backoffice.validate import write_suites
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]
COPIED = ("contracts", "dbt_project", "expectations", "sources")


def make_project(folder: Path, sources: dict[str, dict[str, Any]]) -> Path:
    """A copy of the project whose active sources are these templates, with keys of `connection` replaced."""
    project = folder / "project"
    for name in COPIED:
        shutil.copytree(CHECKOUT / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
    for path in (project / "sources").glob("*.yaml"):
        path.unlink()
    for name, connection in sources.items():
        data = yaml.safe_load((project / "sources" / "templates" / f"{name}.yaml").read_text(encoding="utf-8"))
        data["connection"] |= connection
        (project / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    settings = Settings(project_dir=project, home=folder / "unused")
    write_files(settings)
    write_suites(load_contracts(settings.contracts_dir), settings.expectations_dir)
    return project


def refresh(settings: Settings) -> dict[str, dict[str, Any]]:
    """One whole cycle."""
    return cycle.refresh(settings, "test")


def read_marts(settings: Settings, query: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows as the read-only login sees them in PostgreSQL."""
    with psycopg.connect(marts_url(settings, READER)) as connection:
        return connection.execute(query, arguments).fetchall()


def ensure_reader(url: str, settings: Settings) -> None:
    """The read-only login on a server the platform does not manage, as an administrator would make it."""
    password = load_secrets(settings).marts_reader_password
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER]).fetchone():
            connection.execute(f"CREATE ROLE {READER} LOGIN")
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(READER), sql.Literal(password)))
