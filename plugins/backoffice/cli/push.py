"""``backoffice push``: the keys of systems that push events."""

from __future__ import annotations

from typing import Annotated

import typer

from backoffice.addresses import push_address
from backoffice.cli.console import out
from backoffice.collect.run import source_config
from backoffice.errors import PushError
from backoffice.push.keys import add_push_key, push_keys, retire_push_keys
from backoffice.settings import Settings, get_settings

app = typer.Typer(help="Keys of systems that push events.", no_args_is_help=True)

_Source = Annotated[str, typer.Argument(help="A file under sources/, without .yaml.")]


@app.command()
def keys(source: _Source) -> None:
    """Show where a source's sender sends to, and the keys it may sign with, the newest first."""
    settings = get_settings()
    _check(settings, source)
    out.print(f"POST {push_address(settings)}/push/{source}", markup=False)
    for key in push_keys(settings, source):
        out.print(key, markup=False)


@app.command()
def rotate(source: _Source) -> None:
    """Make another key; those before stay valid until they are retired."""
    settings = get_settings()
    _check(settings, source)
    push_keys(settings, source)
    out.print(add_push_key(settings, source), markup=False)


@app.command()
def retire(source: _Source) -> None:
    """End all keys but the newest, once the sender signs with it."""
    settings = get_settings()
    _check(settings, source)
    out.print(f"{retire_push_keys(settings, source)} keys ended; the newest stays", markup=False)


def _check(settings: Settings, source: str) -> None:
    if source_config(settings, source).connection.kind != "push":
        raise PushError(
            f"{source} is not pushed",
            where=f"sources/{source}.yaml connection.kind",
            next_step="keys are for sources whose connection says `kind: push`",
        )
