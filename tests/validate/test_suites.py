"""Suites: what is generated, what is stale, what is written by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.validate.conftest import World

from backoffice.contracts import Contracts, load_contracts
from backoffice.errors import ValidationError
from backoffice.settings import Settings
from backoffice.validate import stale_suites, write_suites
from backoffice.validate.duckdb_adapter import great_expectations
from backoffice.validate.suite_files import load_suite
from backoffice.validate.suites import contract_suite

NO_GIFT = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE kind = 'gift' AND ordered_qty > 1"},
    "meta": {"rule": "line.one_gift", "columns": ["kind", "ordered_qty"]},
}


def _by_hand(world: World, *expectations: dict[str, Any]) -> None:
    path = world.settings.expectations_dir / "sales.order" / "line.custom.json"
    path.write_text(json.dumps({"name": "sales.order/line", "expectations": expectations, "meta": {}}))


def test_rules_of_the_contract_become_expectations(world: World) -> None:
    suite = contract_suite(next(iter(world.contracts)))
    rules = {item["meta"]["rule"]: item for item in suite.expectations}
    assert set(rules) == {
        "line.readable",
        "line.type",
        *(f"line.{name}.required" for name in ("line_id", "ordered_qty", "currency_code", "status", "warehouse_id")),
        "line.ordered_qty.minimum",
        "line.discount_pct.range",
        "line.currency_code.pattern",
        "line.status.enum",
        "line.kind.enum",
        "line.unit_price.minimum",
    }
    assert rules["line.ordered_qty.minimum"]["kwargs"] == {"column": "ordered_qty", "min_value": 0.5}
    assert rules["line.unit_price.minimum"]["kwargs"] == {"column": "unit_price", "min_value": 0, "strict_min": True}
    assert rules["line.kind.enum"]["severity"] == rules["line.kind.enum"]["meta"]["severity"] == "warning"


def test_written_file_is_gx_own_format(world: World) -> None:
    gx = great_expectations()
    body = json.loads((world.settings.expectations_dir / "sales.order" / "line.json").read_text())
    read = gx.ExpectationSuite(**body)
    stored = gx.core.expectation_suite.expectationSuiteSchema.dump(read)
    assert [item["type"] for item in stored["expectations"]] == [item["type"] for item in body["expectations"]]
    for ours, theirs in zip(body["expectations"], stored["expectations"], strict=True):
        assert {name: theirs["kwargs"][name] for name in ours["kwargs"]} == ours["kwargs"]
        assert theirs["meta"] == ours["meta"]
        assert theirs["severity"] == ours["severity"]


def test_changed_contract_makes_the_suite_stale_and_gives_it_another_version(world: World) -> None:
    folder = world.settings.expectations_dir
    table = next(iter(world.contracts))
    before = load_suite(table, folder).version
    assert stale_suites(world.contracts, folder) == []
    assert write_suites(world.contracts, folder) == []
    path = folder / "sales.order" / "line.json"
    path.write_text(path.read_text().replace('"min_value": 0.5', '"min_value": 0.4'))
    assert stale_suites(world.contracts, folder) == [path]
    assert write_suites(world.contracts, folder) == [path]
    assert load_suite(table, folder).version == before
    world.change_column("ordered_qty", minimum=Decimal(1))
    assert load_suite(next(iter(world.contracts)), folder).version != before


def test_suite_of_a_table_that_is_gone_is_removed_but_not_a_hand_written_one(world: World) -> None:
    folder = world.settings.expectations_dir
    _by_hand(world, NO_GIFT)
    none = Contracts([])
    names = sorted(path.name for path in stale_suites(none, folder))
    assert names == ["line.custom.json", "line.json"]
    write_suites(none, folder)
    assert [path.name for path in stale_suites(none, folder)] == ["line.custom.json"]


def test_hand_written_expectations_join_in_and_survive_generation(world: World) -> None:
    regex = {
        "type": "expect_column_values_to_not_match_regex",
        "kwargs": {"column": "line_id", "regex": "^TEST"},
        "meta": {"rule": "line.no_tests", "severity": "warning"},
    }
    _by_hand(world, NO_GIFT, regex)
    write_suites(world.contracts, world.settings.expectations_dir)
    gift, good = world.good(id="TEST1", kind="gift"), world.good()
    assert world.judge_rows(gift, good).by_rule == {"line.one_gift": 1, "line.no_tests": 1}
    assert world.query("SELECT row_no, rule, severity, column_name, value FROM meta.verdict ORDER BY rule") == [
        (1, "line.no_tests", "warning", "line_id", "TEST1"),
        (1, "line.one_gift", "error", None, None),
    ]
    assert world.query("SELECT row_no FROM meta.quarantined") == [(1,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"meta": {}}, "meta.rule"),
        ({"meta": {"rule": "r", "columns": ["qtty"]}}, "qtty is not a column"),
        ({"kwargs": {"unexpected_rows_query": "SELECT * FROM rows_1"}}, "{batch}"),
        ({"meta": {"rule": "line.type"}}, "two expectations with one rule name"),
    ],
)
def test_unusable_hand_written_expectation_is_refused(world: World, change: dict, message: str) -> None:
    _by_hand(world, NO_GIFT | change)
    with pytest.raises(ValidationError, match=message):
        world.judge_rows(world.good())


def test_failure_that_names_no_rows_is_an_error(world: World) -> None:
    count = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}, "meta": {"rule": "line.many"}}
    _by_hand(world, count)
    with pytest.raises(ValidationError, match="without naming its rows") as caught:
        world.judge_rows(world.good())
    assert caught.value.rule == "line.many"


def test_query_that_names_no_rows_is_an_error(world: World) -> None:
    _by_hand(world, NO_GIFT | {"kwargs": {"unexpected_rows_query": "SELECT kind FROM {batch}"}})
    with pytest.raises(ValidationError, match="without naming its rows"):
        world.judge_rows(world.good())


def test_query_with_an_error_is_an_error(world: World) -> None:
    _by_hand(world, NO_GIFT | {"kwargs": {"unexpected_rows_query": "SELECT nothing FROM {batch}"}})
    with pytest.raises(ValidationError, match="could not be judged"):
        world.judge_rows(world.good())


def test_not_a_suite_is_named(world: World) -> None:
    path = world.settings.expectations_dir / "sales.order" / "line.custom.json"
    path.write_text("{}")
    with pytest.raises(ValidationError, match="GX's JSON format") as caught:
        world.judge_rows(world.good())
    assert str(path) in caught.value.where


def test_gx_reads_every_suite_of_the_project_s_contracts() -> None:
    gx = great_expectations()
    for table in load_contracts(Settings().contracts_dir):
        body = json.loads(contract_suite(table).to_json())
        assert len(gx.ExpectationSuite(**body).expectations) == len(body["expectations"])
