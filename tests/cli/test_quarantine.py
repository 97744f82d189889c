"""The commands about quarantine, on a real landing; what they print, refuse and land."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.validate.conftest import World, world  # noqa: F401
from typer.testing import CliRunner

from backoffice.cli import quarantine as cli
from backoffice.cli.main import app
from backoffice.validate.outstanding import outstanding, write_outstanding

Run = Callable[..., str]
FIRST = "shop-0000000001"


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:  # noqa: F811
    """Two rows out, of three; runs `backoffice quarantine …`."""
    world.judge_rows(world.good(qty=Decimal("-1.5")), world.good(id="L2", currency="x"), world.good(id="L3"))
    write_outstanding(world.settings, world.connection)
    monkeypatch.setattr(cli, "get_settings", lambda: world.settings)
    monkeypatch.setenv("COLUMNS", "240")

    def invoke(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["quarantine", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    return invoke


def test_list_shows_what_is_out_and_filters(run: Run) -> None:
    everything = run("list")
    assert "line.ordered_qty.minimum" in everything and "-1.5000" in everything and FIRST in everything
    assert "line.currency_code.pattern" not in run("list", "--rule", "minimum")
    assert "No quarantined rows." in run("list", "--gate", "mart")
    assert "No quarantined rows." in run("list", "--since", "2099-01-01")
    assert "line.currency_code.pattern" in run("list", "--source", "shop", "--since", "2020-01-01", "--all")


def test_show_tells_the_rule_the_values_and_the_next_step(run: Run) -> None:
    shown = run("show", FIRST, "1")
    assert "error line.ordered_qty.minimum: ordered_qty is -1.5000" in shown
    assert "_event_at" in shown and "DKK" in shown
    assert f"backoffice quarantine fix {FIRST} 1 --set COLUMN=" in shown
    assert "It is not quarantined." in run("show", FIRST, "3")
    assert "no row 9" in run("show", FIRST, "9", code=1)
    assert "sales_order 7 is not quarantined" in run("show", "sales_order", "7", code=1)


def test_fix_and_release_are_seen_at_once(run: Run, world: World) -> None:  # noqa: F811
    run("fix", FIRST, "1", "--set", "qty=3", "--null", "kind", "--reason", "typed wrong", "--actor", "bo")
    assert "fix by bo" in run("list")
    run("release", FIRST, "2", "--reason", "a new currency", "--actor", "ann")
    assert "release by ann" in run("list")
    shown = run("show", FIRST, "2")
    assert "release by ann: a new currency" in shown and "waits for the next cycle" in shown
    assert "released already" in run("release", FIRST, "2", "--reason", "again", code=1)
    assert {row.next for row in outstanding(world.settings, world.store)} == {"fix by bo", "release by ann"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("release", "--reason", "x"), "what is to be released?"),
        (("release", "--rule", "line.status.enum", "--reason", "x"), "nothing is out because of the rule"),
        (("fix", FIRST, "1", "--set", "qty", "--reason", "x"), "it has no ="),
        (("fix", FIRST, "1", "--set", "qty=1,5", "--reason", "x"), "cannot be read as DECIMAL"),
        (("fix", FIRST, "3", "--set", "qty=1", "--reason", "x"), "is not quarantined"),
        (("show", FIRST, "first"), "is no row number"),
    ],
)
def test_a_mistake_is_named_and_lands_nothing(
    run: Run,
    world: World,  # noqa: F811
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert message in run(*arguments, code=1)
    assert world.store.sources() == ["_verdicts", "shop"]
    assert world.store.last("_verdicts").seq == 1  # type: ignore[union-attr]
