"""``backoffice compact | full-build | rebuild | replay | backfill``: landing in few files, and what is made from it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from backoffice.cli.console import err, out, show_table
from backoffice.collect.run import backfill as backfill_source
from backoffice.landing import LocalBatchStore
from backoffice.ops.compaction import compact_landing
from backoffice.ops.full_build import compare_full_build
from backoffice.ops.rebuild import rebuild as rebuild_warehouse
from backoffice.ops.replay import first_batch_since
from backoffice.ops.replay import replay as replay_source
from backoffice.settings import get_settings

app = typer.Typer()

_LEASE_WAIT_SECONDS = 600.0
_Source = Annotated[str, typer.Argument(help="A file under sources/, without .yaml.")]


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


@app.command("full-build")
def full_build() -> None:
    """Build everything beside the warehouse and compare every mart with it. Readers and refreshes go on meanwhile."""
    with err.status("building everything"):
        result = compare_full_build(get_settings(), _holder(), wait=_LEASE_WAIT_SECONDS)
    if result is None:
        out.print("nothing is loaded yet")
        return
    show_table(("mart", "rows, sums of hashes"), [(model.model, model.full) for model in result.models])
    out.print(
        f"equal, and {result.tests} tests pass over everything, as of {result.as_of:%Y-%m-%d %H:%M:%S} UTC; "
        f"the warehouse was held {result.locked_seconds:.1f} s"
    )


@app.command()
def rebuild(
    as_of: Annotated[
        datetime | None, typer.Option(help="Point in time of the marts, UTC; that of the published version by default.")
    ] = None,
) -> None:
    """Build the warehouse again from landing and verdicts; readers keep their version until the new one is audited."""
    moment = as_of.replace(tzinfo=UTC) if as_of else None
    result = rebuild_warehouse(
        get_settings(),
        _holder(),
        as_of=moment,
        wait=_LEASE_WAIT_SECONDS,
        say=lambda text: err.print(text, markup=False),
    )
    _show_published(result)


@app.command()
def replay(
    source: _Source,
    from_batch: Annotated[int, typer.Option(min=1, help="First batch to load again; all later ones follow.")] = 1,
    since: Annotated[datetime | None, typer.Option(help="Instead: the first one landed since then, UTC.")] = None,
    *,
    rejudge: Annotated[bool, typer.Option("--rejudge", help="Judge the rows with today's suites too.")] = False,
) -> None:
    """Load landed batches again and build everything; nothing is doubled."""
    settings = get_settings()
    if since is not None:
        from_batch = first_batch_since(LocalBatchStore(settings.landing_dir), source, since.replace(tzinfo=UTC))
    with err.status(f"replaying {source} from batch {from_batch}"):
        result = replay_source(
            settings, source, _holder(), from_batch=from_batch, rejudge=rejudge, wait=_LEASE_WAIT_SECONDS
        )
    out.print(f"{result['batches']} batches, {result['loaded_rows']} rows loaded again", markup=False)
    if rejudge:
        out.print(f"{result['judged']} rows judged again, {result['quarantined']} quarantined for it", markup=False)
    _show_published(result)


@app.command()
def backfill(
    source: _Source,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in the source's zone.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
    table: Annotated[str | None, typer.Option(help="A name under its reads; all by default.")] = None,
) -> None:
    """Read rows of some days again from the source; only rows that are not as they landed land once more."""
    with err.status(f"reading {source} again"):
        landed = backfill_source(get_settings(), source, first.date(), last.date(), table=table)
    if landed is None:
        out.print(f"{source}: its running collector reads them between two transactions", markup=False)
        return
    batches = [manifest for manifest in landed if "backfill" in manifest.notes]
    for manifest in batches:
        out.print(f"{manifest.batch_id}  {manifest.rows} rows were not as they landed", markup=False)
    if not batches:
        out.print(f"{source}: every row is as it landed", markup=False)


def _show_published(result: dict[str, Any]) -> None:
    if "rows" in result:
        out.print(f"published {result['version']}; rows that differ: {result['rows'] or 'none'}", markup=False)
    else:
        out.print(f"built and audited, and not published: {result.get('held', 'publishing is held')}", markup=False)


def _holder() -> str:
    return f"command:{os.getpid()}"
