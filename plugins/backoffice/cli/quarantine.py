"""``backoffice quarantine``: which landed rows are kept out, and why."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backoffice.landing import LocalBatchStore
from backoffice.settings import get_settings
from backoffice.sources import load_sources
from backoffice.validate.quarantine import Verdict, list_quarantined, show

app = typer.Typer(help="Rows kept out by a gate. Works while the warehouse is held.", no_args_is_help=True)


@app.command("list")
def list_rows(
    source: Annotated[str | None, typer.Option(help="Only rows of this source.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only rules whose name contains this.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """Quarantined rows, newest first, one line for each rule they break."""
    settings = get_settings()
    found = list_quarantined(LocalBatchStore(settings.landing_dir), source=source, rule=rule, limit=limit)
    if not found:
        Console().print("No quarantined rows.")
        return
    sources = load_sources(settings.sources_dir)
    table = Table("source", "table", "key", "batch", "row", "rule", "value", "when (UTC)")
    for item in found:
        when = f"{item.judged_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            item.source,
            item.table,
            item.key(sources),
            item.batch_id,
            str(item.row_no),
            item.rule,
            item.value or "",
            when,
        )
    Console().print(table)


@app.command("show")
def show_row(
    batch: Annotated[str, typer.Argument(help="Batch id, as listed.")],
    row: Annotated[int, typer.Argument(help="Row number in the batch.")],
) -> None:
    """One row: the rules it breaks and everything the source sent."""
    found = show(LocalBatchStore(get_settings().landing_dir), batch, row)
    console = Console()
    for item in found:
        console.print(_sentence(item), highlight=False)
    table = Table("column", "value")
    for name, value in found[0].row.items():
        table.add_row(name, "" if value is None else str(value))
    console.print(table)


def _sentence(item: Verdict) -> str:
    blamed = f": {item.column} is {item.value}" if item.column else ""
    return f"{item.severity} {item.rule}{blamed} (suite {item.suite} {item.suite_version})"
