"""A platform with one small source, for tests of whole refreshes: landing, warehouse and channels are real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from tests.e2e.deployment import ensure_reader
from tests.warehouse import world as worlds

from backoffice.addresses import PUBLISHER, marts_url
from backoffice.publish.file import STABLE
from backoffice.settings import Settings

PRODUCT = ("product", "c", {"product_id": "P1"})


def small_world(project: Path, home: Path, url: str, **values: Any) -> worlds.World:
    """The world, with nothing landed; its marts go to an empty database at ``url``."""
    settings = Settings(project_dir=project, home=home, marts_url=url, **values)
    ensure_reader(settings.marts_url, settings)
    return worlds.World(settings)


def in_marts(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """Rows in PostgreSQL."""
    with psycopg.connect(marts_url(settings, PUBLISHER)) as connection:
        return connection.execute(query).fetchall()


def in_file(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    """Rows in the newest published file."""
    with duckdb.connect(str(settings.marts_dir / STABLE), read_only=True) as connection:
        return connection.execute(query).fetchall()


def told(settings: Settings) -> dict[str, Any]:
    """The status as ``status.json`` has it."""
    found: dict[str, Any] = json.loads((settings.status_dir / "status.json").read_text(encoding="utf-8"))
    return found
