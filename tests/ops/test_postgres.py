from __future__ import annotations

import os
from pathlib import Path

import psycopg
import psycopg2
import psycopg2.extras
import pytest
from psycopg import errors

from backoffice.addresses import PUBLISHER, READER, SOURCE_OWNER, SUPERUSER, airflow_db_url, marts_url, source_url
from backoffice.errors import ServerError
from backoffice.ops.postgres import (
    embedded_clusters,
    ensure_platform,
    ensure_source_database,
    ensure_source_roles,
    platform_cluster,
    remove_data,
    source_cluster,
)
from backoffice.ops.postgres_home import shared_dir
from backoffice.settings import Settings

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def world(tmp_path_factory, free_port):
    """Both servers with roles and databases, made twice; below pytest's folder, which only its owner may enter."""
    home = tmp_path_factory.mktemp("world")
    settings = Settings(home=home, source_port=free_port(), platform_port=free_port())
    clusters = embedded_clusters(settings)
    try:
        for cluster in clusters:
            cluster.start()
        for _ in range(2):
            ensure_platform(settings)
            ensure_source_roles(settings)
            ensure_source_database(settings, "shop")
        yield settings
    finally:
        for cluster in clusters:
            cluster.stop()
        remove_data(settings)


def connect(url):
    return psycopg.connect(url.replace("+psycopg2", ""), autocommit=True)


def beside(url, database):
    return f"{url.rpartition('/')[0]}/{database}"


@pytest.fixture(scope="module")
def mart(world):
    with connect(marts_url(world, PUBLISHER)) as publisher:
        publisher.execute("CREATE SCHEMA finance")
        publisher.execute("CREATE TABLE finance.sales AS SELECT 1 AS id")
        publisher.execute("CREATE TABLE finance.wages AS SELECT 1 AS id")
        publisher.execute("GRANT USAGE ON SCHEMA finance TO reader")
        publisher.execute("GRANT SELECT ON finance.sales TO reader")
    return "finance.sales"


def test_the_reader_reads_what_is_granted_and_nothing_else(world, mart):
    with connect(marts_url(world, READER)) as reader:
        assert reader.execute(f"SELECT id FROM {mart}").fetchall() == [(1,)]
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute("SELECT * FROM finance.wages")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO finance.sales VALUES (2)",
        "UPDATE finance.sales SET id = 2",
        "DELETE FROM finance.sales",
        "TRUNCATE finance.sales",
        "DROP TABLE finance.sales",
        "CREATE TABLE public.mine (id int)",
        "CREATE TABLE finance.mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "COPY finance.sales TO PROGRAM 'cat'",
    ],
)
def test_the_reader_cannot_write(world, mart, statement):
    with connect(marts_url(world, READER)) as reader, pytest.raises(errors.InsufficientPrivilege):
        reader.execute(statement)


@pytest.mark.parametrize("database", ["airflow", "postgres", "template1"])
def test_the_reader_gets_into_no_other_database(world, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect(beside(marts_url(world, READER), database))


def test_airflow_owns_its_database_only(world):
    with connect(airflow_db_url(world)) as airflow:
        airflow.execute("CREATE TABLE probe (id int)")
        airflow.execute("DROP TABLE probe")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        connect(beside(airflow_db_url(world), "marts"))


def test_the_collector_publishes_and_streams_what_the_demo_writes(world):
    with connect(source_url(world, "shop", SOURCE_OWNER)) as shop:
        shop.execute("CREATE TABLE orders (id int PRIMARY KEY)")
        with connect(source_url(world, "shop")) as collector:
            collector.execute("CREATE PUBLICATION orders_out FOR TABLE orders")
            collector.execute("SELECT pg_create_logical_replication_slot('orders_slot', 'pgoutput')")
        shop.execute("INSERT INTO orders VALUES (7)")
    stream = psycopg2.connect(
        source_url(world, "shop"), connection_factory=psycopg2.extras.LogicalReplicationConnection
    )
    cursor = stream.cursor()
    options = {"proto_version": "1", "publication_names": "orders_out"}
    cursor.start_replication("orders_slot", decode=False, options=options)
    kinds = []
    while b"I" not in kinds:
        message = cursor.read_message()
        kinds += [message.payload[:1]] if message else []
    stream.close()
    assert kinds == [b"B", b"R", b"I"]


def test_the_collector_is_no_superuser(world):
    with connect(source_url(world, "shop")) as collector, pytest.raises(errors.InsufficientPrivilege):
        collector.execute("CREATE ROLE mine SUPERUSER")


def test_the_source_is_set_up_for_replication(world):
    with connect(source_url(world, "postgres", SUPERUSER)) as source:
        names = "wal_level", "max_wal_senders", "max_replication_slots", "max_slot_wal_keep_size"
        values = [source.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert values == ["logical", "20", "20", "2GB"]


def test_passwords_follow_the_secrets(world):
    with connect(platform_cluster(world).url("postgres")) as platform:
        platform.execute("ALTER ROLE reader PASSWORD 'forgotten'")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(marts_url(world, READER))
    ensure_platform(world)
    connect(marts_url(world, READER)).close()


def test_data_is_not_removed_under_a_running_server(world):
    with pytest.raises(ServerError, match="make down"):
        remove_data(world)
    assert source_cluster(world).running()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")
def test_root_below_a_locked_folder_uses_the_shared_one(world):
    home = world.home
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "postgres" / "source").readlink() == shared_dir(home) / "postgres" / "source"


def test_removing_finds_everything(settings):
    cluster = source_cluster(settings)
    cluster.start()
    place = cluster.data_dir
    cluster.stop()
    remove_data(settings)
    remove_data(settings)
    assert not place.exists()
    assert not shared_dir(settings.home).exists()
    assert not Path(settings.home / "postgres").exists()
    assert settings.secrets_path.exists()


def test_what_a_url_replaces_is_neither_started_nor_touched(settings):
    external = {"source_url": "postgresql://x@h/d", "marts_url": "postgresql://x@h/m"}
    without_source = settings.model_copy(update=external)
    assert [cluster.name for cluster in embedded_clusters(without_source)] == ["platform"]
    everything = without_source.model_copy(update={"airflow_db_url": "postgresql://x@h/a"})
    assert embedded_clusters(everything) == []
    ensure_source_roles(everything)
    ensure_source_database(everything, "shop")
    ensure_platform(everything)
    assert not (settings.home / "postgres").exists()
