"""What counts as a change of a contract, and which changes break somebody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backoffice.contracts import Column, Contracts, ForeignKey, Table, load_contracts
from backoffice.contracts.changes import changes

SHIPPED = load_contracts(Path(__file__).parents[2] / "contracts")
CUSTOMER = SHIPPED.named("customer")
assert CUSTOMER is not None


def _with(column: str, **values: Any) -> Callable[[Table], Table]:
    def changed(table: Table) -> Table:
        columns = (replace(item, **values) if item.name == column else item for item in table.columns)
        return replace(table, columns=tuple(columns))

    return changed


def _without(column: str) -> Callable[[Table], Table]:
    return lambda table: replace(table, columns=tuple(item for item in table.columns if item.name != column))


def _plus(column: Column) -> Callable[[Table], Table]:
    return lambda table: replace(table, columns=(*table.columns, column))


def _found(change: Callable[[Table], Table]) -> list[tuple[str, str]]:
    assert CUSTOMER is not None
    before, after = Contracts([CUSTOMER]), Contracts([change(CUSTOMER)])
    return [(item.level, str(item)) for item in changes(before, after)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_without("region"), "customer.region: column removed"),
        (_with("region", physical_type="INTEGER"), "customer.region: type changed from VARCHAR to INTEGER"),
        (_with("region", required=True), "customer.region: required changed from False to True"),
        (_with("name", required=False), "customer.name: required changed from True to False"),
        (_with("region", unique=True), "customer.region: must be unique now"),
        (_with("region", foreign_key=ForeignKey("region", "id")), "customer.region: must name a row of region now"),
        (_with("region", enum=("N", "S")), "customer.region: must be one of N, S now"),
        (_with("customer_type", enum=("person", "public")), "customer.customer_type: value removed: company"),
        (_with("country_code", pattern=None), "customer.country_code: pattern changed from ^[A-Z]{2}$ to None"),
        (_with("credit_limit", minimum=Decimal(10)), "customer.credit_limit: minimum narrowed from 0 to 10"),
        (_with("credit_limit", maximum=Decimal(9)), "customer.credit_limit: maximum narrowed from None to 9"),
        (
            _with("credit_limit", currency_column=None),
            "customer.credit_limit: currency changed from currency_code to None",
        ),
        (_with("email", tags=()), "customer.email: no longer protected as pii"),
        (_with("region", primary_key=True), "customer: key changed from customer_id to customer_id, region"),
        (lambda table: replace(table, grain="one row per person"), "customer: grain changed from one row per customer"),
        (_plus(Column("vip", "BOOLEAN", "Whether.", required=True)), "customer.vip: new column that senders must fill"),
    ],
)
def test_what_breaks_somebody(change: Callable[[Table], Table], told: str) -> None:
    ((level, said),) = _found(change)
    assert level == "breaking" and said.startswith(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_plus(Column("vip", "BOOLEAN", "Whether.")), "customer.vip: new column"),
        (_with("segment", enum=("consumer", "smb", "enterprise", "public", "ngo")), "customer.segment: new value: ngo"),
    ],
)
def test_what_only_adds(change: Callable[[Table], Table], told: str) -> None:
    assert _found(change) == [("addition", told)]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table,
        _with("region", description="Other words."),
        _with("segment", enum=()),
        _with("credit_limit", minimum=None),
        _with("customer_number", unique=False),
        _with("account_owner_id", foreign_key=None),
        _with("region", tags=("pii",)),
    ],
)
def test_what_is_wording_or_relief(change: Callable[[Table], Table]) -> None:
    assert _found(change) == []


def test_tables_come_and_go() -> None:
    both, one = Contracts([table for table in SHIPPED if table.contract == "sales.order"]), Contracts([])
    assert [(item.level, str(item)) for item in changes(both, one)] == [
        ("breaking", "sales_order: table removed"),
        ("breaking", "sales_order_line: table removed"),
    ]
    assert [(item.level, str(item)) for item in changes(one, both)] == [
        ("addition", "sales_order: new table"),
        ("addition", "sales_order_line: new table"),
    ]
