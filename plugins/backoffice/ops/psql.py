"""The ``psql`` of the embedded PostgreSQL, for machines that have none."""

from __future__ import annotations

import os
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from backoffice.addresses import READER, marts_url
from backoffice.ops.postgres_home import install_dir, shared_dir
from backoffice.settings import Settings

_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def psql_program(settings: Settings) -> Path:
    """The program that comes with the embedded server.

    Raises:
        ServerError: the wheel is not installed.
    """
    return install_dir(None, shared_dir(settings.home)) / "bin" / "psql"


def psql_environment(settings: Settings, role: str = READER) -> dict[str, str]:
    """Environment in which any libpq program reads the published marts; the password is on no command line."""
    address = conninfo_to_dict(marts_url(settings, role))
    variables = {_VARIABLES[name]: str(value) for name, value in address.items() if name in _VARIABLES}
    return {**os.environ, **variables}
