"""``backoffice quarantine``: which landed rows are kept out, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from backoffice.cli.console import out, show_table
from backoffice.landing import LocalBatchStore
from backoffice.settings import get_settings
from backoffice.sources import read_sources
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
        out.print("No quarantined rows.")
        return
    sources, _ = read_sources(settings.sources_dir)
    show_table(
        ("source", "table", "key", "batch", "row", "rule", "value", "when (UTC)"),
        [
            (
                v.source,
                v.table,
                v.key(sources),
                v.batch_id,
                v.row_no,
                v.rule,
                v.value,
                f"{v.judged_at:%Y-%m-%d %H:%M:%S}",
            )
            for v in found
        ],
    )


@app.command("show")
def show_row(
    batch: Annotated[str, typer.Argument(help="Batch id, as listed.")],
    row: Annotated[int, typer.Argument(help="Row number in the batch.")],
) -> None:
    """One row: the rules it breaks and everything the source sent."""
    found = show(LocalBatchStore(get_settings().landing_dir), batch, row)
    for item in found:
        out.print(_sentence(item), markup=False)
    show_table(("column", "value"), found[0].row.items())


def _sentence(item: Verdict) -> str:
    blamed = f": {item.column} is {item.value}" if item.column else ""
    return f"{item.severity} {item.rule}{blamed} (suite {item.suite} {item.suite_version})"
