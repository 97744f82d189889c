"""`backoffice up`, for real: PostgreSQL, Airflow and the demo company, from nothing to a publication and down again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

CHECKOUT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PATIENCE = 900.0
"""Seconds after which a test says that nothing comes. Other tests have the cores too: this is no measure of speed."""


class Installation:
    """A platform of its own: home, ports and processes."""

    def __init__(self, home: Path, project: Path, ports: tuple[int, ...]) -> None:
        self.home = home
        self.project = project
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("BACKOFFICE_", "AIRFLOW"))
        }
        names = ("SOURCE_PORT", "PLATFORM_PORT", "AIRFLOW_PORT", "WATCH_PORT", "PUSH_PORT", "DEMO_API_PORT")
        self.env |= {f"BACKOFFICE_{name}": str(port) for name, port in zip(names, ports, strict=True)}
        self.env |= {"BACKOFFICE_HOME": str(home), "TERM": "dumb", "COLUMNS": "200"}
        self.env |= {"BACKOFFICE_PROJECT_DIR": str(project)}
        # A month's end is among the days; three times the usual volume brings a change every half minute
        self.env |= {"BACKOFFICE_DEMO_DAYS": "35", "BACKOFFICE_DEMO_VOLUME": "3"}
        self.airflow = f"http://127.0.0.1:{ports[2]}"

    def run(self, *command: str) -> str:
        try:
            done = subprocess.run(
                command, env=self.env, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired as late:
            said = (late.stderr or b"").decode(errors="replace")
            raise AssertionError(f"{command} did not end in {PATIENCE:g} s; it said\n{said}") from late
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def backoffice(self, *arguments: str) -> str:
        return self.run(str(BIN / "backoffice"), *arguments)

    def marts(self, query: str) -> str:
        return self.backoffice("psql", "-At", "-c", query).strip()

    def version(self) -> str:
        """The version readers of PostgreSQL see."""
        return self.marts("SELECT version FROM marts.publication WHERE is_current")

    def until_newer_than(self, version: str) -> str:
        """Wait for a later version, which the company's life brings by itself."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.version()) <= version:
            assert time.monotonic() < deadline, "no newer version arrived"
            time.sleep(1)
        return found

    def until(self, query: str, answer: str) -> None:
        """Wait until the marts answer so."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.marts(query)) != answer:
            assert time.monotonic() < deadline, f"{query}: {found}"
            time.sleep(1)

    def supervisor(self) -> Any:
        """Who supervises, since when."""
        return json.loads((self.home / "supervisor.json").read_text(encoding="utf-8"))

    def processes(self) -> list[psutil.Process]:
        """Everything that was started for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join([*process.cmdline(), process.environ().get("BACKOFFICE_HOME", "")])
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if str(self.home) in words:
                found.append(process)
        return found


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Installation]:
    from backoffice.ops.postgres_home import shared_dir

    home = tmp_path_factory.mktemp("up") / "var"
    made = Installation(home, _project(home.parent / "project"), tuple(free_port() for _ in range(6)))
    yield made
    subprocess.run([str(BIN / "backoffice"), "down"], env=made.env, cwd=CHECKOUT, capture_output=True, check=False)
    shutil.rmtree(shared_dir(home), ignore_errors=True)


def _project(folder: Path) -> Path:
    """A copy of what a running platform reads, so that a source can be added to it."""
    for name in ("contracts", "dags", "dbt_project", "docs", "expectations", "plugins", "sources"):
        ignored = shutil.ignore_patterns("target", "logs", "__pycache__", "*.egg-info")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    return folder


def _health(installation: Installation) -> dict[str, Any]:
    with urllib.request.urlopen(f"{installation.airflow}/api/v2/monitor/health", timeout=10) as answer:
        health: dict[str, Any] = json.load(answer)
    return {name: part["status"] for name, part in health.items()}


@pytest.mark.timeout(3 * PATIENCE)
def test_up_publish_and_down(installation: Installation) -> None:
    card = installation.backoffice("up")
    assert set(_health(installation).values()) == {"healthy"}
    installation.until("SELECT count(*) > 300 FROM marts.fct_sales_order_lines", "t")
    installation.until("SELECT count(*) FROM marts.mart_data_freshness WHERE accepted_rows = 0", "0")

    # the lines of the card work as printed
    psql, duckdb_line = (_line(card, name) for name in ("psql", "DuckDB"))
    assert "1" in installation.run(*shlex.split(psql), "-At", "-c", "SELECT 1")
    assert "fct_sales_order_lines" in installation.run(*shlex.split(duckdb_line))
    url = re.search(r"postgresql://reader:\S+", card)
    assert url is not None
    with psycopg.connect(url[0]) as reader:
        assert reader.execute("SELECT current_user").fetchone() == ("reader",)

    # a second `up` finds it running and starts nothing
    before = installation.supervisor()
    assert _line(installation.backoffice("up"), "psql") == psql
    assert installation.supervisor() == before

    _add_a_source(installation)

    # the company lives: a newer version with more lines comes by itself
    installation.until_newer_than(installation.version())
    installation.backoffice("down")
    left = [process.cmdline() for process in installation.processes()]
    assert left == [], "down leaves no process"


@pytest.mark.slow
@pytest.mark.timeout(3 * PATIENCE)
def test_started_again_it_goes_on_where_it_was(installation: Installation) -> None:
    installation.backoffice("up")
    version = installation.version()
    installation.backoffice("down")
    installation.backoffice("up")
    assert installation.until_newer_than(version) > version


def _add_a_source(installation: Installation) -> None:
    """While the platform runs: a draft is filled in, checked and built, its DAG appears, its rows reach the marts."""
    folder = installation.home / "inbox" / "catalogue"
    folder.mkdir(parents=True)
    (folder / "products_1.csv").write_text("sku;name;price\nA-1;Chair;1.250,00\nB-2;Lamp;99,50\n", "utf-8")
    installation.backoffice("map", "init", "catalogue", "--folder", "inbox/catalogue")
    draft = installation.project / "sources" / "drafts" / "catalogue.yaml"
    text = draft.read_text("utf-8")
    for open_place, filled in {
        "unit_of_measure: OPEN": "unit_of_measure: \"'EA'\"",
        "is_stocked: OPEN": 'is_stocked: "true"',
        "status: OPEN": "status: \"'active'\"",
    }.items():
        assert open_place in text, text
        text = text.replace(open_place, filled)
    draft.write_text(text, "utf-8")
    assert "catalogue holds" in installation.backoffice("map", "check", str(draft), "--full")
    assert "collect_catalogue appears" in installation.backoffice("map", "build", str(draft))
    query = "SELECT count(*), max(sku) FROM marts.dim_product WHERE source_relation = 'catalogue' AND is_current"
    installation.until(query, "2|B-2")


def _line(card: str, name: str) -> str:
    """The command the card prints beside a name."""
    found = next(line for line in card.splitlines() if line.strip().startswith(name))
    return found.strip().removeprefix(name).strip()
