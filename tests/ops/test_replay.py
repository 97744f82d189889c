"""Batches are loaded and judged again, and again: nothing is doubled, nothing is lost."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.ops.marts import published_hashes, warehouse_hashes

from backoffice.errors import LandingError
from backoffice.ops import cycle
from backoffice.ops.replay import first_batch_since, replay, take_back
from backoffice.sources import load_sources
from backoffice.warehouse.connection import open_warehouse

_BOOKS = "SELECT table_name, count(*), sum(landed_rows) FROM meta.batch_table GROUP BY ALL ORDER BY ALL"
_RAW = "SELECT count(*), count(DISTINCT (_batch_id, _row_no)) FROM raw.mini__{} WHERE NOT _derived"


def _state(world: Any) -> list[Any]:
    tables = ("customer", "sales_order_line", "product", "employment")
    return [world.query(_BOOKS), *(world.query(_RAW.format(table)) for table in tables)]


def test_every_batch_replayed_twice_changes_nothing(filled: Any) -> None:
    settings = filled.settings
    before, state = warehouse_hashes(settings, at_any_time=True), _state(filled)
    count = filled.store.last("mini").seq
    for _ in range(2):
        result = replay(settings, "mini", "test")
        assert result["batches"] == count
        assert warehouse_hashes(settings, at_any_time=True) == before
        assert _state(filled) == state
    assert warehouse_hashes(settings) == published_hashes(settings)


def test_the_later_half_is_replayed(filled: Any) -> None:
    settings = filled.settings
    before, state = warehouse_hashes(settings, at_any_time=True), _state(filled)
    last = filled.store.last("mini")
    assert replay(settings, "mini", "test", from_batch=last.seq - 5)["batches"] == 6
    assert (warehouse_hashes(settings, at_any_time=True), _state(filled)) == (before, state)


def test_a_kill_after_rows_were_taken_back_is_mended_by_the_next_refresh(filled: Any) -> None:
    settings = filled.settings
    before, state = warehouse_hashes(settings, at_any_time=True), _state(filled)
    with open_warehouse(settings) as connection:
        take_back(connection, load_sources(settings.sources_dir)["mini"], 3)
    cycle.refresh(settings, "test")
    assert (warehouse_hashes(settings, at_any_time=True), _state(filled)) == (before, state)
    assert warehouse_hashes(settings) == published_hashes(settings)


def test_rows_are_judged_again_by_a_changed_suite(filled: Any) -> None:
    """A rule that went releases what it kept out; one that is new keeps out what it did not."""
    settings = filled.settings
    filled.land(("product", "u", {"product_id": "P7", "name": None}), ("product", "u", {"product_id": "P8"}))
    cycle.refresh(settings, "test")
    path = settings.expectations_dir / "inventory.product" / "product.json"
    good = path.read_text(encoding="utf-8")
    suite = json.loads(good)
    kept = [item for item in suite["expectations"] if item["meta"]["rule"] != "product.name.required"]
    assert len(kept) == len(suite["expectations"]) - 1
    never = next(item for item in kept if item["meta"]["rule"] == "product.product_id.required")
    strict = json.loads(json.dumps(never)) | {"type": "expect_column_values_to_be_null"}
    strict["kwargs"]["column"] = "sku"
    strict["meta"] |= {"rule": "product.sku.empty", "kind": "readable", "column": "sku"}
    seq = filled.store.last("mini").seq
    out = f"SELECT row_no, rule FROM meta.quarantined WHERE batch_id = 'mini-{seq:010d}' ORDER BY ALL"
    assert filled.query(out) == [(1, "product.name.required")]
    path.write_text(json.dumps(suite | {"expectations": [*kept, strict]}), encoding="utf-8")
    replay(settings, "mini", "test", from_batch=seq, rejudge=True)
    assert filled.query(out) == [(1, "product.sku.empty"), (2, "product.sku.empty")]
    path.write_text(good, encoding="utf-8")
    replay(settings, "mini", "test", from_batch=seq, rejudge=True)
    assert filled.query(out) == [(1, "product.name.required")]
    assert warehouse_hashes(settings) == published_hashes(settings)


def test_what_is_not_there_is_refused(filled: Any) -> None:
    store, last = filled.store, filled.store.last("mini")
    with pytest.raises(LandingError, match="no batch 100000"):
        replay(filled.settings, "mini", "test", from_batch=100000)
    with pytest.raises(LandingError, match="'nowhere'"):
        replay(filled.settings, "nowhere", "test")
    middle = store.manifest("mini", 4)
    assert first_batch_since(store, "mini", middle.landed_at) == 4
    assert first_batch_since(store, "mini", middle.landed_at - timedelta(days=9)) == 1
    with pytest.raises(LandingError, match="landed since"):
        first_batch_since(store, "mini", last.landed_at + timedelta(seconds=1))
