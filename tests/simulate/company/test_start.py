"""Starting the company: its project, its command, and what is refused."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from backoffice.cli import supervise
from backoffice.cli.main import app
from backoffice.contracts import load_contracts
from backoffice.errors import SettingsError
from backoffice.settings import Settings, get_settings
from backoffice.simulate.company.history import prepare
from backoffice.simulate.company.start import company_variables, plan_of
from backoffice.sources import load_sources

COMPANY = Settings().sources_dir


def test_its_systems_give_every_table_of_every_contract_once():
    """So that each function of the back office has rows; bills as vendors send them come beside the ERP's."""
    sources = load_sources(COMPANY)
    shared = [table for config in sources.values() if config.source_relation == "nordlys" for table in config.tables]
    assert sorted(shared) == sorted(table.key for table in load_contracts(Settings().contracts_dir))
    assert {config.source for config in sources.values() if config.source_relation != "nordlys"} == {"einvoices"}


def test_the_api_is_asked_where_it_is(settings, monkeypatch):
    """Its port is a setting, and the source's file is the same whatever it is."""
    surveys = load_sources(COMPANY)["surveys"].connection
    assert surveys.kind == "rest" and surveys.url == f"http://127.0.0.1:{settings.demo_api_port}"
    told = company_variables(settings.model_copy(update={"demo_api_port": 12_345}))
    assert told == {surveys.url_env: "http://127.0.0.1:12345"}
    addresses = {component.environment[surveys.url_env] for component in supervise.components(settings)}
    assert addresses == {surveys.url}
    monkeypatch.setenv(surveys.url_env, "http://company:28092")
    addresses = {component.environment[surveys.url_env] for component in supervise.components(settings)}
    assert addresses == {"http://company:28092"}, "what we were told is told on"


def test_real_systems_are_kept_clean(settings):
    external = settings.model_copy(update={"source_url": "postgresql://erp.example.com/erp"})
    with pytest.raises(SettingsError, match="made-up business"):
        prepare(external, plan_of(external))


@pytest.mark.parametrize(("kind", "module", "title"), [
    ("shop", "backoffice.simulate", "filling the demo shop"),
    ("company", "backoffice.simulate.company", "filling the company's systems"),
])  # fmt: skip
def test_the_demo_is_what_the_setting_says(settings, kind, module, title):
    wanted = settings.model_copy(update={"demo": True, "demo_kind": kind, "source_url": ""})
    assert module in supervise.components(wanted)[0].command
    assert title in [step.title for step in supervise.preparations(wanted)]


def test_status_before_the_first_start_says_what_to_do(settings, monkeypatch):
    monkeypatch.setenv("BACKOFFICE_HOME", str(settings.home))
    get_settings.cache_clear()
    result = CliRunner().invoke(app, ["simulate", "status"])
    get_settings.cache_clear()
    assert result.exit_code == 1
