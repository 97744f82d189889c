"""Which models are published: those of the dbt project in the schema readers see, as their declarations say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from backoffice.errors import PublishError
from backoffice.publish.model import TYPES, Mode, PublishedColumn, PublishedModel, counterpart
from backoffice.publish.registry import SCHEMA
from backoffice.settings import Settings
from backoffice.warehouse import dbt

_RULES = {
    "publish": "what stands in the schema readers see is published: config.meta.publish: {key: …, mode: …}",
    "owner": "everything readers see has an owner: config.meta.owner",
    "key": "a row is told by one column: config.meta.publish.key names it",
    "mode": f"config.meta.publish.mode is one of {', '.join(get_args(Mode))}",
    "contract": "readers see declared columns only: config.contract.enforced: true",
    "column": "every column readers see has a data_type and a description",
    "type": f"a column's data_type is one of {TYPES}",
}


def published_models(settings: Settings) -> list[PublishedModel]:
    """The published models in name order, with the columns and types their contracts declare.

    Raises:
        PublishError: a model readers would see has no owner, no usable row key or mode, no enforced contract, or a
            column without type or description. Names the file and the rule.
    """
    nodes = dbt.manifest(settings).nodes.values()
    models = [node for node in nodes if node.resource_type == "model"]
    published = [node for node in models if node.schema == SCHEMA or "publish" in node.config.meta]
    return sorted((_model(node) for node in published), key=lambda model: model.name)


def _model(node: Any) -> PublishedModel:
    for rule, what in _broken(node):
        raise PublishError(
            f"model {node.name} {what}",
            where=_file(node),
            rule=_RULES[rule],
            next_step="complete its declaration; the version before stays published until then",
        )
    options = node.config.meta["publish"]
    return PublishedModel(
        name=node.name,
        schema=node.schema,
        key=options["key"],
        columns=tuple(PublishedColumn(column.name, column.data_type, column.description) for column in _shown(node)),
        description=node.description,
        mode=options["mode"],
        indexes=tuple(options.get("indexes", ())),
        declared_in=_file(node),
    )


def _broken(node: Any) -> Iterator[tuple[str, str]]:
    """Rules the declaration breaks, and how."""
    options = node.config.meta.get("publish")
    if not isinstance(options, dict):
        yield "publish", "says nothing of its publication"
        return
    owner, key, mode = node.config.meta.get("owner"), options.get("key"), options.get("mode")
    if not (isinstance(owner, str) and owner.strip()):
        yield "owner", "has no owner"
    if not isinstance(key, str):
        yield "key", f"has {len(key)} key columns" if isinstance(key, list) else "has no key column"
    if mode not in get_args(Mode):
        yield "mode", f"is published by {mode!r}"
    if not node.contract.enforced:
        yield "contract", "is published without an enforced contract"
    for column in _shown(node):
        if not (column.data_type and column.description):
            yield "column", f"has a column {column.name} without data_type or description"
        elif counterpart(column.data_type) is None:
            yield "type", f"has a column {column.name} of type {column.data_type}, which cannot be published"


def _shown(node: Any) -> list[Any]:
    return [column for column in node.columns.values() if not column.name.startswith("_")]


def _file(node: Any) -> str:
    """Where the model is declared, from the dbt project's folder; its query, when nothing declares it."""
    return str(node.patch_path or node.original_file_path).split("://")[-1]
