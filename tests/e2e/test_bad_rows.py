"""Twenty kinds of bad rows and files, planted among good ones in a database and in files.

Each is diverted under its rule with its document, nothing else is; the books balance in every cycle; then each is
corrected, released or sent again, and is in the marts once, in its source's order.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.warehouse import world as worlds

from backoffice.collect.files import FileCollector
from backoffice.landing import Manifest
from backoffice.settings import Settings
from backoffice.sources import load_sources
from backoffice.validate import actions
from backoffice.validate.actions import Person
from backoffice.validate.outstanding import SUPERSEDED, outstanding, write_outstanding
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[2]
ANN = Person("ann", "seen")
Change = tuple[str, str, dict[str, Any]]
DROP: dict[str, Any] = {
    "apiVersion": "backoffice/v1",
    "source": "drop",
    "source_relation": "drop",
    "description": "Files.",
    "connection": {"kind": "files", "folder": "inbox"},
    "reads": {
        "products": {
            "pattern": "product_*.csv",
            "columns": {"id": "VARCHAR", "name": "VARCHAR", "unit": "VARCHAR", "cost": "DECIMAL(18,4)"},
            "primary_key": ["id"],
            "dialect": {"delimiter": ";"},
        },
        "clients": {
            "pattern": "client_*.csv",
            "columns": {"id": "VARCHAR", "name": "VARCHAR", "country": "VARCHAR", "since": "DATE"},
            "primary_key": ["id"],
            "full": True,
            "dialect": {"delimiter": ";"},
        },
    },
    "tables": {
        "inventory.product/product": {
            "from": "products p",
            "columns": {
                "product_id": "p.id",
                "sku": "p.id",
                "name": "p.name",
                "unit_of_measure": "p.unit",
                "standard_cost": "p.cost",
                "cost_currency": "'DKK'",
                "is_stocked": "true",
                "status": "'active'",
            },
        },
        "crm.customer/customer": {
            "from": "clients c",
            "columns": {
                "customer_id": "c.id",
                "customer_number": "c.id",
                "name": "c.name",
                "customer_type": "'company'",
                "country_code": "c.country",
                "currency_code": "'DKK'",
                "payment_terms_days": "30",
                "status": "'active'",
                "acquired_date": "c.since",
                "created_at": "timestamptz '2026-01-01 00:00:00+00'",
            },
        },
    },
}


class Bad(worlds.World):
    """The database of the warehouse tests, and a watched folder beside it."""

    @property
    def inbox(self) -> Path:
        return self.settings.home / "inbox"

    def drop(self, name: str, content: bytes) -> list[Manifest]:
        """Put a file into the folder and collect; an unusable one is set aside and named."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        (self.inbox / name).write_bytes(content)
        landed: list[Manifest] = []
        FileCollector(load_sources(self.settings.sources_dir)["drop"], self.store, self.settings).run(0, landed.append)
        return landed

    def aside(self) -> list[str]:
        """Names of the files that were set aside."""
        path = self.settings.collect_dir / "drop.errors.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Path(json.loads(line)["file"]).name for line in lines]

    def settle(self) -> None:
        """One cycle; every landed row is accepted, quarantined or waiting."""
        self.cycle()
        with open_warehouse(self.settings) as connection:
            write_outstanding(self.settings, connection)
        balance = "SELECT count(*), count(*) FILTER (landed_rows <> accepted_rows + quarantined_rows + waiting_rows "
        balance += "OR least(accepted_rows, quarantined_rows, waiting_rows) < 0) FROM marts.mart_data_freshness"
        ((tables, unbalanced),) = self.query(balance)
        assert tables > 8 and unbalanced == 0

    def out(self) -> set[tuple[str, str]]:
        """(document or key, rule) of everything that is out by itself."""
        found = outstanding(self.settings, self.store)
        return {(row.document_name or f"{row.table} {row.key}", row.rule) for row in found if row.rule != "document"}

    def at(self, rule: str) -> tuple[str, int]:
        """Batch and row of the only row that is out under a rule."""
        ((batch, row),) = {
            (item.batch_id, item.row_no) for item in outstanding(self.settings, self.store, {"rule = ?": rule})
        }
        return batch, int(row or 0)

    def orders(self) -> set[str]:
        """Orders readers see."""
        return {order for (order,) in self.query("SELECT DISTINCT order_id FROM marts.fct_sales_order_lines")}


