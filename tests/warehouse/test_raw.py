"""Raw tables of files: what a file has beside the declared columns is kept, and found once it is declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from backoffice.collect.files.reader import write_parquet
from backoffice.collect.files.records import Stamp
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.warehouse.raw import create_raw_table, insert_batches

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
    create_raw_table(connection, before, "people")
    create_raw_table(connection, after, "people")
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
