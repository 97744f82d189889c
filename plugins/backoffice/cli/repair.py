"""``backoffice compact``: landing in few files."""

from __future__ import annotations

from typing import Annotated

import typer

from backoffice.cli.console import err, out
from backoffice.ops.compaction import compact_landing
from backoffice.settings import get_settings

app = typer.Typer()


@app.command()
def compact(
    source: Annotated[str | None, typer.Argument(help="Only this source; all by default.")] = None,
) -> None:
    """Rewrite landed batches that readers already see into a few files, verified row for row."""
    with err.status("compacting"):
        done = compact_landing(get_settings(), source)
    for item in done:
        text = f"{item.batches} batches in {item.ranges} ranges, {item.removed} replaced folders removed"
        out.print(f"{item.source:<20} {text}", markup=False)
