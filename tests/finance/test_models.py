"""The whole project, with every domain: its unit tests, and what readers see described."""

from __future__ import annotations

from typing import Any

from backoffice.publish.from_dbt import published_models
from backoffice.warehouse import dbt


def test_unit_tests_of_every_domain(framed: Any) -> None:
    results = dbt.run_dbt(framed.settings, ["test", "--select", "test_type:unit"], {})
    assert len(results) >= 27
    assert {str(result.status) for result in results} == {"pass"}, [result.message for result in results]


def test_what_is_published_is_built_as_it_is_declared(framed: Any) -> None:
    """Columns of the warehouse that begin with an underscore stay there; every other one is declared and described."""
    models = published_models(framed.settings)
    assert {"mart_balance_sheet", "mart_ar_aging", "mart_cash_flow", "mart_payroll_summary"} <= {m.name for m in models}
    columns = "SELECT column_name FROM duckdb_columns() WHERE schema_name = '{}' AND table_name = '{}'"
    for model in models:
        built = [name for (name,) in framed.query(columns.format(model.schema, model.name))]
        assert [name for name in built if not name.startswith("_")] == list(model.column_names), model.name
