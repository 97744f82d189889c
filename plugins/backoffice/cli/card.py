"""Where to connect: printed when the platform is up."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from backoffice.addresses import airflow_page, marts_url, push_address
from backoffice.airflow.names import ADMIN
from backoffice.airflow.sources import readable_sources
from backoffice.cli.console import out
from backoffice.cli.published import read_status
from backoffice.publish.file import STABLE
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

_TABLES_QUERY = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"


def card_lines(settings: Settings) -> list[tuple[str, str]]:
    """What the card says, label and value; each command can be copied and run as it stands."""
    command = program()
    secrets = load_secrets(settings)
    file = settings.marts_dir / STABLE
    return [
        ("Airflow", airflow_page(settings)),
        ("  user", ADMIN),
        ("  password", secrets.airflow_admin_password),
        ("psql", f"{command} psql"),
        ("  BI tools", marts_url(settings)),
        ("DuckDB", f'{command} sql "{_TABLES_QUERY}"'),
        ("  file", f"{file} (open it read-only; replaced every {settings.marts_file_seconds:.0f} s)"),
        *_push_lines(settings, command),
        ("passwords", f"{settings.secrets_path} (only you can read it)"),
        ("published", _published(settings)),
        ("more", f"{command} status   make down"),
    ]


def _push_lines(settings: Settings, command: str) -> list[tuple[str, str]]:
    pushed = [name for name, config in readable_sources(settings).items() if config.connection.kind == "push"]
    return [("push", f"{push_address(settings)}/docs   {command} push keys {pushed[0]}")] if pushed else []


def print_card(settings: Settings) -> None:
    """Print the card."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in card_lines(settings):
        table.add_row(label, Text(value))
    # Folded lines could not be copied: a narrow terminal gets the lines without their frame.
    widest = max(len(value) for _, value in card_lines(settings)) + 20
    if out.is_terminal and out.width >= widest:
        out.print(Panel(table, title="Backoffice Data Platform", expand=False))
        return
    for label, value in card_lines(settings):
        out.print(Text(f"{label:<12}{value}"))


def program() -> str:
    """The command as it can be typed in the current folder."""
    path = Path(sys.executable).parent / "backoffice"
    folder = Path.cwd()
    return shlex.quote(os.path.relpath(path) if path.is_relative_to(folder) else str(path))


def _published(settings: Settings) -> str:
    status = read_status(settings)
    version = status.get("version") or "nothing yet"
    if status.get("state") == "withheld":
        return f"{version}; a newer one is withheld: {status.get('reason')}"
    return str(version)
