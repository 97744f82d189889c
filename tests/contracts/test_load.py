"""Contract files: what they say is what the platform checks, and a wrong one is refused by name."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from backoffice.contracts import Document, load_contracts
from backoffice.errors import ContractError

CHECKOUT = Path(__file__).parents[2]


def test_the_shipped_contracts() -> None:
    contracts = load_contracts(CHECKOUT / "contracts")
    assert len({table.contract for table in contracts}) == 25 and len(contracts) == 47
    assert sum(len(table.columns) for table in contracts) == 586
    line = contracts.named("sales_order_line")
    assert line is not None and line.key == "sales.order/sales_order_line"
    quantity, discount, order = line.column("ordered_qty"), line.column("discount_pct"), line.column("order_id")
    assert (
        quantity and quantity.minimum == Decimal(0) and quantity.physical_type == "DECIMAL(18,4)" and quantity.required
    )
    assert discount and discount.maximum == Decimal(100) and not discount.required
    assert order and order.foreign_key and order.foreign_key.table == "sales_order"
    pay = contracts.named("compensation")
    amount = pay.column("amount") if pay else None
    assert amount and "pay" in amount.tags and amount.currency_column == "currency_code"
    status = contracts.named("sales_order").column("status")  # type: ignore[union-attr]
    assert status and "cancelled" in status.enum and status.enum_severity == "error"
    assert line.document == Document("sales_order", "order_id") and pay and pay.document is None


def test_every_reference_of_the_shipped_contracts_is_there() -> None:
    """A contract alone may refer to tables that come later; all of them together leave nothing open."""
    contracts = load_contracts(CHECKOUT / "contracts")
    for table in contracts:
        for column in table.columns:
            if column.foreign_key:
                assert contracts.named(column.foreign_key.table), f"{table.name}.{column.name}"


def test_every_amount_of_the_shipped_contracts_has_its_currency() -> None:
    """Prices and money are DECIMAL as quantities are: those without a currency are the quantities, by name."""
    without = {
        column.name
        for table in load_contracts(CHECKOUT / "contracts")
        for column in table.columns
        if column.physical_type in ("DECIMAL(18,4)", "DECIMAL(18,6)")
        and not (column.currency_column or column.currency)
    }
    quantities = {name for name in without if name.endswith("_qty") or "quantity" in name or "hours" in name}
    assert without - quantities == {"reorder_point", "safety_stock"}


def test_a_journal_is_a_document_without_a_header() -> None:
    entry = load_contracts(CHECKOUT / "contracts").named("gl_entry")
    assert entry is not None and entry.document == Document("journal", "journal_id")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("name",), "other", "must be given, and name the file"),
        (("schema", 0, "customProperties"), [], "loadPattern None is not one of"),
        (("schema", 0, "properties", 0, "primaryKey"), False, "needs a name, a primary key"),
        (("schema", 0, "properties", 1, "description"), None, "needs a name, physicalType and description"),
        (
            ("schema", 0, "properties", 4, "customProperties"),
            [{"property": "currencyColumn", "value": "x"}],
            "does not exist",
        ),
        (
            ("schema", 0, "customProperties"),
            [{"property": "loadPattern", "value": "state"}, {"property": "document", "value": "customer"}],
            "both are given",
        ),
        (
            ("schema", 0, "customProperties"),
            [
                {"property": "loadPattern", "value": "state"},
                {"property": "document", "value": "compensation"},
                {"property": "documentColumn", "value": "employee_id"},
            ],
            "a table that does not have that document",
        ),
    ],
)
def test_a_broken_contract_is_refused_by_name(
    tmp_path: Path, path: tuple[object, ...], value: object, said: str
) -> None:
    file = tmp_path / "hr.compensation.odcs.yaml"
    shutil.copy(CHECKOUT / "contracts" / file.name, file)
    data = yaml.safe_load(file.read_text())
    item = data
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = value
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(ContractError, match=said) as caught:
        load_contracts(tmp_path)
    assert file.name in str(caught.value)


def test_a_table_belongs_to_one_contract(tmp_path: Path) -> None:
    for name in ("hr.compensation", "hr.pay"):
        text = (CHECKOUT / "contracts" / "hr.compensation.odcs.yaml").read_text()
        (tmp_path / f"{name}.odcs.yaml").write_text(text.replace("name: hr.compensation", f"name: {name}", 1))
    with pytest.raises(ContractError, match="table compensation is also in contract"):
        load_contracts(tmp_path)
