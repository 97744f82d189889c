from __future__ import annotations

import json

import pytest
from psycopg.conninfo import conninfo_to_dict

from backoffice.addresses import (
    COLLECTOR,
    PUBLISHER,
    READER,
    SOURCE_OWNER,
    SUPERUSER,
    airflow_db_url,
    marts_url,
    platform_admin_url,
    postgres_url,
    source_admin_url,
    source_url,
)
from backoffice.errors import SettingsError
from backoffice.secrets import load_secrets


def test_embedded_source(settings):
    secrets = load_secrets(settings)
    passwords = {
        COLLECTOR: secrets.source_collector_password,
        SOURCE_OWNER: secrets.source_owner_password,
        SUPERUSER: secrets.source_password,
    }
    for role, password in passwords.items():
        assert conninfo_to_dict(source_url(settings, "shop", role)) == {
            "host": "127.0.0.1",
            "port": str(settings.source_port),
            "dbname": "shop",
            "user": role,
            "password": password,
        }
    assert source_url(settings, "shop") == source_url(settings, "shop", COLLECTOR)


def test_embedded_marts_default_to_the_reader(settings):
    secrets = load_secrets(settings)
    assert marts_url(settings) == marts_url(settings, READER)
    reader, publisher = conninfo_to_dict(marts_url(settings)), conninfo_to_dict(marts_url(settings, PUBLISHER))
    assert (reader["user"], reader["password"]) == ("reader", secrets.marts_reader_password)
    assert (publisher["user"], publisher["password"]) == ("marts_publisher", secrets.marts_publisher_password)
    assert reader["port"] == publisher["port"] == str(settings.platform_port)


def test_embedded_airflow_is_a_sqlalchemy_url(settings):
    password = load_secrets(settings).airflow_db_password
    expected = f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{settings.platform_port}/airflow"
    assert airflow_db_url(settings) == expected


def test_a_password_is_escaped(settings):
    hard = "p@ss/w:rd?#%&' é"
    settings.home.mkdir()
    settings.secrets_path.touch(0o600)
    settings.secrets_path.write_text(json.dumps({"marts_reader_password": hard}))
    assert conninfo_to_dict(marts_url(settings))["password"] == hard
    assert conninfo_to_dict(postgres_url(1, "a b/c", "u:@", hard))["dbname"] == "a b/c"


def test_a_server_of_ours_elsewhere_has_the_roles_of_the_embedded_one(settings):
    secrets = load_secrets(settings)
    elsewhere = settings.model_copy(
        update={
            "source_server_url": "postgresql://postgres:pw@source-db:5432/postgres",
            "platform_server_url": "postgresql://postgres:pw@platform-db:5432/postgres",
        }
    )
    for url, host, database, user, password in (
        (source_url(elsewhere, "shop"), "source-db", "shop", COLLECTOR, secrets.source_collector_password),
        (marts_url(elsewhere), "platform-db", "marts", READER, secrets.marts_reader_password),
        (airflow_db_url(elsewhere), "platform-db", "airflow", "airflow", secrets.airflow_db_password),
    ):
        found = conninfo_to_dict(url.replace("+psycopg2", ""))
        assert (found["host"], found["dbname"], found["user"], found["password"]) == (host, database, user, password)
    assert source_admin_url(elsewhere) == elsewhere.source_server_url
    assert platform_admin_url(elsewhere) == elsewhere.platform_server_url
    assert conninfo_to_dict(platform_admin_url(settings))["port"] == str(settings.platform_port)


def test_url_settings_replace_the_embedded_servers(settings):
    external = settings.model_copy(
        update={
            "source_url": "postgresql://etl:s%40cret@erp.example:6432/postgres?sslmode=require",
            "marts_url": "postgresql://owner:pw@[::1]:5433/bi?sslmode=verify-full",
            "airflow_db_url": "postgresql+psycopg2://af:pw@db.example/af",
        }
    )
    assert source_url(external, "erp") == "postgresql://etl:s%40cret@erp.example:6432/erp?sslmode=require"
    assert marts_url(external, PUBLISHER) == external.marts_url
    reader = conninfo_to_dict(marts_url(external))
    assert reader["user"] == "reader"
    assert reader["password"] == load_secrets(external).marts_reader_password
    assert (reader["host"], reader["port"], reader["dbname"], reader["sslmode"]) == ("::1", "5433", "bi", "verify-full")
    assert airflow_db_url(external) == external.airflow_db_url


@pytest.mark.parametrize("url", ["erp.example", "mysql://erp.example/x", "postgresql:///x"])
def test_something_else_than_a_url_names_its_setting(settings, url):
    with pytest.raises(SettingsError, match="BACKOFFICE_SOURCE_URL"):
        source_url(settings.model_copy(update={"source_url": url}), "erp")


def test_an_unknown_role_is_refused(settings):
    with pytest.raises(SettingsError, match="one of marts_publisher, reader"):
        marts_url(settings, "postgres")
