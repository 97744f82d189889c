"""Raw tables of files: what a file has beside the declared columns is kept, and found once it is declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from backoffice.collect.files.reader import write_parquet
from backoffice.collect.files.records import Stamp
from backoffice.collect.records import RecordRow, row_values, write_rows
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.warehouse.raw import create_raw_tables, insert_batches

_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _config(columns: dict[str, str], **read: Any) -> SourceConfig:
    reads = {"people": {"pattern": "*.csv", "columns": columns, "primary_key": ["id"]} | read}
    return SourceConfig.model_validate(
        {
            "apiVersion": "backoffice/v1",
            "source": "hr",
            "source_relation": "hr",
            "description": "test",
            "connection": {"kind": "files", "folder": "inbox"},
            "reads": reads,
            "tables": {},
        }
    )


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("CREATE SCHEMA raw")
        yield opened


def _landed(config: SourceConfig, seq: int, content: str, folder: Path, settings: Settings) -> str:
    raw, target = folder / f"{seq}.csv", folder / f"{seq}.parquet"
    raw.write_text(content)
    stamp = Stamp(f"hr-{seq:010d}", raw.name, "ab" * 32, _AT, _AT)
    write_parquet(raw, target, config.reads["people"], stamp, work=folder, settings=settings)
    return str(target)


def test_a_column_declared_later_is_filled_from_what_landed(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, settings: Settings
) -> None:
    before = _config({"id": "INTEGER", "name": "VARCHAR"})
    files = [
        _landed(before, 1, "id,name\n1,Ada\n", tmp_path, settings),
        _landed(before, 2, 'id,name,"Tax ""A"" \'code\'",town\n2,Bo,T2,Aarhus\n3,Cy,,Ribe\n', tmp_path, settings),
    ]
    after = _config(
        {"id": "INTEGER", "name": "VARCHAR", "tax_code": "INTEGER"}, aliases={"tax_code": ["Tax \"A\" 'code'"]}
    )
    files.append(_landed(after, 3, "id,name,tax_code\n4,Di,7\n", tmp_path, settings))
    create_raw_tables(connection, [before])
    create_raw_tables(connection, [after])
    rows = f"read_parquet({files}, union_by_name = true)"
    insert_batches(connection, after, "people", rows, image=None, generation=1)
    loaded = connection.execute(
        "SELECT id, name, tax_code, _defect FROM raw.hr__people ORDER BY _batch_seq, _row_no"
    ).fetchall()
    assert loaded == [
        ("1", "Ada", None, None),
        ("2", "Bo", "T2", None),
        ("3", "Cy", None, None),
        ("4", "Di", "7", None),
    ]
    extra = connection.execute("SELECT _extra FROM raw.hr__people WHERE id = '2'").fetchone()
    assert extra is not None
    assert json.loads(extra[0]) == {"Tax \"A\" 'code'": "T2", "town": "Aarhus"}


def test_a_column_declared_later_is_filled_from_the_records_that_landed(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before = _pushed({"id": "INTEGER", "name": "VARCHAR"})
    after = _pushed(
        {"id": "INTEGER", "name": "VARCHAR", "city": "VARCHAR", "cost": "DECIMAL(9,2)", "seen": "TIMESTAMPTZ"},
        city="place.0.city",
        seen="$time",
    )
    sent = [
        {"id": 1, "name": "Ada", "place": [{"city": "Aarhus"}], "cost": 1.5},
        {"id": 2, "name": "Bo", "cost": "much"},
        {"id": 3, "name": "Cy", "place": [{"city": "Ribe"}]},
    ]
    files = [_record_file(before, 1, sent[:2], tmp_path), _record_file(before, 2, sent[2:], tmp_path, op="d")]
    files.append(_record_file(after, 3, [{"id": 4, "name": "Di", "place": [{"city": "Odense"}]}], tmp_path))
    create_raw_tables(connection, [after])
    connection.execute("SET TimeZone = 'UTC'")
    for rows in (f"read_parquet({files[:2]})", f"read_parquet({files[2:]})"):  # absent, and there
        insert_batches(connection, after, "people", rows, image=None, generation=1)
    loaded = connection.execute(
        "SELECT id, name, city, cost, seen, _defect FROM raw.hr__people ORDER BY _batch_seq, _row_no"
    ).fetchall()
    assert [row[:5] for row in loaded] == [
        (1, "Ada", "Aarhus", Decimal("1.50"), _AT),
        (2, "Bo", None, None, _AT),
        (3, None, None, None, None),
        (4, "Di", "Odense", None, _AT),
    ]
    assert json.loads(loaded[1][5])["value"] == "much" and loaded[0][5] is None


def _pushed(columns: dict[str, str], **paths: str) -> SourceConfig:
    content = _config({"id": "VARCHAR"}).model_dump(exclude_defaults=True) | {
        "connection": {"kind": "push"},
        "reads": {"people": {"events": "person", "columns": columns, "paths": paths, "primary_key": ["id"]}},
    }
    return SourceConfig.model_validate(content)


def _record_file(config: SourceConfig, seq: int, sent: list[dict[str, Any]], folder: Path, op: str = "u") -> str:
    """Events as their collector lands them."""
    read, rows = config.reads["people"], []
    for number, data in enumerate(sent, 1):
        event = {"time": _AT.isoformat(), "data": data}
        values, misfits = row_values(read, data, {"$time": event["time"]}, deleted=op == "d")
        rows.append(RecordRow(number, op, f"e{number}", _AT, _AT, json.dumps(event), values, misfits))
    target = folder / f"{seq}.parquet"
    write_rows(target, read, f"hr-{seq:010d}", rows)
    return str(target)
