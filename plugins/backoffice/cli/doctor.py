"""``backoffice doctor``: what commonly keeps the platform from running, each with what to do."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import NamedTuple

import typer
from rich.text import Text

from backoffice.airflow.health import component_health
from backoffice.airflow.sources import check_sources, readable_sources
from backoffice.cli.console import show_table
from backoffice.cli.start import check_ports
from backoffice.collect.files import files_held
from backoffice.errors import BackofficeError, CollectError, ServerError, SettingsError
from backoffice.ops.psql import psql_program
from backoffice.ops.state import running_supervisor
from backoffice.ops.supervisor import leftovers
from backoffice.secrets import load_secrets
from backoffice.settings import Settings, get_settings

app = typer.Typer()

_PYTHONS = ((3, 11), (3, 12))
_FREE_GIGABYTES = 5.0


class Check(NamedTuple):
    """A look at one thing: says what it found, or raises."""

    name: str
    look: Callable[[Settings], str]


@app.command()
def doctor() -> None:
    """Look at Python, disk, secrets, ports, source files and processes; ends with 1 when something is wrong."""
    settings = get_settings()
    findings = [_look(check, settings) for check in CHECKS]
    rows = [(name, Text("ok", "green") if ok else Text("wrong", "bold red"), text) for name, ok, text in findings]
    show_table(("check", "", "found"), rows)
    if not all(ok for _, ok, _ in findings):
        raise typer.Exit(1)


def _look(check: Check, settings: Settings) -> tuple[str, bool, str]:
    try:
        return check.name, True, check.look(settings)
    except BackofficeError as error:
        return check.name, False, str(error)


def _python(_: Settings) -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] not in _PYTHONS:
        raise SettingsError(f"Python {found}", rule="3.11 or 3.12", next_step="install one and run `make setup` again")
    return found


def _disk(settings: Settings) -> str:
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if free < _FREE_GIGABYTES:
        raise SettingsError(
            f"{free:.1f} GB are free",
            where=str(folder),
            rule=f"{_FREE_GIGABYTES:.0f} GB keep the demo running for a day",
            next_step="free some, or set BACKOFFICE_HOME to a larger disk",
        )
    return f"{free:.0f} GB free in {folder}"


def _secrets(settings: Settings) -> str:
    if not settings.secrets_path.exists():
        return "made at the first start"
    load_secrets(settings)
    return f"{settings.secrets_path}, only its owner can read it"


def _ports(settings: Settings) -> str:
    if running_supervisor(settings):
        return "in use by the platform"
    check_ports(settings)
    return "free"


def _sources(settings: Settings) -> str:
    check_sources(settings)
    return ", ".join(readable_sources(settings)) or "none yet"


def _files(settings: Settings) -> str:
    held = [f"{source}: {name}" for source in readable_sources(settings) for name in files_held(settings, source)]
    if held:
        raise CollectError(
            f"{len(held)} files are set aside or held back: {', '.join(held[:5])}",
            rule="docs/sources.md, When a file changes",
            next_step="`backoffice status` says why of each",
        )
    return "none set aside or held back"


def _psql(settings: Settings) -> str:
    return str(psql_program(settings))


def _processes(settings: Settings) -> str:
    state = running_supervisor(settings)
    if state is None:
        return _left_over(settings)
    for name, component in state.components.items():
        if component.process is None or not component.process.alive():
            raise ServerError(f"{name} is down and is started again", where=component.log)
    sick = {name: found for name, found in component_health(settings).items() if found != "healthy"}
    if sick:
        raise ServerError(f"Airflow reports {sick}", next_step="see the logs of these in the platform's logs folder")
    return f"{len(state.components)} run"


def _left_over(settings: Settings) -> str:
    left = leftovers(settings)
    if left:
        raise ServerError(
            f"the supervisor was killed and left {', '.join(left)} running",
            next_step="`make up` or `make down` ends them",
        )
    return "not running"


CHECKS = (
    Check("python", _python),
    Check("disk", _disk),
    Check("secrets", _secrets),
    Check("processes", _processes),
    Check("ports", _ports),
    Check("sources", _sources),
    Check("files", _files),
    Check("psql", _psql),
)
