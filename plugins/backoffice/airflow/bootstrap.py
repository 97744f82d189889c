"""Making Airflow's database ready: tables, users, role and pools, in one process that imports Airflow once.

Run by the supervisor before Airflow's own processes start, with their environment.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from backoffice.addresses import airflow_db_url
from backoffice.airflow.environment import airflow_home
from backoffice.airflow.names import ADMIN, SERVICE, SERVICE_ROLE, pools
from backoffice.airflow.sources import readable_sources
from backoffice.secrets import load_secrets
from backoffice.settings import Settings, get_settings

# A leaked service password can wake a refresh, and nothing else.
# Airflow asks for the right to see aliases before it lists assets.
_SERVICE_PERMISSIONS = [("can_read", "Assets"), ("can_read", "Asset Aliases"), ("can_create", "Assets")]
_PACKAGES = ("apache-airflow", "apache-airflow-core", "apache-airflow-providers-fab")


def is_prepared(settings: Settings) -> bool:
    """Whether :func:`prepare` has nothing to do; answered without importing Airflow."""
    mark = _mark(settings)
    return mark.is_file() and mark.read_text(encoding="utf-8") == _fingerprint(settings)


def prepare(settings: Settings) -> None:
    """Bring the database to the installed version and set users, their passwords, the service's role and the pools.

    Leaves alone what people made in Airflow. The environment must be :func:`child_environment`.
    """
    _mark(settings).unlink(missing_ok=True)
    _migrate()
    _set_pools(settings)
    _set_users(settings)
    _mark(settings).write_text(_fingerprint(settings), encoding="utf-8")


def _mark(settings: Settings) -> Path:
    return airflow_home(settings) / "prepared"


def _fingerprint(settings: Settings) -> str:
    """Changes with everything :func:`prepare` depends on; a hash, so that it gives no password away."""
    secrets = load_secrets(settings)
    parts: list[object] = [importlib.metadata.version(name) for name in _PACKAGES]
    parts += [airflow_db_url(settings), secrets.airflow_admin_password, secrets.airflow_service_password]
    parts += [_SERVICE_PERMISSIONS, pools(len(readable_sources(settings)))]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _migrate() -> None:
    from airflow.utils.db import initdb

    initdb()


def _set_pools(settings: Settings) -> None:
    from airflow.models.pool import Pool

    for pool in pools(len(readable_sources(settings))):
        Pool.create_or_update_pool(
            name=pool.name, slots=pool.slots, description=pool.description, include_deferred=False
        )


def _set_users(settings: Settings) -> None:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    secrets = load_secrets(settings)
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        manager.bulk_sync_roles([{"role": SERVICE_ROLE, "perms": _SERVICE_PERMISSIONS}])
        _set_user(manager, ADMIN, "Admin", secrets.airflow_admin_password)
        _set_user(manager, SERVICE, SERVICE_ROLE, secrets.airflow_service_password)


def _set_user(manager: Any, name: str, role: str, password: str) -> None:
    """FAB stores the password hashed with scrypt and ends the user's sessions when it changes."""
    user = manager.find_user(username=name)
    if user is None:
        manager.add_user(name, name, "Backoffice", f"{name}@localhost", manager.find_role(role), password)
    else:
        manager.reset_password(user.id, password)


if __name__ == "__main__":
    prepare(get_settings())
