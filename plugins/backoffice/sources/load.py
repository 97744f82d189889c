"""Reading source files, with errors that name file, line and key."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml
from pydantic import ValidationError as PydanticError

from backoffice.errors import MappingError
from backoffice.sources.model import SourceConfig


def load_source(path: Path) -> SourceConfig:
    """Read one source file.

    Raises:
        MappingError: not YAML, or a key is missing, unknown or of the wrong type; names the line.
    """
    text = path.read_text(encoding="utf-8")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MappingError(f"not valid YAML: {error}", where=str(path), next_step="mend the syntax") from error
    try:
        config = SourceConfig.model_validate(data)
    except PydanticError as error:
        raise _readable(path, node, error) from error
    if path.stem != config.source:
        raise MappingError(
            f"the file is named {path.stem} but says source: {config.source}",
            where=str(path),
            rule="a source file carries its source's name",
            next_step=f"rename it to {config.source}.yaml",
        )
    return config


def load_sources(folder: Path) -> dict[str, SourceConfig]:
    """Every ``*.yaml`` directly in the folder, by source name.

    Raises:
        MappingError: a file is wrong, or two sources that share a ``source_relation`` map the same table.
    """
    sources = [load_source(path) for path in sorted(folder.glob("*.yaml"))]
    owners: dict[tuple[str, str], str] = {}
    for config in sources:
        for table in config.tables:
            other = owners.setdefault((config.source_relation, table), config.source)
            if other != config.source:
                raise MappingError(
                    f"{other} and {config.source} both map {table} with source_relation {config.source_relation}",
                    where=str(folder),
                    rule="systems that know each other's keys may share a source_relation; each table is one's of them",
                    next_step="give one of the files its own source_relation",
                )
    return {config.source: config for config in sources}


def read_sources(folder: Path) -> tuple[dict[str, SourceConfig], list[MappingError]]:
    """The source files that can be read, by name, and the errors of the others: one broken file harms no other."""
    found: dict[str, SourceConfig] = {}
    errors: list[MappingError] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found[path.stem] = _load_unchanged(path, path.stat().st_mtime_ns)
        except MappingError as error:
            errors.append(error)
    return found, errors


@functools.lru_cache(maxsize=256)
def _load_unchanged(path: Path, _changed: int) -> SourceConfig:
    """Kept while the file stands: reading YAML is most of what a task does before it works.

    The scheduler fills the cache before it forks its workers, so that a task inherits it.
    """
    return load_source(path)


class Lines:
    """Where the keys of a source's file stand.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)

    def of(self, *keys: str) -> str:
        """``file:line`` of a key, or of the last of those above it that is there."""
        return f"{self._path}:{_line_of(self._node, list(keys))}"


def _readable(path: Path, node: yaml.Node | None, error: PydanticError) -> MappingError:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"] if part not in ("postgres", "files", "push", "rest")]
    line = _line_of(node, keys)
    others = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return MappingError(
        f"{'.'.join(keys) or 'the file'}: {first['msg']}{others}",
        where=f"{path}:{line}",
        rule="the shape of a source file is described in docs/sources.md",
        next_step="mend the key and run `backoffice contracts build`",
    )


def _line_of(node: yaml.Node | None, keys: list[str]) -> int:
    """Line of the key, or of the last of those above it that is there; items of a list go by their number."""
    line = 1
    for key in keys:
        found: tuple[yaml.Node, yaml.Node] | None = None
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == key), None)
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            found = (node.value[int(key)], node.value[int(key)])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
