"""Planting a break in what is built, and reading what a test of the dbt project names: nothing of it stays."""

from __future__ import annotations

from typing import Any

from tests.warehouse.world import World

from backoffice.warehouse import dbt
from backoffice.warehouse.connection import open_warehouse


def queries_of(world: World, as_of: str, *tests: str) -> dict[str, str]:
    """The queries of tests that all hold in the world, by test."""
    variables = {
        "generation": 1,
        "published_generation": 0,
        "as_of": as_of,
        "published_as_of": "1900-01-01 00:00:00+00",
    }
    results = dbt.run_dbt(world.settings, ["test", "--select", *tests], variables)
    held = {result.node.name: str(result.node.compiled_code) for result in results if str(result.status) == "pass"}
    assert sorted(held) == sorted(tests)
    return held


def broken_by(world: World, query: str, *statements: str) -> list[dict[str, Any]]:
    """Rows of a test's query once these statements changed the tables; they are taken back."""
    with open_warehouse(world.settings) as connection:
        connection.execute("BEGIN")
        try:
            for statement in statements:
                connection.execute(statement)
            found = connection.execute(query)
            names = [str(column[0]) for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        finally:
            connection.execute("ROLLBACK")
