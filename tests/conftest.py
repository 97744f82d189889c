"""Fixtures every room's tests share: settings in a temporary home, and one real PostgreSQL a test session."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.warehouse import world as worlds
from xdist.scheduler import LoadFileScheduling

from backoffice.ops.postgres_home import shared_dir
from backoffice.ops.postgres_server import EmbeddedPostgres
from backoffice.settings import Settings

CHECKOUT = Path(__file__).parents[1]


_TOGETHER = ("tests/finance/", "tests/ops/test_full_build", "tests/ops/test_rebuild", "tests/ops/test_replay")
"""Beginnings of tests that share what takes long to make: one process runs those of a folder, and those of ``ops``."""


_FIRST = ("tests/e2e/test_up", "tests/finance/", *_TOGETHER[1:])
"""Beginnings of tests that take longest: what one process begins last, the other waits for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; all others in the order of their folders."""
    items.sort(key=lambda item: next((place for place, path in enumerate(_FIRST) if item.nodeid.startswith(path)), 99))


class _Scheduler(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        together = next((path for path in _TOGETHER if nodeid.startswith(path)), None)
        return "/".join(together.split("/")[:2]) if together else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduler:
    """Tests of a file go to one process, and with them those that share what takes long to make."""
    return _Scheduler(config, log)


class PostgresForTests:
    """A PostgreSQL with logical replication; each test takes a database of its own."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.port = server.port
        self.url = server.url

    def create_database(self) -> str:
        """A fresh database; it goes with the server, unless it is dropped before."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database with its replication slots and whoever is connected."""
        active = (
            "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE database = %s AND active"
        )
        self._execute(active, name)
        self._execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = %s", name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str, *values: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement, values or None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port nobody listens on."""
    return _free_port


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a new home, whatever the environment says; the checkout's contracts, sources and dags."""
    for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
        monkeypatch.delenv(name)
    made = Settings(
        home=tmp_path / "home",
        source_port=_free_port(),
        platform_port=_free_port(),
        airflow_port=_free_port(),
        watch_port=_free_port(),
        push_port=_free_port(),
    )
    yield made
    shutil.rmtree(shared_dir(made.home), ignore_errors=True)


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with the one-to-one source; dbt parses it once. Who changes it puts it back."""
    return worlds.small_project(CHECKOUT, tmp_path_factory.mktemp("small"))


@pytest.fixture
def small_project(request: pytest.FixtureRequest, shared_project: Path, tmp_path: Path) -> Path:
    """The shared project, or a copy of it for a test marked ``own_project``: one that changes it for good."""
    if request.node.get_closest_marker("own_project") is None:
        return shared_project
    return shutil.copytree(shared_project, tmp_path / "project")


@contextlib.contextmanager
def postgres_for_tests() -> Iterator[PostgresForTests]:
    """A server of its own; wal_level is logical."""
    options = {
        "wal_level": "logical",
        "max_replication_slots": "100",
        "max_wal_senders": "100",
        "shared_buffers": "32MB",
        "fsync": "off",
    }
    with tempfile.TemporaryDirectory(prefix="backoffice-test-") as folder:
        Path(folder).chmod(0o755)  # as root the server is another user
        data = Path(folder) / "postgres" / "source"
        server = EmbeddedPostgres("source", data, _free_port(), "test", os_user="nobody", options=options)
        try:
            server.start()
            yield PostgresForTests(server)
        finally:
            server.stop()
            shutil.rmtree(shared_dir(data), ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PostgresForTests]:
    """One server for all tests of this session (of this worker, under xdist)."""
    with postgres_for_tests() as server:
        yield server


@pytest.fixture
def pg_database(pg_server: PostgresForTests) -> Iterator[str]:
    """Name of a fresh database in ``pg_server``, dropped with its slots after the test."""
    name = pg_server.create_database()
    yield name
    with contextlib.suppress(psycopg.errors.InvalidCatalogName):
        pg_server.drop_database(name)
