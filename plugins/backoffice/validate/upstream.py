"""Of tests that fail together, those nearest to the cause.

A journal that does not balance makes its invoice look unposted and its account look wrong: who would believe every test
of a build at once would put three documents out for one mistake. A test is believed when none fails on what its own
models are made of; the others are judged again once the cause is out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def believed(tests: Mapping[str, Any], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The results without failed tests that look at what other failed tests have named already.

    Args:
        tests: dbt's results by name.
        nodes: the manifest's nodes by their id.
    """
    failed = {name: _models(result.node) for name, result in tests.items() if _names_rows(result)}
    above = {name: _above(models, nodes) for name, models in failed.items()}
    later = {
        name
        for name, models in failed.items()
        if any(
            others <= above[name] and not models <= above[other] for other, others in failed.items() if other != name
        )
    }
    return {name: result for name, result in tests.items() if name not in later}


def _names_rows(result: Any) -> bool:
    return str(result.status) == "fail" and bool(result.node.config.meta.get("locator"))


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
