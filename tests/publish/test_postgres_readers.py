"""What readers and administrators of PostgreSQL meet: rights, locks, versions, and what no model makes any more."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal

import duckdb
import psycopg
import pytest
from tests.publish.support import (
    LINES,
    MODELS,
    TOTALS,
    assert_same,
    line,
    with_columns,
)

from backoffice.errors import PublishError
from backoffice.publish import PublishedColumn, PublishedModel, postgres, publish_file, publish_postgres, session

pytestmark = pytest.mark.postgres


def test_the_reader_reads_new_tables_and_writes_nothing(warehouse, marts):
    marts.publish(warehouse)
    another = PublishedModel("dim_day", "marts", "day", TOTALS.columns[:1], "Days.", "whole")
    warehouse.create(another)
    warehouse.build()
    marts.publish(warehouse, [*MODELS, another])
    assert marts.rows(another) == []
    for statement in (
        f"INSERT INTO {another.relation} VALUES ('2026-03-01')",
        f"UPDATE {LINES.relation} SET note = ''",
        f"DELETE FROM {LINES.relation}",
        f"TRUNCATE {LINES.relation}",
        "UPDATE marts.publication SET version = 'x'",
        "CREATE TABLE marts.mine (id int)",
        f"DROP TABLE {LINES.relation}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            marts.query(statement)


def test_a_revoked_right_stays_revoked(warehouse, marts):
    marts.publish(warehouse)
    marts.execute(f"REVOKE SELECT ON {LINES.relation} FROM reader")
    warehouse.build()
    warehouse.put(LINES, line("a"))
    marts.publish(warehouse)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        marts.rows(LINES)


def test_without_the_reader_role_nothing_is_published(warehouse, marts):
    with pytest.raises(PublishError, match="role nobody_here"):
        publish_postgres(
            warehouse.connection, MODELS, url=marts.publisher_url, reader_role="nobody_here", **warehouse.now.values
        )


def test_a_repeatable_read_reader_keeps_its_version(warehouse, marts):
    warehouse.put(LINES, line("a"), line("b"))
    marts.publish(warehouse)
    first, rows = warehouse.now.version, len(warehouse.rows(LINES))
    with psycopg.connect(marts.reader_url) as pg:
        pg.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        read = "SELECT version, (SELECT count(*) FROM marts.fct_sales_order_lines) FROM marts.current_version"
        assert pg.execute(read).fetchone() == (first, rows)
        for key in ("c", "d"):
            warehouse.build()
            warehouse.remove(LINES, "a")
            warehouse.put(LINES, line(key), line("b", note=key))
            marts.publish(warehouse)  # the reader holds its table locks all the while
            assert pg.execute(read).fetchone() == (first, rows)
        pg.rollback()
        assert pg.execute(read).fetchone() == (warehouse.now.version, 3)


def test_publishing_rows_takes_no_exclusive_lock(warehouse, marts, monkeypatch):
    """Readers in a transaction, and one that is about to begin, are never in the way of each other."""
    monkeypatch.setattr(session, "LOCK_TIMEOUT", "1ms")
    warehouse.put(LINES, line("a"))
    marts.publish(warehouse)
    with psycopg.connect(marts.reader_url) as pg:
        for model in MODELS:
            pg.execute(f"SELECT * FROM {model.relation}")
        warehouse.build()
        warehouse.put(LINES, line("b"), line("a", note="new"))
        warehouse.put(TOTALS, {"day": date(2026, 3, 1), "amount": Decimal(1), "currency_code": "DKK"})
        marts.publish(warehouse)
        marts.publish(warehouse, full=True)
        assert_same(marts, warehouse)


def test_a_locked_table_is_tried_again_then_refused(warehouse, marts, monkeypatch):
    monkeypatch.setattr(session, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(postgres, "SWAP_SECONDS", 0.5)
    marts.publish(warehouse)
    before = warehouse.now.version
    widened = with_columns(TOTALS, *TOTALS.columns, PublishedColumn("lines", "BIGINT", "Lines."))
    warehouse.create(widened)
    warehouse.build()
    with psycopg.connect(marts.reader_url) as pg:
        pg.execute(f"SELECT * FROM {TOTALS.relation}")
        with pytest.raises(PublishError, match="stayed locked"):
            marts.publish(warehouse, [LINES, widened])
        assert marts.current() == before
        ending = threading.Timer(0.1, pg.rollback)  # the lock goes while the publication is being tried again
        ending.start()
        marts.publish(warehouse, [LINES, widened])
        ending.join()
    assert marts.current() == warehouse.now.version


def test_a_table_no_model_makes_goes_unless_it_is_needed(warehouse, marts):
    marts.publish(warehouse)
    marts.execute(
        f"CREATE VIEW public.needs_it AS SELECT * FROM {TOTALS.relation}", "CREATE TABLE marts.theirs (id int)"
    )
    warehouse.build()
    left = marts.publish(warehouse, [LINES])[-1]
    assert (left.model, left.action) == (TOTALS.name, "left")
    assert "needs_it" in left.note
    marts.execute("DROP VIEW public.needs_it")
    warehouse.build()
    assert marts.publish(warehouse, [LINES])[-1].action == "dropped"
    tables = marts.query("SELECT tablename FROM pg_tables WHERE schemaname = 'marts' ORDER BY 1")
    assert tables == [(LINES.name,), ("publication",), ("publication_table",), ("theirs",)]
    warehouse.build()
    assert [change.model for change in marts.publish(warehouse, [LINES])] == [LINES.name]


def test_comments_and_indexes_follow_their_declaration(warehouse, marts):
    marts.publish(warehouse)
    names = "SELECT indexname FROM pg_indexes WHERE tablename = %s ORDER BY 1"
    assert marts.query(names, LINES.name) == [
        ("fct_sales_order_lines_ordered_on_idx",),
        ("fct_sales_order_lines_pkey",),
    ]
    marts.execute(f"CREATE INDEX by_hand ON {LINES.relation} (note)")
    warehouse.build()
    marts.publish(warehouse, [with_columns(LINES, indexes=("changed_at",), description="Lines."), TOTALS])
    assert marts.query(names, LINES.name) == [
        ("by_hand",),
        ("fct_sales_order_lines_changed_at_idx",),
        ("fct_sales_order_lines_pkey",),
    ]
    assert marts.query("SELECT obj_description(%s::regclass)", LINES.relation) == [("Lines.",)]


def test_a_published_file_can_be_published_again(warehouse, marts, settings):
    """How an earlier version comes back: its file has no generations, so every row is compared."""
    warehouse.put(LINES, line("a"))
    first = warehouse.now
    path = publish_file(warehouse.connection, MODELS, settings, **first.values)
    lines = warehouse.rows(LINES)
    warehouse.build()
    warehouse.put(LINES, line("b"))
    marts.publish(warehouse)
    with duckdb.connect(str(path), read_only=True) as file:
        file.execute("SET TimeZone = 'UTC'")
        publish_postgres(file, MODELS, url=marts.publisher_url, full=True, **first.values)
    assert marts.rows(LINES) == lines
    assert marts.current() == first.version
    marts.publish(warehouse)
    assert_same(marts, warehouse)
