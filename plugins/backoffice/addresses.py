"""Where the databases are: the embedded servers, unless a ``BACKOFFICE_…_URL`` setting names another."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from backoffice.errors import SettingsError
from backoffice.secrets import Secrets, load_secrets
from backoffice.settings import Settings

LOOPBACK = "127.0.0.1"
SUPERUSER = "postgres"

# Source cluster
COLLECTOR = "backoffice_collector"
SOURCE_OWNER = "demo_owner"

# Platform cluster
AIRFLOW_DATABASE = "airflow"
AIRFLOW_OWNER = "airflow"
MARTS_DATABASE = "marts"
PUBLISHER = "marts_publisher"
READER = "reader"


def source_url(settings: Settings, database: str, role: str = COLLECTOR) -> str:
    """URL of a database of the operational systems.

    Args:
        settings: names the embedded server's port, or ``source_url`` in its place.
        database: the database; it replaces the one named in ``settings.source_url``.
        role: ``backoffice_collector``, ``demo_owner`` or ``postgres`` of the embedded server. An external server is
            reached with the user and password of its URL, whatever the role.
    """
    if settings.source_url:
        return _with(settings.source_url, "BACKOFFICE_SOURCE_URL", database=database)
    password = _source_password(load_secrets(settings), role)
    return _of_server(settings.source_server_url, settings.source_port, database, role, password)


def marts_url(settings: Settings, role: str = READER) -> str:
    """URL of the published marts for ``marts_publisher`` or ``reader``.

    An external database (``settings.marts_url``) is reached by the publisher with the user and password of that URL;
    the reader needs a login role ``reader`` there with the password in ``secrets.json``.
    """
    password = _marts_password(load_secrets(settings), role)
    if not settings.marts_url:
        return _of_server(settings.platform_server_url, settings.platform_port, MARTS_DATABASE, role, password)
    if role == PUBLISHER:
        return settings.marts_url
    return _with(settings.marts_url, "BACKOFFICE_MARTS_URL", login=(role, password))


def airflow_db_url(settings: Settings) -> str:
    """SQLAlchemy URL of Airflow's metadata database."""
    if settings.airflow_db_url:
        return settings.airflow_db_url
    password = load_secrets(settings).airflow_db_password
    url = _of_server(settings.platform_server_url, settings.platform_port, AIRFLOW_DATABASE, AIRFLOW_OWNER, password)
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def source_admin_url(settings: Settings) -> str:
    """The superuser on the platform's own source server, embedded or not."""
    own = postgres_url(settings.source_port, SUPERUSER, SUPERUSER, load_secrets(settings).source_password)
    return settings.source_server_url or own


def platform_admin_url(settings: Settings) -> str:
    """The superuser on the platform's own server, embedded or not."""
    own = postgres_url(settings.platform_port, SUPERUSER, SUPERUSER, load_secrets(settings).platform_password)
    return settings.platform_server_url or own


def airflow_page(settings: Settings) -> str:
    """Where a person's browser finds Airflow, without a slash at the end."""
    return f"http://{LOOPBACK}:{settings.airflow_port}"


def push_address(settings: Settings) -> str:
    """Where senders of ours find the push endpoint, without a slash at the end."""
    return f"http://{settings.push_host}:{settings.push_port}"


def postgres_url(port: int, database: str, user: str, password: str) -> str:
    """URL of a database on this machine; the parts are escaped."""
    return f"postgresql://{_escape(user)}:{_escape(password)}@{LOOPBACK}:{port}/{_escape(database)}"


def _of_server(server: str, port: int, database: str, user: str, password: str) -> str:
    """A role of ours on the server of that URL, or on the embedded one of that port."""
    if not server:
        return postgres_url(port, database, user, password)
    return _with(server, "BACKOFFICE_…_SERVER_URL", database=database, login=(user, password))


def _escape(part: str) -> str:
    return quote(part, safe="")


def _source_password(secrets: Secrets, role: str) -> str:
    passwords = {
        SUPERUSER: secrets.source_password,
        SOURCE_OWNER: secrets.source_owner_password,
        COLLECTOR: secrets.source_collector_password,
    }
    return _of_role(passwords, role)


def _marts_password(secrets: Secrets, role: str) -> str:
    passwords = {
        PUBLISHER: secrets.marts_publisher_password,
        READER: secrets.marts_reader_password,
    }
    return _of_role(passwords, role)


def _of_role(passwords: dict[str, str], role: str) -> str:
    if role not in passwords:
        raise SettingsError(f"there is no password for role {role}", rule=f"one of {', '.join(passwords)}")
    return passwords[role]


def _with(url: str, setting: str, *, database: str = "", login: tuple[str, str] | None = None) -> str:
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgres") or not parts.hostname:
        raise SettingsError(
            "not the URL of a PostgreSQL server",
            where=setting,
            next_step="write it as postgresql://user:password@host:5432/database",
        )
    netloc = parts.netloc
    if login:
        host = netloc.rpartition("@")[2]
        netloc = f"{_escape(login[0])}:{_escape(login[1])}@{host}"
    path = f"/{_escape(database)}" if database else parts.path
    return parts._replace(netloc=netloc, path=path).geturl()
