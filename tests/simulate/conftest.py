"""A shop filled once, copied for each test, and a source server with its real roles."""

from __future__ import annotations

import shutil
import socket

import psycopg
import pytest
from tests.simulate.moment import NOW, SEED

from backoffice.ops.postgres import ensure_source_roles, source_cluster
from backoffice.ops.postgres_home import shared_dir
from backoffice.settings import Settings
from backoffice.simulate.prepare import create_shop


@pytest.fixture(scope="session")
def filled_shop(pg_server) -> str:
    """Name of a database with the shop as of NOW; nobody changes or stays connected to it."""
    name = pg_server.create_database()
    with psycopg.connect(pg_server.url(name), autocommit=True) as connection:
        assert create_shop(connection, SEED, NOW)
    return name


@pytest.fixture
def shop_database(pg_server, filled_shop):
    """Name of a copy of the filled shop."""
    name = f"{filled_shop}_copy"
    with psycopg.connect(pg_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {filled_shop}")
    yield name
    pg_server.drop_database(name)


@pytest.fixture
def shop(pg_server, shop_database):
    """A connection to a copy of the filled shop."""
    with psycopg.connect(pg_server.url(shop_database), autocommit=True) as connection:
        yield connection


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def source_settings(tmp_path_factory):
    """Settings of a home whose source server runs and has its roles."""
    settings = Settings(
        home=tmp_path_factory.mktemp("demo") / "home",
        source_port=free_port(),
        platform_port=free_port(),
        source_url="",
        demo_orders_per_second=20,
    )
    cluster = source_cluster(settings)
    try:
        cluster.start()
        ensure_source_roles(settings)
        yield settings
    finally:
        cluster.stop()
        shutil.rmtree(shared_dir(settings.home), ignore_errors=True)
