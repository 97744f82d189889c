"""The real preparation of a real Airflow database, in a process of its own as the supervisor runs it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.airflow.bootstrap import is_prepared
from backoffice.airflow.components import airflow_components, prepare_airflow
from backoffice.errors import ServerError
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

pytestmark = pytest.mark.airflow

HASH = "SELECT username, password FROM ab_user"
PERMISSIONS = """
    SELECT permission.name, menu.name FROM ab_role role
    JOIN ab_permission_view_role link ON link.role_id = role.id
    JOIN ab_permission_view view ON view.id = link.permission_view_id
    JOIN ab_permission permission ON permission.id = view.permission_id
    JOIN ab_view_menu menu ON menu.id = view.view_menu_id
    WHERE role.name = 'BackofficeService'
"""


@pytest.fixture
def on_sqlite(settings: Settings, tmp_path: Path) -> tuple[Settings, Path]:
    database = tmp_path / "airflow.db"
    settings.logs_dir.mkdir(parents=True)
    return settings.model_copy(update={"airflow_db_url": f"sqlite:///{database}"}), database


def rows(database: Path, query: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_users_role_and_pools_are_set_and_a_changed_password_is_applied(on_sqlite):
    settings, database = on_sqlite
    assert not is_prepared(settings)
    prepare_airflow(settings)
    assert is_prepared(settings)

    hashes = dict(rows(database, HASH))
    assert set(hashes) == {"admin", "backoffice_service"}
    assert all(value.startswith("scrypt:") for value in hashes.values())
    assert load_secrets(settings).airflow_admin_password not in str(hashes)
    assert set(rows(database, PERMISSIONS)) == {
        ("can_read", "Assets"),
        ("can_read", "Asset Aliases"),
        ("can_create", "Assets"),
    }
    pools = dict(rows(database, "SELECT pool, slots FROM slot_pool"))
    assert pools["warehouse"] == 1
    assert pools["collectors"] >= 1

    text = settings.secrets_path.read_text()
    settings.secrets_path.write_text(text.replace(load_secrets(settings).airflow_admin_password, "another"))
    assert not is_prepared(settings)
    prepare_airflow(settings)
    assert dict(rows(database, HASH))["admin"] != hashes["admin"]


def test_a_failure_names_its_log(settings, tmp_path):
    settings.logs_dir.mkdir(parents=True)
    broken = settings.model_copy(update={"airflow_db_url": "postgresql+psycopg2://nobody@127.0.0.1:1/airflow"})
    with pytest.raises(ServerError) as caught:
        prepare_airflow(broken)
    assert "127.0.0.1" in Path(caught.value.where).read_text()
    assert not is_prepared(broken)


def test_airflow_accepts_the_components_arguments_and_serves_no_logs(settings):
    components = {component.name: component for component in airflow_components(settings)}
    arguments = [list(component.command[3:]) for component in components.values()]
    parse = f"from airflow.cli.cli_parser import get_parser; [get_parser().parse_args(a) for a in {arguments}]"
    environment = dict(components["scheduler"].environment)
    done = subprocess.run([sys.executable, "-c", parse], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all("--skip-serve-logs" in components[name].command for name in ("scheduler", "triggerer"))
