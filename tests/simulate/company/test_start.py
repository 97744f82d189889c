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
from backoffice.simulate.company.start import make_project, plan_of
from backoffice.sources import load_sources
from backoffice.warehouse.generate import stale_files

COMPANY = Settings().sources_dir / "company"


def test_its_systems_give_every_table_of_every_contract_once():
    """So that each function of the back office has rows; bills as vendors send them come beside the ERP's."""
    sources = load_sources(COMPANY)
    shared = [table for config in sources.values() if config.source_relation == "nordlys" for table in config.tables]
    assert sorted(shared) == sorted(table.key for table in load_contracts(Settings().contracts_dir))
    assert {config.source for config in sources.values() if config.source_relation != "nordlys"} == {"einvoices"}


def test_the_project_is_generated_and_asks_the_api_where_it_is(tmp_path):
    made = make_project(Settings(demo_api_port=12_345), tmp_path / "project")
    settings = Settings(project_dir=made)
    assert set(load_sources(settings.sources_dir)) == set(load_sources(COMPANY))
    assert not stale_files(settings)
    assert "127.0.0.1:12345" in (made / "sources" / "surveys.yaml").read_text(encoding="utf-8")
    assert (made / "dags" / "collect.py").exists()
    assert make_project(settings, made) == made  # again, with the settings it is used with
    assert not stale_files(settings)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(SettingsError, match="not empty"):
        make_project(Settings(), tmp_path / "other")


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
