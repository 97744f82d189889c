"""``backoffice alerts``: what is wrong, who cares for it, and whether the channels work."""

from __future__ import annotations

import getpass
import time
from typing import Annotated

import typer

from backoffice.cli.console import out, show_table
from backoffice.errors import AlertError
from backoffice.settings import get_settings
from backoffice.watch.channels import channels
from backoffice.watch.state import Alert, AlertState
from backoffice.watch.text import moment, seconds

app = typer.Typer(help="What is wrong, told once for each cause. Works while everything else is down.")

Pattern = Annotated[str, typer.Argument(help="An alert's key, or a pattern such as 'source_late:*'.")]


@app.command("list")
def list_alerts(
    resolved: Annotated[bool, typer.Option("--all", help="Also those resolved in the last months.")] = False,
) -> None:
    """Open alerts, newest first, with what to do; and channels that do not take their notices."""
    now = time.time()
    with AlertState(get_settings()) as state:
        found = state.alerts(resolved=resolved)
        failing, silences = state.failing(), state.silences(now)
    if found:
        columns = ("alert", "severity", "since", "state", "what", "how bad", "next")
        show_table(columns, [_row(alert, now) for alert in found])
    else:
        out.print("No open alerts.")
    for pattern, until, actor in silences:
        out.print(f"silenced until {moment(until)} by {actor}: {pattern}", markup=False)
    for channel, error in failing.items():
        out.print(f"{channel} does not take notices: {error}", markup=False, style="red")


@app.command()
def test() -> None:
    """Send a test notice to every channel; ends with 1 when one does not take it."""
    now = time.time()
    alert = Alert(
        id=0,
        key="test:backoffice",
        kind="test",
        subject="backoffice",
        severity="warning",
        what="this is a test",
        how_bad="nothing is wrong",
        next_step="nothing: the channel works",
        since=now,
        opened_at=now,
        told_at=now,
        resolved_at=None,
        acked_by="",
    )
    failed = 0
    for channel in channels(get_settings()):
        try:
            channel.send("test", alert)
        except AlertError as error:
            failed += 1
            out.print(f"{channel.name}: {error.what}", markup=False, style="red")
        else:
            out.print(f"{channel.name}: taken", markup=False)
    if failed:
        raise typer.Exit(1)


@app.command()
def ack(pattern: Pattern) -> None:
    """Say that somebody cares: no reminders until it is resolved."""
    with AlertState(get_settings()) as state:
        found = state.acknowledge(pattern, getpass.getuser())
    if not found:
        raise AlertError(f"no open alert matches {pattern}", next_step="`backoffice alerts list` shows the keys")
    for alert in found:
        out.print(f"acknowledged {alert.key}", markup=False)


@app.command()
def silence(
    pattern: Pattern,
    hours: Annotated[float, typer.Option(min=0, help="For how long; 0 lifts it.")] = 1.0,
) -> None:
    """Tell nothing of these for a while; what is still wrong then is told."""
    until = time.time() + hours * 3600
    with AlertState(get_settings()) as state:
        state.silence(pattern, until, getpass.getuser())
    out.print(f"{pattern} is silent until {moment(until)}" if hours else f"{pattern} is told again", markup=False)


def _row(alert: Alert, now: float) -> tuple[str, ...]:
    if alert.resolved_at is not None:
        state = f"resolved {moment(alert.resolved_at)}"
    else:
        state = f"open for {seconds(now - alert.opened_at)}"
    if alert.acked_by:
        state += f", {alert.acked_by} cares"
    return alert.key, alert.severity, moment(alert.since), state, alert.what, alert.how_bad, alert.next_step
