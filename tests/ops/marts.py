"""Hashes of the marts a world has, and of those its readers see."""

from __future__ import annotations

from dataclasses import replace

from backoffice.publish import PublishedModel
from backoffice.publish.compare import comparable, mart_hashes, postgres_hashes
from backoffice.publish.from_dbt import published_models
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse


def warehouse_hashes(settings: Settings, *, at_any_time: bool = False) -> dict[str, str]:
    """Digests of the warehouse's marts; ``at_any_time`` leaves out the instant they were built for."""
    models = comparable(published_models(settings))
    with open_warehouse(settings) as connection:
        return mart_hashes(connection, [_without_as_of(model) for model in models] if at_any_time else models)


def published_hashes(settings: Settings) -> dict[str, str]:
    """Digests of what PostgreSQL shows."""
    return postgres_hashes(settings.marts_url, comparable(published_models(settings)))


def _without_as_of(model: PublishedModel) -> PublishedModel:
    return replace(model, columns=tuple(column for column in model.columns if column.name != "as_of"))
