"""The warehouse's own tables."""

from __future__ import annotations

import hashlib
from uuid import UUID

import duckdb

from backoffice.warehouse import meta


def test_tables_of_an_older_layout_are_made_anew_and_others_kept() -> None:
    with duckdb.connect() as connection:
        meta.create(connection)
        connection.execute(
            """DROP TABLE meta.waiting;
            CREATE TABLE meta.waiting AS SELECT 'e' AS entity, 's' AS source_relation, 'k' AS native_key,
                'b' AS batch_id, 1 AS row_no;
            DROP TABLE meta.touched; CREATE TABLE meta.touched (model VARCHAR, key VARCHAR, generation BIGINT);
            INSERT INTO meta.touched VALUES ('m', 'text', 1); INSERT INTO meta.settled VALUES (7, 1)"""
        )
        meta.create(connection)
        connection.execute("INSERT INTO meta.touched VALUES ('m', uuid(), 2)")
        meta.create(connection)
        assert connection.execute("SELECT generation, typeof(key) FROM meta.touched").fetchall() == [(2, "UUID")]
        assert connection.execute("SELECT verdict_seq FROM meta.settled").fetchall() == [(7,)]
        assert connection.execute("SELECT key FROM meta.waiting").fetchall() == []
        assert connection.execute("FROM meta.books").fetchall() == []


def test_a_key_is_the_hash_of_the_sources_name_and_the_value() -> None:
    with duckdb.connect() as connection:
        row = connection.execute("SELECT " + meta.key_of("'shop'", "'O1'")).fetchone()
    assert row == (UUID(hashlib.md5(b"shop|O1").hexdigest()),)
