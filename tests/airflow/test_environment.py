from __future__ import annotations

from pathlib import Path

import pytest

from backoffice.airflow.environment import airflow_environment, child_environment
from backoffice.airflow.names import COLLECTORS_POOL, WAREHOUSE_POOL, pools
from backoffice.settings import Settings

SOURCE = """\
apiVersion: backoffice/v1
source: {name}
source_relation: {name}
description: A shop.
connection: {{kind: postgres, database: shop}}
reads:
  orders: {{table: public.orders, columns: {{id: BIGINT}}, primary_key: [id]}}
tables: {{}}
"""


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Settings:
    sources = tmp_path / "project" / "sources"
    sources.mkdir(parents=True)
    for name in ("east", "west", "north"):
        (sources / f"{name}.yaml").write_text(SOURCE.format(name=name))
    return settings.model_copy(update={"project_dir": tmp_path / "project"})


def test_every_address_is_on_loopback(settings):
    environment = airflow_environment(settings)
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    hosts = {name: value for name, value in environment.items() if name.endswith("HOST")}
    assert set(hosts.values()) == {"127.0.0.1"}
    assert not [name for name, value in environment.items() if "0.0.0.0" in value or "[::]" in value]
    assert environment["AIRFLOW__API__BASE_URL"] == f"http://127.0.0.1:{settings.airflow_port}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False"),
        ("DBT_SEND_ANONYMOUS_USAGE_STATS", "false"),
        ("GX_ANALYTICS_ENABLED", "false"),
        ("DO_NOT_TRACK", "1"),
        ("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false"),
    ],
)
def test_nothing_reports_its_use(settings, name, value):
    assert airflow_environment(settings)[name] == value


def test_secrets_are_this_installation_s_and_passwords_are_not_in_plain_text_managers(settings):
    first = airflow_environment(settings)
    other = airflow_environment(settings.model_copy(update={"home": settings.home.with_name("other")}))
    for name in ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET"):
        assert first[f"AIRFLOW__{name}"] != other[f"AIRFLOW__{name}"]
    assert "FabAuthManager" in first["AIRFLOW__CORE__AUTH_MANAGER"]
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64  # what SHA-512 asks for


def test_a_refresh_always_finds_a_worker(project):
    parallelism = int(airflow_environment(project)["AIRFLOW__CORE__PARALLELISM"])
    slots = {pool.name: pool.slots for pool in pools(3)}
    assert slots[WAREHOUSE_POOL] == 1
    assert slots[COLLECTORS_POOL] > 3  # one more source can be added without a restart
    assert parallelism - slots[COLLECTORS_POOL] >= 4


def test_a_child_sees_the_settings_of_its_parent(settings, monkeypatch):
    made = settings.model_copy(update={"demo": False, "batch_seconds": 0.125})
    environment = child_environment(made)
    for name, value in environment.items():
        if name.startswith("BACKOFFICE_"):
            monkeypatch.setenv(name, value)
    assert Settings() == made


def test_airflow_keeps_its_files_in_the_home_folder(settings):
    environment = airflow_environment(settings)
    home = str(settings.home / "airflow")
    assert environment["AIRFLOW_HOME"] == home
    assert environment["AIRFLOW__LOGGING__BASE_LOG_FOLDER"].startswith(home)
