"""The status of sources: counted, and late only when nobody follows them."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from backoffice.collect.heartbeat import Heartbeat
from backoffice.ops.status import _SOURCES, _source  # the query is the behaviour
from backoffice.settings import Settings
from backoffice.warehouse import meta


def _shop(settings: Settings) -> tuple[bool, int, int]:
    with duckdb.connect() as connection:
        meta.create(connection)
        connection.execute(
            """SET TimeZone = 'UTC'; INSERT INTO meta.source_table VALUES ('shop', 'shop', 'orders', 5);
            INSERT INTO meta.batch
            VALUES ('shop', 1, 'shop-1', 'stream', now(), now(), now() - INTERVAL 1 HOUR, 1, now());
            INSERT INTO meta.batch_table VALUES ('shop', 'shop-1', 'orders', 10, 1);
            INSERT INTO meta.quarantined BY NAME
            SELECT 'shop' AS source, 'orders' AS table_name, 'shop-1' AS batch_id, 3 AS row_no, r AS rule,
                1 AS generation FROM (VALUES ('hold'), ('document')) AS t (r);
            INSERT INTO meta.waiting (
                entity, source_relation, key, batch_id, row_no, waits_for, since_generation)
            VALUES ('sales_order', 'shop', uuid(), 'shop-1', 4, 'customer 1', 1)"""
        )
        found = _source(settings, connection.execute(_SOURCES, {"shown": 1}).fetchall()[0], datetime.now(UTC))
    return found.is_late, found.landed_rows, found.accepted_rows


def test_a_batch_of_a_withheld_generation_is_not_published(settings: Settings) -> None:
    with duckdb.connect() as connection:
        meta.create(connection)
        connection.execute(
            """SET TimeZone = 'UTC'; INSERT INTO meta.source_table VALUES ('shop', 'shop', 'orders', 5);
            INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder, published_at)
            VALUES (1, now(), now(), true, 'test', now()), (2, now(), now(), false, 'test', NULL);
            INSERT INTO meta.batch SELECT 'shop', i, 'shop-' || i, 'stream', now(), now(), now(), g, now()
            FROM (VALUES (1, 1), (2, 1), (3, 2)) AS t(i, g)"""
        )
        found = _source(settings, connection.execute(_SOURCES, {"shown": 1}).fetchall()[0], datetime.now(UTC))
    assert found.published_seq == 2


def test_late_only_when_nobody_follows_it(settings: Settings) -> None:
    assert _shop(settings) == (True, 10, 8)
    Heartbeat(settings, "shop").caught_up()
    assert _shop(settings) == (False, 10, 8)
    beat = Path(settings.collect_dir) / "shop.heartbeat"
    os.utime(beat, (time.time() - 3600, time.time() - 3600))
    assert _shop(settings) == (True, 10, 8)
