"""A warehouse and a PostgreSQL database of marts with the publisher's and the reader's role."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import psycopg
import pytest
from tests.publish.support import MODELS, MartsDatabase, Warehouse

from backoffice.addresses import PUBLISHER, READER
from backoffice.publish import PublishedModel
from backoffice.settings import Settings
from backoffice.warehouse import meta
from backoffice.warehouse.connection import open_warehouse

_PASSWORD = "test"


@pytest.fixture(scope="session")
def marts_database(pg_server) -> MartsDatabase:
    """A database as the platform creates it: owned by the publisher, nothing by being PUBLIC."""
    name = pg_server.create_database()
    with psycopg.connect(pg_server.url("postgres"), autocommit=True) as pg:
        for role in (PUBLISHER, READER):
            if not pg.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                pg.execute(f"CREATE ROLE {role} LOGIN")
        pg.execute(f"GRANT pg_read_all_stats TO {PUBLISHER}")
        pg.execute(f"ALTER DATABASE {name} OWNER TO {PUBLISHER}")
        pg.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        pg.execute(f"GRANT CONNECT ON DATABASE {name} TO {READER}")
    return MartsDatabase(
        pg_server.url(name), pg_server.url(name, PUBLISHER, _PASSWORD), pg_server.url(name, READER, _PASSWORD)
    )


@pytest.fixture
def marts(marts_database: MartsDatabase) -> MartsDatabase:
    """The database with nothing in it: emptied, because creating one takes a second."""
    marts_database.execute(
        *(f"ALTER ROLE {role} LOGIN PASSWORD '{_PASSWORD}'" for role in (PUBLISHER, READER)),  # roles are the server's
        "SET client_min_messages = warning",
        "DROP SCHEMA IF EXISTS marts, ops, analysis CASCADE",
        "DROP SCHEMA public CASCADE",
        f"CREATE SCHEMA public AUTHORIZATION {PUBLISHER}",
        f"GRANT USAGE ON SCHEMA public TO {READER}",
    )
    return marts_database


@pytest.fixture
def marts_settings(settings: Settings, marts: MartsDatabase) -> Settings:
    """Settings that lead to the database."""
    return settings.model_copy(update={"marts_url": marts.publisher_url})


@pytest.fixture
def connection(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(settings) as opened:
        meta.create(opened)
        yield opened


@pytest.fixture
def warehouse(connection: duckdb.DuckDBPyConnection) -> Warehouse:
    """A warehouse with empty tables of the models, in its first generation."""
    made = Warehouse(connection)
    models: list[PublishedModel] = MODELS
    for model in models:
        made.create(model)
    made.build()
    return made
