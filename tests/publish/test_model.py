"""A declaration that could not be published is refused where it is written."""

from __future__ import annotations

import pytest
from tests.publish.support import LINES

from backoffice.errors import PublishError
from backoffice.publish import PublishedColumn, PublishedModel


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Fct Sales"}, "no usable name"),
        ({"name": "x" * 51}, "no usable name"),
        ({"name": "publication"}, "name of the publication itself"),
        ({"key": "missing"}, "'missing' is not one of its columns"),
        ({"indexes": ("missing",)}, "'missing' is not one of its columns"),
        ({"columns": (LINES.columns[0], LINES.columns[0])}, "declared twice"),
        ({"columns": (LINES.columns[0], PublishedColumn("a-b", "DATE", ""))}, "no usable name"),
    ],
)
def test_wrong_declarations_are_refused(values, said):
    right = {"name": "m", "schema": "marts", "key": "line_key", "columns": LINES.columns}
    with pytest.raises(PublishError, match=said):
        PublishedModel(**{**right, **values}, description="", mode="rows")


@pytest.mark.parametrize(
    ("duckdb_type", "postgres_type"),
    [
        ("DECIMAL(18,2)", "numeric(18,2)"),
        ("decimal(18, 2)", "numeric(18,2)"),
        ("TIMESTAMP WITH TIME ZONE", "timestamp with time zone"),
        ("timestamptz", "timestamp with time zone"),
        ("HUGEINT", "numeric(38,0)"),
        ("VARCHAR[]", "text[]"),
        ("uuid", "uuid"),
    ],
)
def test_types_have_one_counterpart(duckdb_type, postgres_type):
    assert PublishedColumn("c", duckdb_type, "").postgres_type == postgres_type


@pytest.mark.parametrize("duckdb_type", ["TIMESTAMP", "DECIMAL", "STRUCT(a INTEGER)", "FLOAT", "JSON"])
def test_types_without_an_exact_counterpart_are_refused(duckdb_type):
    with pytest.raises(PublishError, match="cannot be published"):
        _ = PublishedColumn("c", duckdb_type, "").postgres_type