@pytest.fixture
def world(tmp_path: Path) -> Bad:
    project = worlds.small_project(CHECKOUT, tmp_path)
    settings = Settings(project_dir=project, home=tmp_path / "home", file_stable_seconds=0.05)
    (settings.sources_dir / "drop.yaml").write_text(yaml.safe_dump(DROP, sort_keys=False), encoding="utf-8")
    write_files(settings)
    return Bad(settings, wait="1 days")


def order(number: int, **values: Any) -> Change:
    return ("sales_order", "c", {"order_id": f"O{number}", "customer_id": "K1"} | values)


def line(number: int, **values: Any) -> Change:
    known = {"order_line_id": f"L{number}", "order_id": f"O{number}", "product_id": "P1", "line_number": number}
    return ("sales_order_line", "c", known | values)


def defect(column: str, value: str) -> dict[str, Any]:
    text = {"rule": "type", "column": column, "value": value, "message": "cannot be stored"}
    return {column: None, "_defect": json.dumps(text)}


def rows_of(number: int, header: dict[str, Any] | None = None, **of_line: Any) -> list[Change]:
    return [order(number, **(header or {})), line(number, **of_line)]


PLANTED: dict[int, tuple[list[Change], str]] = {
    2: (rows_of(2, order_line_id=None), "required"),  # null key
    3: (rows_of(3, {"customer_id": None}), "sales_order.customer_id.required"),
    4: (rows_of(4, {"status": "lost"}), "sales_order.status.enum"),  # unknown code
    5: (rows_of(5, discount_pct=140), "sales_order_line.discount_pct.range"),
    6: (rows_of(6, ordered_qty=-3), "sales_order_line.ordered_qty.minimum"),  # negative quantity
    7: (rows_of(7, {"currency_code": "dk"}, currency_code="dk"), "sales_order.currency_code.pattern"),
    8: (rows_of(8, **defect("unit_price", "NaN")), "sales_order_line.readable"),  # NaN
    9: (rows_of(9, defect("requested_date", "infinity")), "sales_order.readable"),  # infinite date
    10: (rows_of(10, **defect("net_amount", "9" * 40)), "sales_order_line.readable"),  # overflow
    11: ([line(11)], "sales_order_line.order_id.reference"),  # orphan
    12: (rows_of(12, {"order_number": "O1"}), "sales_order.order_number.unique"),  # duplicate number
    13: (rows_of(13, {"net_amount": 21}), "sales_order_net_is_the_sum_of_its_lines"),
}


