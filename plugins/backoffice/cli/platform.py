"""``backoffice up | down | reset | status``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from backoffice.cli.card import print_card
from backoffice.cli.console import err, out
from backoffice.cli.start import start_platform
from backoffice.cli.status import print_status
from backoffice.cli.supervise import main as supervise
from backoffice.ops.lifecycle import reset as reset_platform
from backoffice.ops.lifecycle import stop
from backoffice.settings import get_settings

app = typer.Typer()


@app.command()
def up(
    foreground: Annotated[bool, typer.Option(help="Stay in this terminal; Ctrl-C stops everything.")] = False,
) -> None:
    """Start the platform, wait for the first audited publication and say where to connect."""
    settings = get_settings()
    if foreground:
        supervise()
        return
    start_platform(settings)
    print_card(settings)


@app.command()
def down() -> None:
    """Stop the platform. Everything is kept."""
    started = time.monotonic()
    with err.status("stopping: tasks finish, then the servers"):
        was_running = stop(get_settings())
    out.print(f"stopped in {time.monotonic() - started:.0f} s" if was_running else "nothing was running")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the platform and delete everything it has collected, built and published."""
    settings = get_settings()
    if not yes:
        typer.confirm(f"Delete {settings.home} with all batches, marts, databases and passwords?", abort=True)
    with err.status("stopping and deleting"):
        reset_platform(settings)
    out.print(f"{settings.home} is gone; `make up` starts afresh")


@app.command()
def watch() -> None:
    """Watch in the foreground: alerts, and /metrics. `up` starts it as one of the platform's processes."""
    from backoffice.watch.__main__ import main

    main()


@app.command()
def status() -> None:
    """Processes, sources and what is published. Works while the warehouse is held."""
    print_status(get_settings())
