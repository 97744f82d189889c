"""The data directory of an embedded PostgreSQL while its server does not run: create, check, set the password."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from backoffice.addresses import SUPERUSER
from backoffice.errors import ServerError
from backoffice.ops.postgres_home import MAJOR_VERSION, RunAs, run_quietly


def initialise(data_dir: Path, install: Path, user: RunAs | None, password: str, *, sync: bool) -> None:
    """Create a cluster: UTF-8, sorted by code point, no login without a password.

    It is created beside its place and renamed: a killed ``initdb`` leaves nothing that looks finished.

    Args:
        data_dir: must not exist, or be empty.
        install: PostgreSQL's ``bin`` is below it.
        user: whom the files belong to; None for the caller.
        password: of the superuser.
        sync: whether to wait until the files are on disk.

    Raises:
        ServerError: ``initdb`` failed.
    """
    data_dir.parent.mkdir(exist_ok=True)
    fresh = beside(data_dir, ".new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=data_dir.parent, prefix=".pw") as password_file:  # mode 0600
        password_file.write(password)
        password_file.flush()
        if user:
            os.chown(fresh, user.uid, user.gid)
            os.chown(password_file.name, user.uid, user.gid)
        command = [str(install / "bin" / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8", "--no-locale"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file.name}", "--no-instructions"]
        done = run_quietly(command if sync else [*command, "--no-sync"], user)
    if done.returncode != 0:
        raise ServerError("initdb failed: " + done.stderr.strip(), where=str(fresh))
    fresh.rename(data_dir)


def refuse_other_version(data_dir: Path) -> None:
    """Raise when the data is another major version's.

    Raises:
        ServerError: names both versions.
    """
    version = (data_dir / "PG_VERSION").read_text(encoding="utf-8").strip()
    if version != MAJOR_VERSION:
        raise ServerError(
            f"the data was written by PostgreSQL {version}; installed is {MAJOR_VERSION}",
            where=str(data_dir),
            next_step="dump it with the release that wrote it and restore it here, or drop it with `make reset`",
        )


def set_password(data_dir: Path, install: Path, user: RunAs | None, password: str) -> None:
    """Give the superuser a password without logging in: the server refuses the one we have.

    Raises:
        ServerError: PostgreSQL's single-user mode refused it.
    """
    quoted = password.replace("'", "''")
    command = [str(install / "bin" / "postgres"), "--single", "-D", str(data_dir), "postgres"]
    done = run_quietly(command, user, stdin=f"ALTER ROLE {SUPERUSER} PASSWORD '{quoted}'\n")
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise ServerError(
            "the superuser's password cannot be set",
            where=str(data_dir),
            next_step="put the former secrets.json back, or drop the data with `make reset`",
        )


def beside(path: Path, suffix: str) -> Path:
    """The path with a suffix to its name."""
    return path.with_name(path.name + suffix)
