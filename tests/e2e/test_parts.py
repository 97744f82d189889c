"""The parts of docker-compose.yml as plain processes: its commands with its variables, and real PostgreSQL servers.

Only host names, ports and folders are rewritten, to what they are outside of a container.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backoffice.ops.postgres import _PLATFORM_OPTIONS, _SOURCE_OPTIONS
from backoffice.ops.postgres_home import shared_dir
from backoffice.ops.postgres_server import EmbeddedPostgres

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.airflow, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).parents[2]
BACKOFFICE = str(Path(sys.executable).parent / "backoffice")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
PORTS = ("PLATFORM", "SOURCE", "AIRFLOW", "WATCH", "PUSH", "DEMO_API")
PASSWORDS = {"PLATFORM_POSTGRES_PASSWORD": "platformPassword1", "SOURCE_POSTGRES_PASSWORD": "sourcePassword1"}


class Containers:
    """Processes in the place of containers."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.home = folder / "home"
        self._folder = folder
        self._ports = ports
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str) -> dict[str, str]:
        """The service's own variables, in a process that has no other of ours."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("BACKOFFICE_", "AIRFLOW"))}
        told = {key: self._outside(value) for key, value in SERVICES[name]["environment"].items()}
        ports = {f"BACKOFFICE_{kind}_PORT": str(port) for kind, port in self._ports.items()}
        return plain | told | ports | {"TERM": "dumb"}

    def _outside(self, value: str) -> str:
        value = re.sub(r"\$\{(\w+):\?[^}]*}", lambda found: PASSWORDS[found[1]], value)
        value = re.sub(r"\$\{\w+:-([^}]*)}", r"\1", value)
        for server in ("PLATFORM", "SOURCE"):
            value = value.replace(f"@{server.lower()}-db:5432", f"@127.0.0.1:{self._ports[server]}")
        value = re.sub(r"^http://company:\d+$", f"http://127.0.0.1:{self._ports['DEMO_API']}", value)
        outside = {"/var/lib/backoffice": str(self.home), "0.0.0.0": "127.0.0.1"}
        outside |= dict.fromkeys(("api-server", "push"), "127.0.0.1")
        return outside.get(value, value)

    def run(self, name: str) -> None:
        """Run a service that ends."""
        command = [BACKOFFICE, *SERVICES[name]["command"]]
        done = subprocess.run(
            command, env=self.environment(name), cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def start(self, name: str) -> None:
        """Start a service that stays, as Docker does: with its standard output kept."""
        command = [BACKOFFICE, *SERVICES[name]["command"]]
        with (self._folder / f"{name}.log").open("ab") as output:
            self.running[name] = subprocess.Popen(
                command,
                env=self.environment(name),
                cwd=self._folder,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def until_healthy(self, name: str) -> None:
        """Ask as the health check does."""
        check = [BACKOFFICE, *SERVICES[name]["healthcheck"]["test"][2:]]
        ask = functools.partial(subprocess.run, check, env=self.environment(name), capture_output=True, check=False)
        self.until(lambda: ask().returncode == 0, name)

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + 400
        while not condition():
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} ended: {self.log(name)}"
            assert time.monotonic() < deadline, f"{what} never came: {self.log(what)}"
            time.sleep(1)

    def log(self, name: str) -> str:
        path = self._folder / f"{name}.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def backoffice(self, *words: str) -> str:
        """A command in the scheduler's container."""
        done = subprocess.run(
            [BACKOFFICE, *words], env=self.environment("scheduler"), capture_output=True, text=True, check=False
        )
        return done.stdout.strip()


@pytest.fixture
def containers(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Containers]:
    tmp_path.chmod(0o755)
    made = Containers(tmp_path, {name: free_port() for name in PORTS})
    servers = [
        EmbeddedPostgres(
            name.lower(),
            tmp_path / "postgres" / name.lower(),
            made._ports[name],
            PASSWORDS[f"{name}_POSTGRES_PASSWORD"],
            os_user="nobody",
            options=options,
        )
        for name, options in (("PLATFORM", _PLATFORM_OPTIONS), ("SOURCE", _SOURCE_OPTIONS))
    ]
    try:
        for server in servers:
            server.start()
        yield made
    finally:
        for process in reversed(made.running.values()):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for server in servers:
            server.stop()
            server_home = tmp_path / "postgres" / server.name
            subprocess.run(["rm", "-rf", str(shared_dir(server_home))], check=False)


def test_the_services_publish_and_stop(containers):
    containers.run("prepare")
    containers.run("prepare")  # after a restart it finds everything done
    containers.start("watch")
    containers.start("push")
    containers.start("company")
    containers.start("api-server")
    containers.until_healthy("api-server")
    for name in ("scheduler", "dag-processor", "triggerer"):
        containers.start(name)
    for name in ("scheduler", "dag-processor", "triggerer", "watch", "push"):
        containers.until_healthy(name)
    lines = "SELECT count(*) > 3000 FROM marts.fct_sales_order_lines"
    containers.until(lambda: containers.backoffice("psql", "-At", "-c", lines) == "t", "scheduler")
    systems = "SELECT count(DISTINCT source) FROM marts.mart_data_freshness WHERE accepted_rows > 0"
    containers.until(lambda: containers.backoffice("psql", "-At", "-c", systems) == "9", "company")
    assert not (containers.home / "postgres").exists(), "no server of its own was started"
    for name in reversed(list(containers.running)):
        os.killpg(containers.running[name].pid, signal.SIGTERM)
    for name, process in list(containers.running.items()):
        assert process.wait(60) is not None, name
    containers.running.clear()
