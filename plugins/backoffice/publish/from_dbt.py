"""Which models are published: those of the dbt project whose ``config.meta.publish`` names a row key."""

from __future__ import annotations

from typing import Any

from backoffice.errors import PublishError
from backoffice.publish.model import PublishedColumn, PublishedModel
from backoffice.settings import Settings
from backoffice.warehouse import dbt


def published_models(settings: Settings) -> list[PublishedModel]:
    """The published models in name order, with the columns and types their contracts declare.

    Raises:
        PublishError: a published model has no enforced contract, or a column no type or description.
    """
    nodes = dbt.manifest(settings).nodes.values()
    published = [node for node in nodes if node.resource_type == "model" and "publish" in node.config.meta]
    return sorted((_model(node) for node in published), key=lambda model: model.name)


def _model(node: Any) -> PublishedModel:
    options = node.config.meta["publish"]
    if not node.contract.enforced:
        raise PublishError(
            f"model {node.name} is published without an enforced contract",
            where=node.original_file_path,
            rule="readers see declared columns only",
            next_step="set config.contract.enforced: true and declare its columns",
        )
    columns = [column for column in node.columns.values() if not column.name.startswith("_")]
    return PublishedModel(
        name=node.name,
        schema=node.schema,
        key=options["key"],
        columns=tuple(_column(node, column) for column in columns),
        description=node.description,
        mode=options["mode"],
        indexes=tuple(options.get("indexes", ())),
    )


def _column(node: Any, column: Any) -> PublishedColumn:
    if not column.data_type or not column.description:
        raise PublishError(
            f"column {column.name} of {node.name} needs a data_type and a description",
            where=node.patch_path or node.original_file_path,
        )
    return PublishedColumn(column.name, column.data_type, column.description)
