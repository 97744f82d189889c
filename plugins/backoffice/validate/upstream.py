"""Of tests that fail together, those nearest to the cause.

A journal that does not balance makes its invoice look unposted and its account look wrong: who would believe every test
of a build at once would put three documents out for one mistake. What fails on base tables alone comes first, and what
names single rows: tests of what is made of those tables are judged again once the cause is out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def believed(tests: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The results without failed tests over models that are made of what another test failed on, too: base tables
    alone, or whatever it is when it names rows.

    Args:
        tests: dbt's results by name.
        nodes: the manifest's nodes by their id.
    """
    failed = {name: _models(result.node) for name, result in tests.items() if _names_rows(result)}
    above = {name: _above(models, nodes) for name, models in failed.items()}
    first = [name for name, models in failed.items() if _is_first(models, tests[name])]
    later = {
        name
        for name, models in failed.items()
        if not all(map(_is_base, models))
        and any(failed[cause] <= above[name] and not models <= above[cause] for cause in first)
    }
    return {name: result for name, result in tests.items() if name not in later}


def _is_first(models: frozenset[str], result: Any) -> bool:
    return all(map(_is_base, models)) or "entity" in result.node.config.meta["locator"]


def _names_rows(result: Any) -> bool:
    return str(result.status) == "fail" and bool(result.node.config.meta.get("locator"))


def _is_base(model: str) -> bool:
    return model.rpartition(".")[2].startswith("base_")


def _models(node: Any) -> frozenset[str]:
    return frozenset(name for name in node.depends_on.nodes if name.startswith("model."))


def _above(models: frozenset[str], nodes: Mapping[str, Any]) -> frozenset[str]:
    """The models and all they are made of."""
    found: set[str] = set()
    waiting = list(models)
    while waiting:
        name = waiting.pop()
        if name not in found and name in nodes:
            found.add(name)
            waiting.extend(_models(nodes[name]))
    return frozenset(found)
