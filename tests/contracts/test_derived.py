"""What follows from the contracts alone: the dictionary in words, and the schemas that pushed rows are judged by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from backoffice.contracts import load_contracts
from backoffice.contracts.derived import stale_derived, write_derived
from backoffice.contracts.dictionary import dictionary
from backoffice.contracts.push_schema import push_schema

CHECKOUT = Path(__file__).parents[2]
CONTRACTS = load_contracts(CHECKOUT / "contracts")
LINE: dict[str, Any] = {
    "order_line_id": "L1",
    "order_id": "O1",
    "line_number": 1,
    "product_id": "P1",
    "ordered_qty": 2,
    "cancelled_qty": 0,
    "unit_price": "12.5",
    "net_amount": -25.5,
    "currency_code": "DKK",
}


def _errors(table: str, row: dict[str, Any]) -> list[str]:
    found = CONTRACTS.named(table)
    assert found is not None
    checker = jsonschema.Draft202012Validator(
        json.loads(push_schema(found)), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [".".join(map(str, error.path)) or error.validator for error in checker.iter_errors(row)]


@pytest.mark.parametrize("table", [table.name for table in CONTRACTS])
def test_every_schema_is_one(table: str) -> None:
    found = CONTRACTS.named(table)
    assert found is not None
    schema = json.loads(push_schema(found))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == [column.name for column in found.columns]


def test_a_row_as_it_should_be() -> None:
    assert _errors("sales_order_line", LINE) == []
    assert _errors("sales_order_line", LINE | {"discount_pct": None, "promised_date": "2026-03-02"}) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"ordered_qty": -1}, "ordered_qty"),
        ({"ordered_qty": "-1"}, "ordered_qty"),
        ({"unit_price": "1,5"}, "unit_price"),
        ({"unit_price": "1.1234567"}, "unit_price"),
        ({"net_amount": None}, "net_amount"),
        ({"line_number": 1.5}, "line_number"),
        ({"line_number": 0}, "line_number"),
        ({"currency_code": "dkk"}, "currency_code"),
        ({"order_line_id": ""}, "order_line_id"),
        ({"discount_pct": 101}, "discount_pct"),
        ({"promised_date": "02-03-2026"}, "promised_date"),
        ({"colour": "red"}, "additionalProperties"),
    ],
)
def test_a_row_that_breaks_a_rule(change: dict[str, Any], where: str) -> None:
    assert _errors("sales_order_line", LINE | change) == [where]


def test_a_required_column_is_asked_for() -> None:
    row = {name: value for name, value in LINE.items() if name != "net_amount"}
    assert _errors("sales_order_line", row) == ["required"]


def test_a_value_of_a_closed_list() -> None:
    row = {"period_id": "1", "company_id": "1", "fiscal_year": 2026, "period_number": 14, "is_adjustment": False}
    row |= {"start_date": "2026-01-01", "end_date": "2026-01-31", "status": "ajar"}
    assert sorted(_errors("accounting_period", row)) == ["period_number", "status"]


def test_the_dictionary_tells_every_column_with_its_rules() -> None:
    text = dictionary(CONTRACTS)
    assert "25 contracts, 47 tables, 586 columns" in text
    for table in CONTRACTS:
        assert f"\n### {table.name}\n" in text
    assert "| `amount_applied` | DECIMAL(18,4) | Amount applied in the currency of the document, above 0. " in text
    assert "required; in `currency_code`; above 0 |" in text
    assert "| `net_pay` | DECIMAL(18,4) |" in text and "required; in `currency_code`; pay |" in text
    assert "Quarantined with its journal (`journal_id`)." in text


def test_what_is_stale_is_written_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    assert len(write_derived(CONTRACTS, tmp_path)) == 48 and stale_derived(CONTRACTS, tmp_path) == []
    surplus = tmp_path / "contracts" / "push" / "gone.schema.json"
    surplus.write_text("{}")
    edited = tmp_path / "docs" / "data-dictionary.md"
    edited.write_text("by hand")
    assert stale_derived(CONTRACTS, tmp_path) == [surplus, edited]
    assert write_derived(CONTRACTS, tmp_path) == [surplus, edited] and not surplus.exists()
