"""``backoffice contracts``: generating what follows from contracts and mappings, and telling what is stale."""

from __future__ import annotations

from pathlib import Path

import typer

from backoffice.cli.console import out
from backoffice.contracts import load_contracts
from backoffice.errors import ContractError
from backoffice.settings import Settings, get_settings

app = typer.Typer(help="Data contracts: what every table must be.", no_args_is_help=True)


@app.command()
def build() -> None:
    """Write staging and base models, their tests and dbt sources, and the expectation suites."""
    from backoffice.validate import write_suites
    from backoffice.warehouse.generate import write_files

    settings = get_settings()
    contracts = load_contracts(settings.contracts_dir)
    changed = write_files(settings) + write_suites(contracts, settings.expectations_dir)
    for path in changed:
        out.print(f"wrote {_shown(settings, path)}" if path.exists() else f"removed {_shown(settings, path)}")
    out.print(f"{len(contracts)} tables, {len(changed)} files changed")


@app.command()
def check() -> None:
    """Check contracts and mappings, and that every generated file is as `build` would write it."""
    from backoffice.validate import stale_suites
    from backoffice.warehouse.generate import stale_files

    settings = get_settings()
    contracts = load_contracts(settings.contracts_dir)
    stale = stale_files(settings) + stale_suites(contracts, settings.expectations_dir)
    if stale:
        raise ContractError(
            f"{len(stale)} generated files are stale",
            where=", ".join(_shown(settings, path) for path in stale[:5]),
            rule="generated files follow the contracts and mappings",
            next_step="run `backoffice contracts build` and commit what it wrote",
        )
    out.print(f"{len(contracts)} tables: contracts, mappings and generated files agree")


def _shown(settings: Settings, path: Path) -> str:
    return str(path.relative_to(settings.project_dir)) if path.is_relative_to(settings.project_dir) else str(path)
