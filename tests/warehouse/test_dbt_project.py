"""The dbt project itself: its unit tests, descriptions, and the SQL both engines must read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.publish.from_dbt import published_models
from backoffice.warehouse import dbt

CHECKOUT = Path(__file__).parents[2]
PUBLISHED = [
    "audit_source_totals",
    "dim_customer",
    "dim_date",
    "dim_employee",
    "dim_product",
    "fct_headcount_daily",
    "fct_sales_order_lines",
    "mart_data_freshness",
    "mart_rule_daily",
    "mart_rule_history",
    "mart_sales_by_month_customer_employee",
]


def test_unit_tests_of_the_models(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.land(("product", "c", {"product_id": "P1"}))
    world.cycle()
    results = dbt.run_dbt(world.settings, ["test", "--select", "test_type:unit"], {})
    assert len(results) == 4
    assert {str(result.status) for result in results} == {"pass"}, [result.message for result in results]


def test_everything_is_described(make_world: Callable[..., Any]) -> None:
    """Every model, and every column a model is built with, has a description."""
    world = make_world()
    world.land(("product", "c", {"product_id": "P1"}))
    world.cycle()
    nodes = [n for n in dbt.manifest(world.settings).nodes.values() if n.resource_type == "model"]
    assert len(nodes) > 30
    assert [n.name for n in nodes if not n.description] == []
    for node in nodes:
        columns = "SELECT column_name FROM duckdb_columns() WHERE schema_name = '{}' AND table_name = '{}'"
        built = world.query(columns.format(node.schema, node.name))
        assert built, node.name
        described = {column.name for column in node.columns.values() if column.description}
        assert [name for (name,) in built if name not in described] == [], node.name


def test_published_models_are_the_documented_ones(make_world: Callable[..., Any]) -> None:
    models = published_models(make_world().settings)
    assert [model.name for model in models] == PUBLISHED
    assert all(not name.startswith("_") for model in models for name in model.column_names)


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        (r"\bnow\(\)|current_timestamp|current_date", "marts take as_of from the build, never the clock"),
        (r'"[a-z_]+"\s*(?:,|as\b)', "no double-quoted identifiers: Spark reads them as text"),
    ],
)
def test_hand_written_models_keep_the_rules(pattern: str, rule: str) -> None:
    folder = CHECKOUT / "dbt_project" / "models"
    hand_written = [
        p for name in ("intermediate", "dimensions", "facts", "marts") for p in (folder / name).rglob("*.sql")
    ]
    assert len(hand_written) >= 15
    broken = [path.name for path in hand_written if re.search(pattern, _without_config(path.read_text("utf-8")))]
    assert broken == [], rule


def _without_config(sql: str) -> str:
    return re.sub(r"\{\{ config\(.*?\) \}\}", "", sql, flags=re.S)
