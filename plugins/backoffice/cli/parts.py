"""``backoffice run | health``: one part of the platform in the foreground, for containers and other supervisors.

The parts are those the platform's own supervisor starts, with the same commands and environment.
"""

from __future__ import annotations

import os
from typing import Annotated

import httpx
import typer

from backoffice.addresses import LOOPBACK
from backoffice.airflow.health import component_health
from backoffice.cli.console import err, out
from backoffice.cli.supervise import parts, preparations
from backoffice.errors import ServerError, SettingsError
from backoffice.settings import Settings, get_settings

app = typer.Typer()

PREPARE = "prepare"
_TIMEOUT_SECONDS = 3.0

# part → its name in Airflow's own account of its health; the API server is healthy when it answers
_AIRFLOW = {"api-server": "metadatabase", "scheduler": "scheduler", "dag-processor": "dag_processor"} | {
    "triggerer": "triggerer"
}


@app.command()
def run(
    part: Annotated[str, typer.Argument(help="prepare, or a process as `backoffice status` names it.")],
) -> None:
    """Become one part of the platform: `prepare` makes databases, roles and users ready and ends; the others stay."""
    settings = get_settings()
    if part == PREPARE:
        for step in preparations(settings):
            err.print(step.title)
            step.run()
        return
    known = {component.name: component for component in parts(settings)}
    if part not in known:
        raise SettingsError(f"there is no part {part!r}", next_step=f"parts are: {', '.join([PREPARE, *known])}")
    component = known[part]
    os.execve(component.command[0], list(component.command), dict(component.environment))


@app.command()
def health(
    part: Annotated[str, typer.Argument(help="api-server, scheduler, dag-processor, triggerer, watch or push.")],
) -> None:
    """Ask a running part how it is; ends with 1 when it is not healthy."""
    out.print(f"{part} is {part_health(get_settings(), part)}", markup=False)


def part_health(settings: Settings, part: str) -> str:
    """``healthy``.

    Raises:
        ServerError: it is not, or cannot be asked.
        SettingsError: there is no such part, or nobody can ask it.
    """
    ports = {"watch": settings.watch_port, "push": settings.push_port}
    if part in ports:
        found = _health_at(ports[part])
    elif part in _AIRFLOW:
        found = component_health(settings).get(_AIRFLOW[part], "out of reach")
    else:
        raise SettingsError(f"{part!r} cannot be asked", next_step=f"parts are: {', '.join([*_AIRFLOW, *ports])}")
    if found != "healthy":
        raise ServerError(f"{part} is {found}", next_step="its log says why")
    return found


def _health_at(port: int) -> str:
    try:
        answer = httpx.get(f"http://{LOOPBACK}:{port}/health", timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError:
        return "out of reach"
    return "healthy" if answer.is_success else answer.text.strip()
