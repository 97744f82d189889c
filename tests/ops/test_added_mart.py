"""The mart of docs/add-a-mart.md, as the page has it, dropped into a project that runs; and the mistakes it lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.deployment import CHECKOUT, read_marts
from tests.ops.world import PRODUCT, small_world, told
from tests.warehouse.world import small_project

from backoffice.errors import BackofficeError, PublishError
from backoffice.ops import cycle
from backoffice.publish.from_dbt import published_models

pytestmark = pytest.mark.postgres
PAGE = CHECKOUT / "docs" / "add-a-mart.md"
MART = "mart_sales_by_channel"
_RECEIVED = {"customer_id": "C1", "received_at": "2026-03-02 08:00:00+00", "currency_code": "EUR"}


def _order(order: str, channel: str, amounts: tuple[int, ...], **values: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """An order of March with a line for each amount."""
    total = {"net_amount": sum(amounts), "gross_amount": sum(amounts)}
    lines = [
        {"order_line_id": f"{order}/{n}", "order_id": order, "product_id": "P1", "line_number": n}
        | {"currency_code": "EUR", "ordered_qty": 1, "unit_price": amount, "net_amount": amount}
        for n, amount in enumerate(amounts, 1)
    ]
    head = _RECEIVED | {"order_id": order, "channel": channel} | total | values
    return [("sales_order", "c", head), *(("sales_order_line", "c", line) for line in lines)]


LANDED = (
    ("customer", "c", {"customer_id": "C1"}),
    PRODUCT,
    *_order("O1", "web", (70, 50)),
    *_order("O2", "fax", (20,)),
    *_order("O3", "web", (5,), status="cancelled"),
    *_order("O4", "fax", (9,), received_at="2026-02-27 08:00:00+00"),
)


@dataclass(frozen=True)
class Mistake:
    """A row of the page's table, and how to make it."""

    text: str
    make: Callable[[str, str], tuple[str, str]]
    file: str


def _undeclared(sql: str, yml: str) -> tuple[str, str]:
    return sql, re.sub(r"      - name: order_count\n.*\n.*\n", "", yml)


def _repeated(sql: str, yml: str) -> tuple[str, str]:
    return sql.replace(" ~ \" || '|' || m.channel || '|' || m.currency_code\"", ""), yml


MISTAKES = [
    Mistake("a column of the query is not declared", _undeclared, f"{MART}.sql"),
    Mistake("no `owner`", lambda sql, yml: (sql, yml.replace("        owner: sales\n", "")), f"{MART}.yml"),
    Mistake(
        "`key: [sales_month, channel]`",
        lambda sql, yml: (sql, yml.replace("key: sales_channel_key, m", "key: [sales_month, channel], m")),
        f"{MART}.yml",
    ),
    Mistake("no `publish`, or no .yml", lambda sql, _: (sql, ""), f"{MART}.sql"),
    Mistake("a key that is not unique", _repeated, ""),
]