def test_bad_rows_and_files_are_diverted_then_each_appears_once_in_order(world: Bad) -> None:
    world.land(("customer", "c", {"customer_id": "K1"}), ("product", "c", {"product_id": "P1"}), *rows_of(1))
    twice = rows_of(14)
    good = (*rows_of(1, {"order_number": "O1"}), *twice, *twice)  # delivered twice
    world.land(*good, *(change for changes, _ in PLANTED.values() for change in changes))
    product = "id;name;unit;cost\n"
    world.drop(
        "product_1.csv",
        product.encode()
        + b"D1;Bolt;EA;1.50\n"
        + b"D2;Nut;EA\n"  # a field is missing
        + b"D3;Gr\xff\xf8n;EA;2\n"  # not of the encoding
        + b"D4;Cog;EA;twelve\n"  # no number
        + b"D5;Rod;EA;4.25\n"
        + b"D6;Rive",  # the file ends in the middle of a row
    )
    world.drop("client_1.csv", b"id;name;country;since\nC1;One;DK;2026-02-30\nC2;Two;DK;2026-02-03\n")  # no such day
    world.drop("client_2.csv", b"id;name;land;since\nC2;Two;DK;2026-02-03\n")  # a column was renamed
    world.drop("client_3.csv", b"")  # an export that failed
    world.settle()
    assert world.orders() == {"O1", "O14"}
    named = world.out()
    for number, (_, rule) in PLANTED.items():
        assert any(name == f"sales_order O{number}" and found.endswith(rule) for name, found in named), (number, named)
    assert world.query("SELECT count(*) FROM marts.fct_sales_order_lines WHERE order_id = 'O14'") == [(1,)]
    assert world.query("SELECT product_id FROM marts.dim_product WHERE source_relation = 'drop' ORDER BY 1") == [
        ("D1",),
        ("D5",),
    ]
    assert world.aside() == ["client_3.csv"]

    mend(world)
    world.settle()
    lines = "SELECT order_id, list(ordered_qty) FROM marts.fct_sales_order_lines GROUP BY 1"
    assert dict(world.query(lines)) == {f"O{n}": [Decimal(5) if n == 6 else Decimal(2)] for n in range(1, 15)}
    products = "SELECT product_id, product_name FROM marts.dim_product WHERE source_relation = 'drop' ORDER BY 1"
    assert world.query(products) == [
        ("D1", "Bolt"),
        ("D2", "Nut"),
        ("D3", "Grøn"),
        ("D4", "Cog"),
        ("D5", "Rod"),
        ("D6", "Rivet"),
    ]
    clients = "SELECT customer_id FROM marts.dim_customer WHERE source_relation = 'drop' AND is_current "
    assert world.query(f"{clients} AND NOT is_deleted ORDER BY 1") == [("C2",), ("C3",)]
    assert world.query("SELECT count(*) FROM meta.waiting") == [(0,)]
    found = outstanding(world.settings, world.store)
    left = {(row.document_name or f"{row.table} {row.key}", row.next) for row in found}
    # the file with the renamed column, and the version of O12 with the other order's number
    assert left == {("clients C2", SUPERSEDED), ("sales_order O12", SUPERSEDED)}


def mend(world: Bad) -> None:
    """Correct, release or send again everything that is out."""
    settings = world.settings
    sixth = world.at("sales_order_line.ordered_qty.minimum")
    fixes: dict[int, dict[str, str | None]] = {
        2: {"order_line_id": "L2"},
        3: {"customer_id": "K1"},
        4: {"status": "received"},
        8: {"unit_price": "10"},
        9: {"requested_date": None},
        10: {"net_amount": "20"},
    }
    found = outstanding(settings, world.store)
    for number, values in fixes.items():
        rule = PLANTED[number][1]
        ((batch, row),) = {
            (item.batch_id, item.row_no)
            for item in found
            if item.document_key == f"O{number}" and item.rule.endswith(rule)
        }
        actions.fix(settings, batch, row or 0, values, ANN)
    actions.release_row(settings, *world.at("sales_order_line.discount_pct.range"), ANN)
    for number in (7, 13):
        actions.release_document(settings, "sales_order", f"O{number}", ANN)
    world.land(
        ("sales_order_line", "u", line(6)[2] | {"ordered_qty": 5}),
        order(11),
        ("sales_order", "u", order(12)[2] | {"order_number": "O12"}),
    )
    actions.fix(settings, *sixth, {"ordered_qty": "3"}, ANN)  # the source's own correction is newer
    record = {"id": "D2", "name": "Nut", "unit": "EA", "cost": "1"}
    actions.fix(settings, "drop-0000000001", 2, record, ANN)
    actions.fix(settings, "drop-0000000001", 3, record | {"id": "D3", "name": "Grøn"}, ANN)
    actions.fix(settings, "drop-0000000001", 4, {"cost": "12"}, ANN)
    actions.fix(settings, "drop-0000000001", 6, record | {"id": "D6", "name": "Rivet"}, ANN)
    actions.fix(settings, "drop-0000000002", 1, {"since": "2026-02-28"}, ANN)
    world.drop("client_4.csv", b"id;name;country;since\nC2;Two;DK;2026-02-03\nC3;Three;DK;2026-02-04\n")
