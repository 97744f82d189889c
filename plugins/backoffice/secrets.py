"""Passwords and keys, generated on the first start and kept in one file of mode 0600."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backoffice.errors import SettingsError
from backoffice.settings import Settings


def _password() -> str:
    return secrets.token_urlsafe(24)


def _signing_key() -> str:
    return secrets.token_urlsafe(64)  # SHA-512 asks for as many bytes as it gives


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


# repr=False: a Secrets object in a log line or a traceback shows no value
Password = Annotated[str, Field(default_factory=_password, min_length=1, repr=False)]
SigningKey = Annotated[str, Field(default_factory=_signing_key, min_length=1, repr=False)]
PushKeys = Annotated[dict[str, tuple[str, ...]], Field(default_factory=dict, repr=False)]
FernetKey = Annotated[str, Field(default_factory=_fernet_key, min_length=1, repr=False)]


class Secrets(BaseModel):
    """Every generated secret; a new object has fresh ones."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    source_password: Password  # superuser postgres of the source cluster
    source_owner_password: Password  # role demo_owner, owner of the demo's databases
    source_collector_password: Password  # role backoffice_collector
    platform_password: Password  # superuser postgres of the platform cluster
    airflow_db_password: Password  # role airflow
    marts_publisher_password: Password  # role marts_publisher, owner of the database marts
    marts_reader_password: Password  # role reader
    airflow_admin_password: Password
    airflow_service_password: Password
    airflow_fernet_key: FernetKey
    airflow_jwt_secret: SigningKey
    airflow_api_secret: Password
    push_keys: PushKeys  # source → signing keys of its senders, the newest first


def load_secrets(settings: Settings) -> Secrets:
    """The secrets of this installation, generated when there are none yet.

    A field the file does not have (one of a later version) is generated and added; what the file holds stays.

    Raises:
        SettingsError: others may read the file, or it is not what was written.
    """
    path = settings.secrets_path
    stored = _read(path)
    if set(Secrets.model_fields) <= set(stored):
        return _parse(stored, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        stored = _read(path)  # another process may have written it while we waited
        found = _parse(stored, path)
        _write(path, stored | found.model_dump())
    return found


def set_push_keys(settings: Settings, source: str, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Secrets:
    """Replace the signing keys of a source by what ``change`` makes of those it has; other processes wait meanwhile.

    Raises:
        SettingsError: as in :func:`load_secrets`.
    """
    load_secrets(settings)
    path = settings.secrets_path
    with _locked(path):
        found = _parse(_read(path), path)
        keys = {**found.push_keys, source: change(found.push_keys.get(source, ()))}
        changed = found.model_copy(update={"push_keys": keys})
        _write(path, _read(path) | changed.model_dump())
    return changed


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_readable(path, os.fstat(file.fileno()).st_mode)
            stored = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(
            f"the secrets cannot be read: {error.strerror}",
            where=str(path),
            next_step="run as the user who started the platform first",
        ) from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(stored, dict):
        raise _damaged(path)
    return stored


def _refuse_readable(path: Path, mode: int) -> None:
    if mode & 0o077:
        raise SettingsError(
            f"the secrets have mode {mode & 0o777:04o}: others on this machine can use them",
            where=str(path),
            rule="only the owner may read or write this file",
            next_step=f"chmod 600 {path}",
        )


def _parse(stored: dict[str, Any], path: Path) -> Secrets:
    try:
        return Secrets.model_validate(stored)
    except ValidationError as error:
        raise _damaged(path, ", ".join(str(problem["loc"][0]) for problem in error.errors())) from error


def _damaged(path: Path, fields: str = "") -> SettingsError:
    return SettingsError(
        "the secrets are not what was written" + (f" (fields {fields})" if fields else ""),
        where=str(path),
        next_step="restore the file from a backup, or remove it: new passwords are set at the next start, "
        "and connections stored in Airflow must be entered again",
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, values: dict[str, Any]) -> None:
    """Whole file or none: written beside, mode 0600 from its first byte, then renamed."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
