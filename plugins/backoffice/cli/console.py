"""How commands speak: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from backoffice.airflow.health import readable_log
from backoffice.errors import BackofficeError

_TAIL_LINES = 30
_PIPED_WIDTH = 240  # without a terminal there is no width to keep to, and a cut value is a wrong one

out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show_table(columns: Iterable[str], rows: Iterable[Iterable[object]], *, title: str | None = None) -> None:
    """Print a table; long values are folded, never cut."""
    table = Table(title=title)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(
            *(value if isinstance(value, Text) else Text("" if value is None else str(value)) for value in row)
        )
    out.print(table)


def show_error(error: BackofficeError) -> None:
    """Print an error in red; when it happened in a log file, the end of that file before it."""
    path = Path(error.where)
    if error.where and path.suffix == ".log" and path.is_file():
        err.print(f"[dim]--- the end of {escape(error.where)} ---[/dim]")
        for line in log_tail(path):
            err.print(escape(line), style="dim")
    first, *others = str(error).splitlines()
    err.print(f"[bold red]error:[/bold red] [red]{escape(first)}[/red]")
    for line in others:
        err.print(escape(line))


def log_tail(path: Path, lines: int = _TAIL_LINES) -> list[str]:
    """The last lines of a log; those of Airflow's tasks made readable."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return readable_log([line.rstrip("\n") for line in deque(file, maxlen=lines)])
