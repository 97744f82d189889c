"""Connections to a source, all with the same text forms of dates and numbers as the replication stream."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# The first seven decide the text of values. The others are a role's or a database's defaults that would end a long
# copy, forbid to publish, or hide rows without a word.
_OPTIONS = {
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "search_path": "pg_catalog",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "0",
    "default_transaction_read_only": "off",
    "row_security": "off",
}
_LATER_OPTIONS = {140000: "idle_session_timeout", 170000: "transaction_timeout"}  # since these versions; set to 0
_CONNECTION = {
    "connect_timeout": "10",
    "client_encoding": "UTF8",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}


def conninfo(url: str, source: str) -> str:
    """A libpq connection string for a source's URL; what the URL says itself goes first."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    ours = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    options = f"{ours} {given.pop('options', '')}".strip()
    return make_conninfo("", **{**_CONNECTION, "application_name": f"backoffice {source}", **given, "options": options})


def connect(info: str) -> psycopg.Connection[Any]:
    """A connection for questions to the catalogue; each statement is its own transaction.

    Raises:
        psycopg.OperationalError: the source cannot be reached.
    """
    try:
        return psycopg.connect(info_for(info, max(_LATER_OPTIONS)), autocommit=True)
    except psycopg.OperationalError as error:
        if not any(name in str(error) for name in _LATER_OPTIONS.values()):
            raise
    connection = psycopg.connect(info, autocommit=True)  # an older server
    for name in _later_options(connection.info.server_version):
        connection.execute(f"SET {name} = 0")
    return connection


def info_for(info: str, version: int) -> str:
    """The connection string with the options a server of this version knows; an older one would refuse them."""
    options = " ".join(f"-c {name}=0" for name in _later_options(version))
    return make_conninfo(info, options=f"{conninfo_to_dict(info).get('options', '')} {options}".strip())


def _later_options(version: int) -> list[str]:
    return [name for since, name in _LATER_OPTIONS.items() if version >= since]


def without_password(text: str, info: str) -> str:
    """A message with the connection's password blotted out: DuckDB quotes the whole connection string."""
    password = conninfo_to_dict(info).get("password")
    return text.replace(str(password), "***") if password else text
