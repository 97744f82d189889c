"""What follows from the contracts alone: the data dictionary and the JSON Schemas of pushed rows."""

from __future__ import annotations

from pathlib import Path

from backoffice import generated
from backoffice.contracts.dictionary import dictionary
from backoffice.contracts.model import Contracts
from backoffice.contracts.push_schema import push_schema

DICTIONARY = Path("docs") / "data-dictionary.md"
SCHEMAS = Path("contracts") / "push"


def write_derived(contracts: Contracts, project: Path) -> list[Path]:
    """Write what is stale below the project folder; returns the paths that changed."""
    return generated.write(_wanted(contracts, project), _present(project))


def stale_derived(contracts: Contracts, project: Path) -> list[Path]:
    """Files that :func:`write_derived` would change."""
    return generated.stale(_wanted(contracts, project), _present(project))


def _wanted(contracts: Contracts, project: Path) -> dict[Path, str]:
    schemas = {project / SCHEMAS / f"{table.name}.schema.json": push_schema(table) for table in contracts}
    return {project / DICTIONARY: dictionary(contracts), **schemas}


def _present(project: Path) -> list[Path]:
    return list((project / SCHEMAS).glob("*.schema.json"))
