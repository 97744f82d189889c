"""``backoffice refresh | collect | resync | sql | psql``."""

from __future__ import annotations

import os
from typing import Annotated

import duckdb
import typer

from backoffice.cli.console import err, out, show_table
from backoffice.collect.run import collect as collect_source
from backoffice.collect.run import resync as resync_table
from backoffice.errors import PublishError
from backoffice.landing import Manifest
from backoffice.ops import cycle
from backoffice.ops.psql import psql_environment, psql_program
from backoffice.publish.file import STABLE
from backoffice.settings import Settings, get_settings

app = typer.Typer()

_LEASE_WAIT_SECONDS = 600.0


@app.command()
def refresh() -> None:
    """Load, validate, build and publish what has landed, waiting for a build that is under way."""
    with err.status("refreshing"):
        results = cycle.refresh(get_settings(), f"command:{os.getpid()}", wait=_LEASE_WAIT_SECONDS)
    for step, result in results.items():
        out.print(f"{step:<10} {result}", markup=False)


@app.command()
def collect(
    source: Annotated[str, typer.Argument(help="A file under sources/, without .yaml.")],
    seconds: Annotated[float, typer.Option(min=0, help="How long; 0 lands what there is now.")] = 0.0,
) -> None:
    """Collect from a source. Airflow's own task of the source must not be running."""

    def on_landed(manifest: Manifest) -> None:
        out.print(f"{manifest.batch_id}  {manifest.rows} rows", markup=False)

    collect_source(get_settings(), source, seconds, on_landed)


@app.command()
def resync(
    source: Annotated[str, typer.Argument(help="A file under sources/, without .yaml.")],
    table: Annotated[str, typer.Argument(help="A name under its reads.")],
) -> None:
    """Copy a table in full again, while the source goes on being collected."""
    landed = resync_table(get_settings(), source, table)
    asked = "its running collector copies it between two transactions"
    out.print(f"{source}: {f'copied in {landed.batch_id}, {landed.rows} rows' if landed else asked}", markup=False)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 200,
) -> None:
    """Query the published marts file. Never opens the warehouse, so it works while a build runs."""
    columns, rows = query_marts(get_settings(), query, limit + 1)
    show_table(columns, rows[:limit])
    if len(rows) > limit:
        err.print(f"the first {limit} rows; --limit shows more")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the published marts as the reader; everything after it goes to psql."""
    settings = get_settings()
    program = str(psql_program(settings))
    os.execve(program, [program, *context.args], psql_environment(settings))


def query_marts(settings: Settings, query: str, limit: int) -> tuple[list[str], list[tuple[object, ...]]]:
    """Columns and rows of a query on the newest published file.

    Raises:
        PublishError: nothing is published yet, or the query is wrong.
    """
    path = settings.marts_dir / STABLE
    if not path.exists():
        raise PublishError("nothing is published yet", where=str(path), next_step="`backoffice status` says why")
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found = connection.execute(query)
            return [column[0] for column in found.description or ()], found.fetchmany(limit)
    except duckdb.Error as error:
        raise PublishError(
            f"the query failed: {error}",
            where=str(path),
            next_step='`backoffice sql "SHOW ALL TABLES"` lists what is there',
        ) from error
