"""The mapping compiler: one bad value neither stops other rows nor passes for an empty one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from backoffice.contracts import Contracts, load_contracts
from backoffice.errors import MappingError
from backoffice.sources import SourceConfig, load_source
from backoffice.sources.mapping import mapped_tables, row_select

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load_contracts(CHECKOUT / "contracts")


def _source(kind: str = "files", **mapping: Any) -> dict[str, Any]:
    connection = {"kind": "files", "folder": "x"} if kind == "files" else {"kind": "postgres", "database": "x"}
    columns = {
        "product_id": "p.id",
        "sku": "p.code",
        "name": "p.code",
        "unit_of_measure": "'EA'",
        "is_stocked": "true",
        "standard_cost": "p.cost / p.pack",
    }
    table = {
        "from": "item p",
        "columns": columns,
        "map": {"status": {"expr": "p.flag", "values": {"1": "active", "0": "discontinued"}}},
    }
    return {
        "apiVersion": "backoffice/v1",
        "source": "s",
        "source_relation": "s",
        "description": "d",
        "connection": connection,
        "defaults": {"timezone": "Europe/Copenhagen"},
        "reads": {
            "item": {
                "pattern": "*.csv",
                "table": "public.item",
                "primary_key": ["id"],
                "columns": {
                    "id": "INTEGER",
                    "code": "VARCHAR",
                    "cost": "DECIMAL(10,2)",
                    "pack": "INTEGER",
                    "flag": "VARCHAR",
                },
            }
        },
        "tables": {"inventory.product/product": table | mapping},
    }


def _select(data: dict[str, Any], contracts: Contracts, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    mapped = mapped_tables({"s": SourceConfig.model_validate(data)}, contracts)[0]
    connection = duckdb.connect()
    connection.execute(
        """CREATE TABLE raw (id VARCHAR, code VARCHAR, cost VARCHAR, pack VARCHAR, flag VARCHAR, _batch_id VARCHAR,
        _row_no BIGINT, _op VARCHAR, _event_id VARCHAR, _event_at TIMESTAMPTZ, _ingested_at TIMESTAMPTZ,
        _source_file VARCHAR, _defect VARCHAR, _batch_seq BIGINT, _generation BIGINT)"""
    )
    for number, (op, *values) in enumerate(rows, 1):
        connection.execute(
            "INSERT INTO raw (id, code, cost, pack, flag, _row_no, _op) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [*values, number, op],
        )
    cursor = connection.execute(f"SELECT * FROM ({row_select(mapped, 'raw')}) ORDER BY _row_no")
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_values_codes_and_failures(contracts: Contracts) -> None:
    good, code, text, failing, empty, deleted = _select(
        _source(),
        contracts,
        [
            ("r", "1", "A", "10.00", "4", "1"),
            ("r", "2", "B", "10.00", "4", "9"),
            ("r", "x3", "C", "10.00", "4", "1"),
            ("r", "4", "D", "1e", "4", "1"),
            ("r", "5", "E", None, "4", None),
            ("d", "6", None, None, None, None),
        ],
    )
    assert (good["product_id"], good["status"], good["_cast_error"]) == ("1", "active", None)
    assert str(good["standard_cost"]) == "2.500000"
    assert code["status"] == "UNMAPPED:9"
    assert json.loads(text["_cast_error"]) == {"column": "id", "value": "x3", "message": "cannot be read as INTEGER"}
    assert json.loads(failing["_cast_error"])["column"] == "cost"
    assert (empty["standard_cost"], empty["status"], empty["_cast_error"]) == (None, None, None)
    assert (deleted["product_id"], deleted["_cast_error"]) == ("6", None)


def test_an_expression_that_raises_is_an_error_not_an_empty_value(contracts: Contracts) -> None:
    data = _source(
        columns=_source()["tables"]["inventory.product/product"]["columns"] | {"category": "cast(p.code as integer)"}
    )
    good, bad = _select(data, contracts, [("r", "1", "7", "1", "1", "1"), ("r", "2", "seven", "1", "1", "1")])
    assert (good["category"], good["_cast_error"]) == ("7", None)
    assert bad["category"] is None and json.loads(bad["_cast_error"])["column"] == "category"


def test_local_times_become_instants(contracts: Contracts) -> None:
    data = _source(created_at="local(date '2026-07-01')")
    (row,) = _select(data, contracts, [("r", "1", "A", "1", "1", "1")])
    assert (
        row["created_at_source"].astimezone().isoformat().startswith("2026-06-30T22:00")
        or row["created_at_source"].timestamp() == 1782856800
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": {"product_id": "p.id", "colour": "p.code"}}, "colour: not a column of the contract"),
        ({"columns": {"product_id": "p.id"}}, "sku, name, unit_of_measure, is_stocked: required by the contract"),
        ({"derived": {"product_id": "p.id"}}, "product_id: a key cannot be derived"),
    ],
)
def test_a_wrong_mapping_is_refused(contracts: Contracts, change: dict[str, Any], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        mapped_tables({"s": SourceConfig.model_validate(_source(**change))}, contracts)


def test_errors_name_file_line_and_key(tmp_path: Path) -> None:
    data = _source()
    data["reads"]["item"]["primary_key"] = ["nope"]
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(MappingError, match=r"must name columns that are read") as caught:
        load_source(path)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text.startswith("  item:"))
    assert f"{path}:{line}" in str(caught.value)


def test_a_file_carries_its_name(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(_source()))
    with pytest.raises(MappingError, match="named other but says source: s"):
        load_source(path)
