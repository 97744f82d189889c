"""The ``backoffice`` command. A group of commands is a module with a typer ``app``, added at the end of this file."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from backoffice.cli import (
    alerts,
    contracts,
    data,
    doctor,
    mapping,
    parts,
    platform,
    push,
    quarantine,
    repair,
    simulate,
    versions,
)
from backoffice.cli.console import show_error
from backoffice.errors import BackofficeError


class _Group(TyperGroup):
    """Shows the platform's own errors without a traceback, and ends with code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BackofficeError as error:
            show_error(error)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Group,
    help="The Backoffice Data Platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(platform.app)
app.add_typer(data.app)
app.add_typer(parts.app)
app.add_typer(repair.app)
app.add_typer(versions.app)
app.add_typer(doctor.app)
app.add_typer(contracts.app, name="contracts")
app.add_typer(mapping.app, name="map")
app.add_typer(push.app, name="push")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(alerts.app, name="alerts")
app.add_typer(simulate.app, name="simulate")
