"""Clusters of a test's own: restarted, copied to a standby, promoted, set near the end of transaction ids."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from backoffice.ops import postgres_home
from backoffice.ops.postgres_process import ended, postmaster, wait_until
from backoffice.ops.postgres_server import EmbeddedPostgres

_OPTIONS = {"wal_level": "logical", "fsync": "off", "shared_buffers": "16MB", "autovacuum": "off"}


class Clusters:
    """Makes clusters below a folder that the server's user can enter."""

    def __init__(self, folder: Path, free_port: Callable[[], int]) -> None:
        self._folder = folder
        self._free_port = free_port
        self._made: list[EmbeddedPostgres] = []
        self._ports: dict[str, int] = {}

    def start(self, name: str, **options: str) -> EmbeddedPostgres:
        """Start a cluster; its data is what an earlier one of this name, or :meth:`copy`, left."""
        port = self._ports.setdefault(name, self._free_port())
        made = EmbeddedPostgres(
            name, self._folder / name / "data", port, "test", os_user="nobody", options={**_OPTIONS, **options}
        )
        self._made.append(made)
        made.start()
        return made

    def copy(self, primary: EmbeddedPostgres, name: str, database: str) -> None:
        """Make the data of a standby that follows ``primary``; start it then."""
        data = self._folder / name / "data"
        data.parent.mkdir()
        data.parent.chmod(0o777)
        self._run(
            primary, "pg_basebackup", "-D", str(data), "-d", primary.url(database), "-R", "-c", "fast", "--no-sync"
        )

    def reset(self, stopped: EmbeddedPostgres, *arguments: str) -> None:
        """pg_resetwal on a stopped cluster."""
        self._run(stopped, "pg_resetwal", "-D", str(stopped.data_dir), *arguments)

    def stop_all(self) -> None:
        """Stop what runs."""
        for server in self._made:
            server.stop()

    def _run(self, server: EmbeddedPostgres, program: str, *arguments: str) -> None:
        user = postgres_home.run_as("nobody", server.data_dir)
        install = postgres_home.install_dir(user, postgres_home.shared_dir(server.data_dir))
        done = postgres_home.run_quietly([str(install / "bin" / program), *arguments], user)
        assert done.returncode == 0, done.stderr


def kill(server: EmbeddedPostgres) -> None:
    """End a server as a power cut does: nothing is told to anybody."""
    process = postmaster(server.data_dir)
    assert process is not None
    children = process.children()
    for victim in [process, *children]:
        victim.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(children, 10)
    assert not alive and wait_until(lambda: ended(process), 10)


@contextmanager
def clusters_below(free_port: Callable[[], int]) -> Iterator[Clusters]:
    """Clusters in a temporary folder, stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="backoffice-test-"))
    folder.chmod(0o755)
    made = Clusters(folder, free_port)
    try:
        yield made
    finally:
        made.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