def example() -> dict[str, str]:
    """Files of the page: the blocks whose first line names one."""
    blocks = re.findall(r"```(?:sql|yaml)\n(?:--|#) (dbt_project/\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    return {Path(path).name: text for path, text in blocks}


def query() -> str:
    """The query of the page that reads the mart."""
    (found,) = re.findall(r"```sql\n(SELECT .*?)```", PAGE.read_text("utf-8"), re.S)
    return str(found)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Any:
    """A project that built and published its marts."""
    folder = tmp_path_factory.mktemp("analyst")
    project = small_project(CHECKOUT, folder)
    made = small_world(project, folder / "home", pg_server.url(pg_server.create_database()))
    made.land(*LANDED)
    cycle.refresh(made.settings, "test")
    return made


@pytest.fixture
def add(world: Any) -> Iterator[Callable[[str, str], None]]:
    """Puts the mart's two files into the project until the test is over."""
    folder = world.settings.dbt_dir / "models" / "marts" / "sales"

    def put(sql: str, yml: str) -> None:
        (folder / f"{MART}.sql").write_text(sql, encoding="utf-8")
        if yml:
            (folder / f"{MART}.yml").write_text(yml, encoding="utf-8")

    yield put
    for name in (f"{MART}.sql", f"{MART}.yml"):
        (folder / name).unlink(missing_ok=True)


def _row_of_the_page(mistake: str) -> tuple[list[str], str]:
    """What is said, in pieces, and the rule."""
    (row,) = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {mistake} |")]
    _, _, said, rule, _ = row.split("|")
    return re.findall(r"`([^`]+)`", said), rule.strip()


def test_the_next_cycle_publishes_the_mart_of_the_page(world: Any, add: Callable[[str, str], None]) -> None:
    files = example()
    assert sorted(files) == [f"{MART}.sql", f"{MART}.yml"]
    add(files[f"{MART}.sql"], files[f"{MART}.yml"])
    assert cycle.refresh(world.settings, "test")["build"]["full"] is True

    assert read_marts(world.settings, query()) == [("web", 1, Decimal("120.0000")), ("fax", 1, Decimal("20.0000"))]
    (model,) = yaml.safe_load(files[f"{MART}.yml"])["models"]
    comments = (
        "SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute AS a "
        f"WHERE a.attrelid = 'marts.{MART}'::regclass AND a.attnum > 0 ORDER BY a.attnum"
    )
    declared = [(column["name"], column["description"]) for column in model["columns"]]
    assert read_marts(world.settings, comments) == declared
    table = f"SELECT obj_description('marts.{MART}'::regclass)"
    assert read_marts(world.settings, table) == [(model["description"],)]
    assert told(world.settings)["state"] == "published"


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(m, id=m.text, marks=[pytest.mark.slow] if m.text.startswith("a key that") else []) for m in MISTAKES],
)
def test_a_mistake_is_named_and_readers_keep_what_they_had(
    world: Any, add: Callable[[str, str], None], mistake: Mistake
) -> None:
    before = read_marts(world.settings, "SELECT version FROM marts.publication WHERE is_current")
    files = example()
    broken = mistake.make(files[f"{MART}.sql"], files[f"{MART}.yml"])
    assert broken != (files[f"{MART}.sql"], files[f"{MART}.yml"])
    add(*broken)
    with pytest.raises(BackofficeError) as raised:
        cycle.refresh(world.settings, "test")
    pieces, rule = _row_of_the_page(mistake.text)
    if mistake.file:
        assert raised.value.where.endswith(f"models/marts/sales/{mistake.file}")
        assert raised.value.rule == rule
    ((state, reason),) = read_marts(world.settings, "SELECT state, reason FROM ops.status")
    assert state == "withheld"
    assert pieces and [piece for piece in pieces if piece not in reason] == []
    assert read_marts(world.settings, "SELECT version FROM marts.publication WHERE is_current") == before


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("mode: whole", "mode: daily", "published by 'daily'"),
        ("key: sales_channel_key, mode", "mode", "has no key column"),
        ("key: sales_channel_key, mode", "key: sales_key, mode", "'sales_key' is not one of its columns"),
        ("owner: sales", "owner: ' '", "has no owner"),
        ("contract: {enforced: true}", "contract: {enforced: false}", "without an enforced contract"),
        ("data_type: BIGINT\n        description: Orders that are not cancelled.", "data_type: BIGINT", "order_count"),
        ("data_type: DATE", "data_type: TIMESTAMP", "sales_month of type TIMESTAMP, which cannot be published"),
    ],
)
def test_a_declaration_is_judged_before_anything_is_loaded(
    world: Any, add: Callable[[str, str], None], right: str, wrong: str, said: str
) -> None:
    files = example()
    assert files[f"{MART}.yml"].count(right) == 1
    add(files[f"{MART}.sql"], files[f"{MART}.yml"].replace(right, wrong))
    with pytest.raises(PublishError, match=said) as raised:
        published_models(world.settings)
    assert raised.value.where == f"models/marts/sales/{MART}.yml" and raised.value.rule
