"""The embedded PostgreSQL servers: the demo's operational systems (source) and the platform's own databases.

``source_cluster`` and ``platform_cluster`` name them, ``ensure_source_roles`` and ``ensure_platform`` create what must
be in them. In production each is replaced by any PostgreSQL server through a URL setting: roles and databases are then
the administrator's, and the functions here leave them alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import psycopg
from psycopg import sql

from backoffice.addresses import (
    AIRFLOW_DATABASE,
    AIRFLOW_OWNER,
    COLLECTOR,
    MARTS_DATABASE,
    PUBLISHER,
    READER,
    SOURCE_OWNER,
    platform_admin_url,
    source_admin_url,
)
from backoffice.errors import ServerError
from backoffice.ops.postgres_home import shared_dir
from backoffice.ops.postgres_server import EmbeddedPostgres
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

__all__ = [
    "EmbeddedPostgres",
    "embedded_clusters",
    "ensure_platform",
    "ensure_source_database",
    "ensure_source_roles",
    "platform_cluster",
    "remove_data",
    "source_cluster",
]

_SOURCE_OPTIONS = {
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    # a slot nobody reads must not fill the disk; the collector takes a new snapshot when it lost its slot
    "max_slot_wal_keep_size": "2GB",
    "max_connections": "100",
}
_PLATFORM_OPTIONS = {"max_connections": "200"}  # Airflow's workers keep several each


def source_cluster(settings: Settings) -> EmbeddedPostgres:
    """The demo's operational systems; alone, because a slot's sender reads all WAL of its cluster."""
    password = load_secrets(settings).source_password
    return _cluster(settings, "source", settings.source_port, password, _SOURCE_OPTIONS)


def platform_cluster(settings: Settings) -> EmbeddedPostgres:
    """The platform's databases: ``airflow`` and ``marts``."""
    password = load_secrets(settings).platform_password
    return _cluster(settings, "platform", settings.platform_port, password, _PLATFORM_OPTIONS)


def embedded_clusters(settings: Settings) -> list[EmbeddedPostgres]:
    """The servers to start: those that no URL setting replaces."""
    clusters = [] if settings.source_url or settings.source_server_url else [source_cluster(settings)]
    if not (settings.platform_server_url or (settings.marts_url and settings.airflow_db_url)):
        clusters.append(platform_cluster(settings))
    return clusters


def _cluster(settings: Settings, name: str, port: int, password: str, options: Mapping[str, str]) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        name,
        settings.home / "postgres" / name,
        port,
        password,
        os_user=settings.os_user,
        options=options,
        log_path=settings.logs_dir / f"postgres-{name}.log",
        shared=shared_dir(settings.home),
    )


def ensure_source_roles(settings: Settings) -> None:
    """Create the source cluster's roles and set their passwords; the server must run. Can be repeated.

    ``demo_owner`` owns the demo's databases and tables, as an application's own role does. ``backoffice_collector``
    reads the log (REPLICATION) and every table (pg_read_all_data). PostgreSQL lets only a table's owner publish it, so
    here the collector is a member of ``demo_owner``. In production leave that out: the owner creates the publication
    and the collector needs no more than REPLICATION, CONNECT and SELECT.
    """
    if settings.source_url:
        return
    secrets = load_secrets(settings)
    with psycopg.connect(source_admin_url(settings), autocommit=True) as connection:
        _ensure_role(connection, SOURCE_OWNER, secrets.source_owner_password)
        _ensure_role(connection, COLLECTOR, secrets.source_collector_password, "LOGIN REPLICATION")
        _run(connection, "GRANT pg_read_all_data, {} TO {}", SOURCE_OWNER, COLLECTOR)


def ensure_source_database(settings: Settings, name: str) -> None:
    """Create a database owned by ``demo_owner`` in the source cluster, unless it is there; the server must run."""
    if settings.source_url:
        return
    with psycopg.connect(source_admin_url(settings), autocommit=True) as connection:
        _ensure_database(connection, name, SOURCE_OWNER)


def ensure_platform(settings: Settings) -> None:
    """Create the platform's roles and databases and set the passwords; the server must run. Can be repeated.

    ``airflow`` owns the database airflow, ``marts_publisher`` owns marts; ``reader`` may connect to marts and sees what
    the publisher grants to it, nothing else. Nobody has rights by being PUBLIC. A database with a URL setting of its
    own is not created.
    """
    if settings.airflow_db_url and settings.marts_url:
        return
    secrets = load_secrets(settings)
    with psycopg.connect(platform_admin_url(settings), autocommit=True) as connection:
        _run(connection, "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        if not settings.airflow_db_url:
            _ensure_role(connection, AIRFLOW_OWNER, secrets.airflow_db_password)
            _ensure_database(connection, AIRFLOW_DATABASE, AIRFLOW_OWNER)
        if not settings.marts_url:
            # a policy with FORCE may not hide rows from the publisher, and it must see who is reading
            _ensure_role(connection, PUBLISHER, secrets.marts_publisher_password, "LOGIN BYPASSRLS")
            _run(connection, "GRANT pg_read_all_stats TO {}", PUBLISHER)
            _ensure_role(connection, READER, secrets.marts_reader_password)
            _ensure_database(connection, MARTS_DATABASE, PUBLISHER)
            _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", MARTS_DATABASE, READER)


def remove_data(settings: Settings) -> None:
    """Delete the data of both servers, wherever it is, and the copy of the binaries. Secrets stay.

    Raises:
        ServerError: a server runs.
    """
    clusters = source_cluster(settings), platform_cluster(settings)
    for cluster in clusters:
        if cluster.running():
            raise ServerError(
                f"the {cluster.name} server runs; its data is not deleted under it",
                where=str(cluster.data_dir),
                next_step="run `make down` first",
            )
    places = [cluster.data_dir for cluster in clusters]
    for folder in (*places, settings.home / "postgres", shared_dir(settings.home)):
        if folder.exists():
            shutil.rmtree(folder)


def _ensure_role(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: str, attributes: str = "LOGIN"
) -> None:
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        _run(connection, "CREATE ROLE {}", role)
    # hashed here: neither the server's log nor its statistics ever hold the password itself
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} WITH {} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.SQL(attributes), sql.Literal(hashed)))


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]], name: str, owner: str) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        _run(connection, "CREATE DATABASE {} OWNER {}", name, owner)
    _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)


def _run(connection: psycopg.Connection[tuple[object, ...]], statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))
