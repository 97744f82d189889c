"""What the benchmarks share: a PostgreSQL of their own, a small project, an environment for the tools compared with.

Nothing here touches the running platform: every benchmark works below a temporary folder and removes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from backoffice.contracts import load_contracts
from backoffice.ops.postgres_home import shared_dir
from backoffice.ops.postgres_server import EmbeddedPostgres
from backoffice.settings import Settings
from backoffice.validate import write_suites
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).resolve().parents[1]
SHOP = CHECKOUT / "sources" / "templates" / "shop.yaml"
RIVALS = CHECKOUT / "benchmarks" / ".venv" / "bin" / "python"
_COPIED = ("contracts", "dbt_project", "expectations")
_SERVER = {
    "wal_level": "logical",
    "max_wal_size": "8GB",
    "max_replication_slots": "10",
    "max_wal_senders": "10",
    "shared_buffers": "1GB",
    "synchronous_commit": "off",  # of the load that is written before anything is measured
}


@dataclass(frozen=True)
class Lab:
    """A folder, a project in it and a source database; ``url`` is the superuser's."""

    folder: Path
    settings: Settings
    url: str

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to the source database."""
        return psycopg.connect(self.url, autocommit=True)


@contextlib.contextmanager
def lab(source: dict[str, Any]) -> Iterator[Lab]:
    """A project whose only source is this one, and the PostgreSQL it reads.

    Args:
        source: content of its YAML file; the connection reads ``BENCH_SOURCE_URL``.
    """
    with tempfile.TemporaryDirectory(prefix="backoffice-bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server is another user
        settings = make_project(folder, source)
        data = folder / "postgres"
        server = EmbeddedPostgres("source", data, free_port(), "bench", os_user="nobody", options=_SERVER)
        try:
            server.start()
            os.environ["BENCH_SOURCE_URL"] = server.url("postgres")
            yield Lab(folder, settings, server.url("postgres"))
        finally:
            server.stop()
            shutil.rmtree(shared_dir(data), ignore_errors=True)


def make_project(folder: Path, source: dict[str, Any]) -> Settings:
    """A copy of the project below the folder whose only source is this one, with generated files of its own."""
    project = folder / "project"
    for name in _COPIED:
        shutil.copytree(CHECKOUT / name, project / name, ignore=shutil.ignore_patterns("target", "logs"))
    (project / "sources").mkdir()
    path = project / "sources" / f"{source['source']}.yaml"
    path.write_text(yaml.safe_dump(source, sort_keys=False), encoding="utf-8")
    settings = Settings(project_dir=project, home=folder / "home")
    write_files(settings)
    write_suites(load_contracts(settings.contracts_dir), settings.expectations_dir)
    return settings


def shop_source(name: str, reads: dict[str, str], tables: list[str]) -> dict[str, Any]:
    """A source of some of the demo shop's tables.

    Args:
        name: the source's name.
        reads: read of ``sources/templates/shop.yaml`` → table of the source database.
        tables: canonical tables to map, such as ``sales.order/sales_order_line``.
    """
    shop: dict[str, Any] = yaml.safe_load(SHOP.read_text(encoding="utf-8"))
    return {
        **shop,
        "source": name,
        "source_relation": name,
        "connection": {"kind": "postgres", "url_env": "BENCH_SOURCE_URL"},
        "reads": {read: {**shop["reads"][read], "table": table} for read, table in reads.items()},
        "tables": {table: shop["tables"][table] for table in tables},
    }


def rival(script: str, *arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a program of ``rivals/`` in the environment of the tools compared with; its last line is JSON.

    Raises:
        SystemExit: the environment is not installed, or the program failed.
    """
    if not RIVALS.exists():
        sys.exit("the tools to compare with are not installed: make bench-rivals")
    command = [str(RIVALS), str(CHECKOUT / "benchmarks" / "rivals" / script), *arguments]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
