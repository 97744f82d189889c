"""``backoffice map``: proposing a source's mapping, checking it on the source's rows, and taking it into use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backoffice.cli.console import out
from backoffice.contracts import load_contracts
from backoffice.durable import write_text
from backoffice.errors import MappingError, SettingsError
from backoffice.settings import Settings, get_settings, read_variable

if TYPE_CHECKING:
    from backoffice.onboard.profile import TableProfile

app = typer.Typer(help="Mappings: how a source's rows become canonical ones.", no_args_is_help=True)


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="What the source will be called.")],
    folder: Annotated[str, typer.Option(help="Folder with example files; relative to the platform's home.")] = "",
    url_env: Annotated[str, typer.Option(help="Variable that holds the URL of a PostgreSQL database.")] = "",
    database: Annotated[str, typer.Option(help="Database of the embedded source server.")] = "",
    into: Annotated[str, typer.Option(help="File to write; sources/drafts/NAME.yaml by default.")] = "",
) -> None:
    """Look at a database or a folder and draft a mapping: likely columns, and OPEN where a person must say."""
    from backoffice.onboard.draft import draft

    settings = get_settings()
    if sum(map(bool, (folder, url_env, database))) != 1:
        raise MappingError("where is the source?", next_step="give one of --folder, --url-env and --database")
    target = Path(into) if into else settings.sources_dir / "drafts" / f"{name}.yaml"
    if target.exists():
        raise MappingError("the file is there already", where=str(target), next_step="remove it, or give --into")
    connection, tables = _looked_at(settings, folder, url_env, database)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(draft(name, connection, tables, load_contracts(settings.contracts_dir)), encoding="utf-8")
    out.print(f"wrote {target}: fill in what is OPEN, then `backoffice map check {target}`", markup=False)


@app.command()
def build(
    source: Annotated[str, typer.Argument(help="Name of a file under sources/, or path of a draft to take in.")],
) -> None:
    """Check a mapping, take its file into sources/ and write what follows from it; its DAG appears by itself."""
    from backoffice.cli.contracts import write_generated
    from backoffice.cli.mapping_view import show_report
    from backoffice.onboard.check import check_mapping

    settings = get_settings()
    path = _path(settings, source)
    report = check_mapping(path, load_contracts(settings.contracts_dir), settings, full=False)
    if not report.holds:
        show_report(report)
        raise typer.Exit(1)
    target = settings.sources_dir / f"{report.source}.yaml"
    if path.resolve() != target.resolve():
        _take_in(path, target)
    write_generated(settings)
    out.print(f"{report.source} holds; collect_{report.source} appears within ten seconds", markup=False)


def _looked_at(
    settings: Settings, folder: str, url_env: str, database: str
) -> tuple[dict[str, str], list[TableProfile]]:
    """The connection as the YAML has it, and what was found there."""
    from backoffice.addresses import source_url
    from backoffice.onboard.profile import profile_database, profile_folder

    if folder:
        return {"kind": "files", "folder": folder}, profile_folder(settings.home / folder)
    if database:
        return {"kind": "postgres", "database": database}, profile_database(source_url(settings, database))
    url = read_variable(url_env)
    if not url:
        raise SettingsError(f"the variable {url_env} is not set", next_step=f"set {url_env} to the database's URL")
    return {"kind": "postgres", "url_env": url_env}, profile_database(url)


def _take_in(path: Path, target: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if target.exists() and target.read_text(encoding="utf-8") != text:
        raise MappingError(
            "a source of this name is there, with another file",
            where=str(target),
            next_step="change that file, or give the new source another name",
        )
    write_text(target, text)


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
