"""``backoffice map``: proposing a source's mapping, checking it on the source's rows, and taking it into use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backoffice.cli.console import out
from backoffice.contracts import load_contracts
from backoffice.errors import MappingError
from backoffice.settings import Settings, get_settings

app = typer.Typer(help="Mappings: how a source's rows become canonical ones.", no_args_is_help=True)


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="Name of a file under sources/, or path of a YAML file.")],
    full: Annotated[bool, typer.Option("--full", help="Read everything, not a sample.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Judge what the mapping makes of rows of the source itself; ends with 1 when a rule does not hold."""
    from backoffice.cli.mapping_view import show_report
    from backoffice.onboard.check import check_mapping

    settings = get_settings()
    report = check_mapping(_path(settings, source), load_contracts(settings.contracts_dir), settings, full=full)
    if as_json:
        out.print(report.to_json(), markup=False, soft_wrap=True)
    else:
        show_report(report)
    if not report.holds:
        raise typer.Exit(1)


def _path(settings: Settings, source: str) -> Path:
    given = Path(source)
    path = given if given.suffix in (".yaml", ".yml") else settings.sources_dir / f"{source}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in settings.sources_dir.glob("*.yaml"))) or "none yet"
        raise MappingError(f"there is no source file {source!r}", where=str(path), next_step=f"sources are: {known}")
    return path
