"""``backoffice versions | publish | rollback``."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer
from rich.text import Text

from backoffice.cli.console import err, out, show_table
from backoffice.ops import publication
from backoffice.ops.versions import Version, list_versions
from backoffice.settings import get_settings

app = typer.Typer()

_LEASE_WAIT_SECONDS = 600.0


@app.command()
def versions(
    limit: Annotated[int, typer.Option(min=1, help="At most so many of PostgreSQL's history.")] = 20,
) -> None:
    """Published, held and withheld versions, where each is read, and which can be rolled back to."""
    found = list_versions(get_settings(), limit)
    columns = ("version", "state", "as of (UTC)", "published (UTC)", "current in", "rollback", "why withheld")
    show_table(columns, [_row(version) for version in found.versions])
    if found.postgres_error:
        err.print(Text(f"PostgreSQL's history is missing: {found.postgres_error}", style="yellow"))
    if found.hold:
        end = "" if found.hold.stops else "; lifted, the next publication brings the newest version"
        out.print(Text(f"{found.hold.sentence}{end}", style="yellow"))


@app.command()
def publish(
    resume: Annotated[bool, typer.Option("--resume", help="Lift the hold of a rollback first.")] = False,
    reason: Annotated[str, typer.Option(help="Why the hold is lifted.")] = "",
    actor: Annotated[str, typer.Option(help="Who does it; the login by default.")] = "",
) -> None:
    """Bring every channel to the newest audited version now, the DuckDB file too, waiting for a build under way."""
    settings = get_settings()
    if resume:
        publication.lift(settings, actor=actor or _login(), reason=reason)
    with err.status("publishing"):
        result = publication.publish_now(settings, f"command:{os.getpid()}", wait=_LEASE_WAIT_SECONDS)
    if "version" in result:
        out.print(f"published {result['version']}", markup=False)
    else:
        out.print("every channel shows the newest audited version already")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why; readers are told.")],
    version: Annotated[
        str, typer.Argument(help="As `backoffice versions` lists it; the one before by default.", show_default=False)
    ] = "",
    actor: Annotated[str, typer.Option(help="Who does it; the login by default.")] = "",
) -> None:
    """Publish an earlier version in every channel, and stop publishing until `publish --resume`."""
    with err.status("rolling back"):
        result = publication.roll_back(get_settings(), version, actor=actor or _login(), reason=reason)
    out.print(result["sentence"], markup=False)
    for model, change in result["rows"].items():
        out.print(f"  {model:<40} {change}", markup=False)
    out.print("Builds go on and wait; `backoffice publish --resume` lifts the hold.", markup=False)


def _row(version: Version) -> tuple[object, ...]:
    return (
        version.name,
        version.state,
        f"{version.as_of:%Y-%m-%d %H:%M:%S}",
        f"{version.published_at:%Y-%m-%d %H:%M:%S}" if version.published_at else "",
        ", ".join(version.shown_in),
        "yes" if version.has_file else "",
        version.reason,
    )


def _login() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()
