"""A source database with its landing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.collect.postgres.replay import Source
from tests.collect.postgres.writers import TABLES


@pytest.fixture
def source(pg_server, pg_database, settings) -> Iterator[Source]:
    made = Source(pg_server.url(pg_database), settings)
    yield made
    made.connection.close()


@pytest.fixture
def warehouse(source) -> Source:
    """A source with the tables that :class:`Writers` change."""
    source.execute(*TABLES)
    source.read("stock", {"id": "INTEGER", "qty": "INTEGER", "note": "VARCHAR"})
    return source.read("move", {"id": "BIGINT", "stock_id": "INTEGER", "qty": "INTEGER"})
