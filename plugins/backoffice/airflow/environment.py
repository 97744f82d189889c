"""Airflow's configuration, given to its processes as environment variables so that no file can disagree with it."""

from __future__ import annotations

import os
from pathlib import Path

from backoffice.addresses import LOOPBACK, airflow_db_url, airflow_page
from backoffice.airflow.names import REFRESH_SLOTS, SPARE_COLLECTORS
from backoffice.airflow.sources import readable_sources
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

# Their INFO lines bury the steps' own in a task's log: GX alone writes hundreds when it is imported.
_QUIET_LOGGERS = ("great_expectations", "dbt", "httpx", "httpcore", "matplotlib", "numexpr", "alembic", "h5py")

# Every library that would report its use to its makers, or look for news of itself.
_NO_TELEMETRY = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "SCARF_ANALYTICS": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}


def airflow_home(settings: Settings) -> Path:
    """Airflow's own folder."""
    return settings.home / "airflow"


def airflow_url(settings: Settings) -> str:
    """Address at which the platform's processes reach Airflow's API, without a slash at the end."""
    return f"http://{settings.airflow_host}:{settings.airflow_port}"


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Every variable that configures Airflow; holds secrets."""
    return {
        "AIRFLOW_HOME": str(airflow_home(settings)),
        **_core(settings),
        **_servers(settings),
        **_timing(),
        **_NO_TELEMETRY,
    }


def inherited_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process we start: ours, with our settings spelt out so that it has the same ones."""
    ours = {f"BACKOFFICE_{name.upper()}": str(value) for name, value in settings.model_dump(mode="json").items()}
    return {**os.environ, **ours}


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of an Airflow process; holds secrets."""
    return {**inherited_environment(settings), **airflow_environment(settings)}


def _core(settings: Settings) -> dict[str, str]:
    secrets = load_secrets(settings)
    # A task that is waiting for a worker is a change that is not in the marts yet.
    parallelism = len(readable_sources(settings)) + SPARE_COLLECTORS + REFRESH_SLOTS
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.dags_dir),
        "AIRFLOW__CORE__EXECUTOR": "backoffice.airflow.executor.WarmLocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": secrets.airflow_fernet_key,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": str(parallelism),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(settings.plugins_dir),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_db_url(settings),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_home(settings) / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(f"{name}=WARNING" for name in _QUIET_LOGGERS),
    }


def _servers(settings: Settings) -> dict[str, str]:
    secrets = load_secrets(settings)
    return {
        "AIRFLOW__API__BASE_URL": airflow_page(settings),
        "AIRFLOW__API__HOST": settings.listen_host,
        "AIRFLOW__API__INSTANCE_NAME": "Backoffice Data Platform",
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__SECRET_KEY": secrets.airflow_api_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.airflow_jwt_secret,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow_url(settings)}/execution/",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
    }


def _timing() -> dict[str, str]:
    """Seconds. Measured on two cores: with Airflow's own values a cycle of four tasks takes 10.6 s instead of 1.0 s."""
    return {
        # The gap between two tasks of a run; 0.1 costs 10 % of a core.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        # A finished task holds its worker this long, and a task queued again meanwhile is failed.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # After a kill, tasks left "running" are started again within these two, not within 5.5 minutes.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    }
