"""``backoffice simulate``: the living company, its past, its present and how far its systems are."""

from __future__ import annotations

import signal
import threading
from datetime import datetime
from typing import Annotated

import psycopg
import typer
from rich.markup import escape

from backoffice.cli.console import out
from backoffice.errors import SettingsError
from backoffice.settings import Settings, get_settings

app = typer.Typer(help="The living company: two firms' systems, made up, to collect from.", no_args_is_help=True)

_Seed = Annotated[int | None, typer.Option(help="The same seed gives the same history.")]
_Days = Annotated[int | None, typer.Option(help="Days of history.", min=1)]
_Faults = Annotated[float | None, typer.Option(help="Mistakes, as a multiple of their usual rates.", min=0)]
_Volume = Annotated[float | None, typer.Option(help="How much busier than usual, from the next day on.", min=0.01)]


@app.command()
def history(
    seed: _Seed = None,
    days: _Days = None,
    faults: _Faults = None,
    today: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day after its last.")] = None,
) -> None:
    """Fill the company's systems with their past; the source server must run."""
    from backoffice.simulate.company.history import prepare
    from backoffice.simulate.company.start import plan_of

    settings = _with(seed=seed, days=days, faults=faults)
    prepare(settings, plan_of(settings, today.date() if today else None))
    status()


@app.command()
def live(seed: _Seed = None, days: _Days = None, volume: _Volume = None, faults: _Faults = None) -> None:
    """Fill the systems unless that is done, and live in the foreground until Ctrl-C."""
    from backoffice.simulate.company.start import prepare_company, run_company

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = _with(seed=seed, days=days, volume=volume, faults=faults)
    prepare_company(settings)
    run_company(settings, stop)


@app.command()
def status() -> None:
    """Say which company lives here, until when its days are whole, and how far each system is."""
    from backoffice.simulate.company import databases
    from backoffice.simulate.company.helpdesk import Helpdesk
    from backoffice.simulate.company.history import connect, helpdesk_path, load, read_plan
    from backoffice.simulate.company.tables import DATABASES

    settings = get_settings()
    plan, world = read_plan(settings), load(settings)
    if plan is not None:
        out.print(
            f"seed {plan.seed}, lived from {plan.born} to {world.today}, {world.volume:g} times the usual volume, "
            f"{world.faults:g} times the usual faults"
        )
    for system in DATABASES:
        try:
            with connect(settings, system) as connection:
                day, place = databases.place(connection)
            out.print(f"{system}: {place} changes of {day}")
        except psycopg.OperationalError as error:
            out.print(f"{system}: out of reach, {escape(str(error).strip().splitlines()[0])}")
    helpdesk = Helpdesk(helpdesk_path(settings))
    reached = helpdesk.place()
    if reached is not None:
        out.print(f"helpdesk: {reached[1]} changes of {reached[0]}, {helpdesk.waiting()} events to push")


def _with(**given: float | None) -> Settings:
    """The settings, with what was given instead of theirs."""
    settings = get_settings()
    if not settings.demo:
        raise SettingsError("the demo is switched off", where="BACKOFFICE_DEMO", next_step="set BACKOFFICE_DEMO=true")
    return settings.model_copy(update={f"demo_{name}": value for name, value in given.items() if value is not None})
