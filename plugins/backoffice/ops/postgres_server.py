"""One embedded PostgreSQL: created, started, recovered and stopped straight from its binaries."""

from __future__ import annotations

import contextlib
import enum
import fcntl
import hashlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from backoffice.addresses import LOOPBACK, SUPERUSER, postgres_url
from backoffice.errors import ServerError
from backoffice.ops import postgres_home as home
from backoffice.ops.postgres_data import beside, initialise, refuse_other_version, set_password
from backoffice.ops.postgres_process import (
    clear_crashed,
    ended,
    postmaster,
    recorded_port,
    refuse_taken_port,
    wait_until,
)

log = logging.getLogger(__name__)

_LOG_BYTES = 10_000_000  # a longer log is set aside at the next start
_STOP_SECONDS = 30.0
_QUIT_SECONDS = 10.0
_POLL_SECONDS = 0.05


class _State(enum.Enum):
    READY = enum.auto()
    REFUSED = enum.auto()  # up, but the password is not ours
    ENDED = enum.auto()


class EmbeddedPostgres:
    """A PostgreSQL cluster on 127.0.0.1, reached with a password only (SCRAM), which outlives the calling process.

    Args:
        name: ``source`` or ``platform``; the port's setting is called after it.
        data_dir: where the data is wanted; see :func:`backoffice.ops.postgres_home.place_of`.
        port: TCP port on 127.0.0.1.
        password: of the superuser ``postgres``; set anew when the server has another.
        os_user: unprivileged user to run as when the caller is root.
        options: configuration parameters beside the ones given here.
        log_path: where the server writes its log; by default beside the data.
        shared: folder to use where ``os_user`` cannot reach ``data_dir``.
    """

    def __init__(
        self,
        name: str,
        data_dir: Path,
        port: int,
        password: str,
        *,
        os_user: str,
        options: Mapping[str, str],
        log_path: Path | None = None,
        shared: Path | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self._wanted = data_dir.absolute()
        self._password = password
        self._os_user = os_user
        self._options = dict(options)
        self._log_path = log_path or beside(self._wanted, ".log")
        self._shared = shared or home.shared_dir(self._wanted)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Where the data is, or will be."""
        return home.place_of(self._wanted, self._shared, self._user())

    @property
    def setting(self) -> str:
        """The environment variable that moves the server to another port."""
        return f"BACKOFFICE_{self.name.upper()}_PORT"

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """URL of a database; without a password the superuser's is taken."""
        return postgres_url(self.port, database, user, self._password if password is None else password)

    def running(self) -> bool:
        """Whether the server of this data directory runs, whoever started it."""
        return postmaster(self.data_dir) is not None

    def start(self, timeout: float = 30.0) -> None:
        """Start the server unless it runs, creating its data on the first start; it is ready on return.

        Args:
            timeout: seconds to wait; recovery after a crash counts.

        Raises:
            ServerError: the port is taken, the data is another version's, or the server did not get ready.
        """
        self._make_parent()
        with self._locked():
            if self._abandoned():
                self._stop()
            state = self._running_state(timeout)
            if state is _State.ENDED:
                state = self._launch(timeout)
            if state is _State.REFUSED:
                self._set_password()
                self._launch(timeout)

    def stop(self) -> None:
        """Stop the server if it runs: open transactions are rolled back, nothing committed is lost.

        Raises:
            ServerError: it did not end.
        """
        if self.running():
            self._make_parent()
            with self._locked():
                self._stop()

    def _user(self) -> home.RunAs | None:
        return home.run_as(self._os_user, self._wanted)

    def _abandoned(self) -> bool:
        """Whether the data belongs to a home folder that was deleted, taking the link with it."""
        place = self.data_dir
        return place != self._wanted and not self._wanted.is_symlink() and place.exists()

    def _make_parent(self) -> None:
        if not self._wanted.parent.exists():
            self._wanted.parent.mkdir(parents=True, exist_ok=True)
            self._wanted.parent.chmod(0o755)  # whatever the umask: the server's user passes through

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with beside(self._wanted, ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _running_state(self, timeout: float) -> _State:
        server = postmaster(self.data_dir)
        if server is None:
            return _State.ENDED
        self._refuse_moved_port()
        return self._wait_for_login(server, timeout)

    def _launch(self, timeout: float) -> _State:
        data_dir, user = self.data_dir, self._user()
        if (data_dir / "postmaster.pid").exists():
            clear_crashed(data_dir, _cluster_name(self.name, data_dir))
        refuse_taken_port(self.port, self.setting)
        self._process = self._spawn(data_dir, self._prepare(data_dir, user), user)
        state = self._wait_for_login(psutil.Process(self._process.pid), timeout)
        if state is _State.ENDED:
            raise self._start_error(f"ended with code {self._process.wait()} while starting")
        return state

    def _prepare(self, data_dir: Path, user: home.RunAs | None) -> Path:
        """Make sure of data and binaries that the user can reach; returns PostgreSQL's folder."""
        if data_dir != self._wanted:
            home.make_shared_dir(self._shared)
            home.link_place(self._wanted, data_dir)
        install = home.install_dir(user, self._shared)
        if not (data_dir / "PG_VERSION").exists():
            initialise(data_dir, install, user, self._password, sync=self._options.get("fsync") != "off")
        refuse_other_version(data_dir)
        return install

    def _refuse_moved_port(self) -> None:
        port = recorded_port(self.data_dir)
        if port != self.port:
            raise ServerError(
                f"the {self.name} server already runs, on port {port} instead of {self.port}",
                where=str(self.data_dir),
                next_step=f"run `make down` first, or set {self.setting} to {port}",
            )

    def _spawn(self, data_dir: Path, install: Path, user: home.RunAs | None) -> subprocess.Popen[bytes]:
        command = [str(install / "bin" / "postgres"), "-D", str(data_dir)]
        for option, value in self._configuration(data_dir).items():
            command += ["-c", f"{option}={value}"]
        with self._open_log() as log_file, _kept_from_cleaners(self._shared) as kept:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=home.ENVIRONMENT,
                start_new_session=True,  # Ctrl-C in the terminal is not for the server
                umask=0o077,
                pass_fds=kept,
                **home.as_user(user),
            )

    def _configuration(self, data_dir: Path) -> dict[str, str]:
        return {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path may be 107 bytes long, a checkout's folder longer
            "cluster_name": _cluster_name(self.name, data_dir),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "log_checkpoints": "off",
            "fsync": "on",
        } | self._options

    @contextmanager
    def _open_log(self) -> Iterator[int]:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log_path.exists() and self._log_path.stat().st_size > _LOG_BYTES:
            self._log_path.replace(beside(self._log_path, ".old"))
        handle = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            yield handle
        finally:
            os.close(handle)

    def _wait_for_login(self, server: psutil.Process, timeout: float) -> _State:
        """Wait while the server starts, recovers or, killed a moment ago, is still ending."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return _State.READY
            except psycopg.OperationalError as error:
                reason = str(error)
            if "password authentication failed" in reason:
                return _State.REFUSED
            if ended(server):
                return _State.ENDED
            time.sleep(_POLL_SECONDS)
        raise self._start_error(f"is not ready after {timeout:.0f} s")

    def _start_error(self, what: str) -> ServerError:
        text = self._log_path.read_text(encoding="utf-8", errors="replace") if self._log_path.exists() else ""
        lines = text.splitlines()[-5:]
        return ServerError(
            f"the {self.name} server {what}",
            where=f"{self._log_path}, which ends:\n    " + "\n    ".join(lines),
            next_step="mend what the log names and start again; committed data is kept",
        )

    def _set_password(self) -> None:
        """Give the superuser the password of ``secrets.json``, which cannot be done over a connection it refuses."""
        self._stop()
        log.warning("the %s server had another superuser password; the one in the secrets is set", self.name)
        user = self._user()
        set_password(self.data_dir, home.install_dir(user, self._shared), user, self._password)

    def _stop(self) -> None:
        server = postmaster(self.data_dir)
        if server is None:
            return
        for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, _QUIT_SECONDS)):
            with contextlib.suppress(psutil.NoSuchProcess):
                server.send_signal(number)  # psutil makes sure that the pid is still the same process
            if wait_until(lambda: ended(server), seconds):
                self._reap()
                return
        raise ServerError(f"the {self.name} server (pid {server.pid}) does not stop", where=str(self._log_path))

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None


def _cluster_name(name: str, data_dir: Path) -> str:
    return f"backoffice-{name}-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"


@contextmanager
def _kept_from_cleaners(shared: Path) -> Iterator[tuple[int, ...]]:
    """A shared lock on the folder, inherited by the server.

    systemd-tmpfiles removes from ``/var/tmp`` what was not touched for 30 days, files of a running server included,
    but passes by a folder somebody holds a lock on.
    """
    if not shared.exists():
        yield ()
        return
    handle = os.open(shared, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield (handle,)
    finally:
        os.close(handle)
