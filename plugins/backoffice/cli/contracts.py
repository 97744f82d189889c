"""``backoffice contracts``: generating what follows from contracts and mappings, telling what is stale, releasing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backoffice.cli.console import out
from backoffice.contracts import Contracts, load_contracts
from backoffice.errors import ContractError
from backoffice.settings import Settings, get_settings

app = typer.Typer(help="Data contracts: what every table must be.", no_args_is_help=True)


@app.command()
def build() -> None:
    """Write what follows from contracts and mappings: dbt models and tests, suites, push schemas, data dictionary."""
    write_generated(get_settings())


def write_generated(settings: Settings) -> None:
    """Write what follows from contracts and sources, and say what changed.

    Raises:
        MappingError: a source does not fit the contracts; nothing was written.
    """
    from backoffice.contracts.derived import write_derived
    from backoffice.validate import write_suites
    from backoffice.warehouse.generate import write_files

    contracts = load_contracts(settings.contracts_dir)
    changed = write_files(settings) + write_suites(contracts, settings.expectations_dir)
    changed += write_derived(contracts, settings.project_dir)
    for path in changed:
        out.print(f"wrote {_shown(settings, path)}" if path.exists() else f"removed {_shown(settings, path)}")
    out.print(f"{len(contracts)} tables, {len(changed)} files changed")


@app.command()
def check() -> None:
    """Check contracts and mappings, that generated files are as `build` writes them, and changes since the release."""
    from backoffice.contracts.release import compared, refuse_unsaid

    settings = get_settings()
    contracts = load_contracts(settings.contracts_dir)
    found = compared(settings.contracts_dir)
    for item in found:  # first of all: a mapping or a file that does not follow a change may be what comes next
        for change in item.changes:
            out.print(f"{item.contract} {item.released or 'new'}: {change.level}  {change}")
    _refuse_stale(settings, contracts)
    refuse_unsaid(found)
    out.print(f"{len(contracts)} tables: contracts, mappings and generated files agree")


@app.command()
def release(
    remove: Annotated[list[str], typer.Option(help="A contract that is gone for good.")] = [],  # noqa: B006
) -> None:
    """Promise the contracts as they are: later changes are compared with them."""
    from backoffice.contracts.release import release as promise

    changed = promise(get_settings().contracts_dir, remove)
    for name in changed:
        out.print(f"released {name}")
    out.print(f"{len(changed)} contracts changed since the release before")


def _refuse_stale(settings: Settings, contracts: Contracts) -> None:
    from backoffice.contracts.derived import stale_derived
    from backoffice.validate import stale_suites
    from backoffice.warehouse.generate import stale_files

    stale = stale_files(settings) + stale_suites(contracts, settings.expectations_dir)
    stale += stale_derived(contracts, settings.project_dir)
    if stale:
        raise ContractError(
            f"{len(stale)} generated files are stale",
            where=", ".join(_shown(settings, path) for path in stale[:5]),
            rule="generated files follow the contracts and mappings",
            next_step="run `backoffice contracts build` and commit what it wrote",
        )


def _shown(settings: Settings, path: Path) -> str:
    return str(path.relative_to(settings.project_dir)) if path.is_relative_to(settings.project_dir) else str(path)
