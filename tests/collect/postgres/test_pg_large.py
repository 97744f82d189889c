"""Transactions larger than memory should hold: one batch, written out as it comes."""

from __future__ import annotations

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from tests.collect.postgres.replay import Source

from backoffice.collect.postgres import stream
from backoffice.landing import Manifest

pytestmark = pytest.mark.postgres

COLLECT = """
import json, resource, sys
from pathlib import Path
from backoffice.collect.postgres import PostgresCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
config, url, home = sys.argv[1:]
settings = Settings(home=Path(home), batch_rows=20_000)
collector = PostgresCollector(
    SourceConfig.model_validate_json(config), url, LocalBatchStore(settings.landing_dir), settings
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
landed = []
collector.run(0, landed.append)
print(json.dumps({
    "batches": [manifest.rows for manifest in landed],
    "mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
}))
"""


def collected(source: Source) -> dict:
    """Catch up in a process of its own: rows of the batches, and the memory it took."""
    config = source.config.model_dump_json(by_alias=True, exclude_defaults=True)
    command = [sys.executable, "-c", COLLECT, config, source.url, str(source.settings.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("rows", [66_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_one_transaction_is_one_batch_in_bounded_memory(source, rows):
    source.execute("CREATE TABLE item (id int PRIMARY KEY, name text, price numeric(12,2), at timestamptz)")
    source.read("item", {"id": "INTEGER", "name": "VARCHAR", "price": "DECIMAL(12,2)", "at": ""})
    source.catch_up()
    source.transaction(
        f"INSERT INTO item SELECT i, repeat('name ', 20) || i, i / 7.0, now() FROM generate_series(1, {rows}) i",
        "DELETE FROM item WHERE id % 2 = 0",
    )
    done = collected(source)
    assert done["batches"] == [rows + rows // 2]  # a hundred thousand changes, or one and a half million
    assert done["mb"] < 400  # half a gigabyte of rows at a million
    manifest = source.batches()[-1]
    file = pq.ParquetFile(source.store.uri(manifest, "item"))
    assert file.num_row_groups >= rows * 3 // 2 // 20_000  # written out as it came
    numbers = file.read(["_row_no"]).column(0).to_numpy()
    assert (numbers == range(1, rows + rows // 2 + 1)).all()
    assert source.catch_up() == []


def test_a_batch_of_many_transactions_is_closed_when_it_holds_much_memory(source, monkeypatch):
    monkeypatch.setattr(stream, "_LARGE_BYTES", 100_000)
    source.execute("CREATE TABLE item (id int PRIMARY KEY, doc text)")
    source.read("item", {"id": "INTEGER", "doc": "VARCHAR"})
    source.catch_up()
    for number in range(12):
        source.execute(f"INSERT INTO item VALUES ({number}, repeat('x', 30000))")
    landed: list[Manifest] = []
    source.collector(batch_seconds=60).run(0, landed.append)
    assert [manifest.rows for manifest in landed] == [4, 4, 4]
