from __future__ import annotations

import http.server
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from backoffice.errors import ServerError
from backoffice.ops import postgres_home
from backoffice.ops.postgres_process import postmaster
from backoffice.ops.postgres_server import EmbeddedPostgres

pytestmark = pytest.mark.postgres

LOOKED_AT = "a folder's näme"
PASSWORD = "it's a secret"
FAST = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture(scope="module")
def any_folder():
    """A folder every user may enter; pytest's own is for its owner only."""
    with tempfile.TemporaryDirectory(prefix="backoffice-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def folder(any_folder, request):
    path = any_folder / request.node.name.replace("/", "_")
    path.mkdir(mode=0o755)
    return path


def over(folder, port, **changes):
    arguments = {
        "name": "source",
        "data_dir": folder / "postgres" / "source",
        "port": port,
        "password": PASSWORD,
        "os_user": "nobody",
        "options": FAST,
        "shared": folder / "shared",
    }
    return EmbeddedPostgres(**(arguments | changes))


@pytest.fixture(scope="module")
def looked_at(any_folder, free_port):
    """A running server for the tests that only look."""
    (any_folder / LOOKED_AT).mkdir()
    server = over(any_folder / LOOKED_AT, free_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKOFFICE_PROBE", "visible")
        server.start()
    yield server
    server.stop()


@pytest.fixture
def make(folder, free_port):
    """Makes servers over one data directory, and stops them."""
    made = []
    port = free_port()

    def server(**changes):
        made.append(over(folder, **({"port": port} | changes)))
        return made[-1]

    yield server
    for server in made:
        server.stop()


def execute(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def pid_of(server):
    return postmaster(server.data_dir).pid


def test_everybody_is_asked_for_a_password(looked_at):
    for password in ("wrong", ""):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(looked_at.url("postgres", password=password))
    methods = execute(looked_at.url("postgres"), "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    assert methods == [("scram-sha-256",)]
    stored = execute(looked_at.url("postgres"), "SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    assert stored[0][0].startswith("SCRAM-SHA-256$")


def test_text_is_utf8_and_time_is_utc(looked_at):
    assert execute(looked_at.url("postgres"), "SHOW server_encoding") == [("UTF8",)]
    assert execute(looked_at.url("postgres"), "SHOW timezone") == [("UTC",)]
    assert execute(looked_at.url("postgres"), "SHOW lc_messages") == [("C",)]


def test_it_listens_on_loopback_only_without_a_socket_file(looked_at):
    everything = psutil.net_connections(kind="tcp")
    listening = {c.laddr for c in everything if c.status == psutil.CONN_LISTEN and c.laddr.port == looked_at.port}
    assert listening == {("127.0.0.1", looked_at.port)}
    assert execute(looked_at.url("postgres"), "SHOW unix_socket_directories") == [("",)]


def test_it_has_its_own_session_and_nothing_of_our_environment(looked_at):
    assert os.getsid(pid_of(looked_at)) == pid_of(looked_at)
    with psycopg.connect(looked_at.url("postgres")) as connection:
        connection.execute("CREATE TEMP TABLE environment (line text)")
        connection.execute("COPY environment FROM PROGRAM 'env'")
        lines = {line for (line,) in connection.execute("SELECT line FROM environment")}
    assert "LC_CTYPE=C" in lines
    assert "BACKOFFICE_PROBE=visible" not in lines


def test_no_password_is_left_in_files_or_arguments(looked_at, any_folder):
    assert PASSWORD not in " ".join(psutil.Process(pid_of(looked_at)).cmdline())
    assert not list(any_folder.rglob(".pw*"))
    assert PASSWORD not in (any_folder / LOOKED_AT / "postgres" / "source.log").read_text()


def test_starting_again_is_the_same_server(looked_at, any_folder):
    pid = pid_of(looked_at)
    looked_at.start()
    again = over(any_folder / LOOKED_AT, looked_at.port)
    again.start()
    assert pid_of(again) == pid


def test_fsync_is_on_unless_told_otherwise(make):
    server = make(options={})
    server.start()
    assert execute(server.url("postgres"), "SHOW fsync") == [("on",)]


def test_starts_at_the_same_time_are_one_server(make):
    servers = [make(), make(), make()]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pid_of(server) for server in servers}) == 1


def test_another_port_while_running_is_refused(looked_at, any_folder, free_port):
    with pytest.raises(ServerError, match=f"already runs, on port {looked_at.port}") as caught:
        over(any_folder / LOOKED_AT, free_port()).start()
    assert "BACKOFFICE_SOURCE_PORT" in str(caught.value)


def test_a_taken_port_names_the_holder_and_the_setting(make):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as holder:
        server = make(name="platform", port=holder.server_port)
        with pytest.raises(ServerError) as caught:
            server.start()
    text = str(caught.value)
    assert f"port {holder.server_port} " in text
    assert f"pid {os.getpid()} (" in text
    assert "BACKOFFICE_PLATFORM_PORT" in text
    assert not server.running()


def test_stop_leaves_no_process_and_can_be_repeated(make):
    server = make()
    server.start()
    process = psutil.Process(pid_of(server))
    family = [process, *process.children(recursive=True)]
    assert len(family) > 3
    open_transaction = psycopg.connect(server.url("postgres"))
    open_transaction.execute("CREATE TABLE never_committed (id int)")
    make().stop()
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    assert not server.running()
    server.stop()
    open_transaction.close()


def test_stop_before_the_first_start_does_nothing(make, folder):
    make().stop()
    assert not (folder / "postgres").exists()


def test_data_survives_a_killed_server(make):
    server = make()
    server.start()
    execute(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS id")
    os.kill(pid_of(server), signal.SIGKILL)
    again = make()
    again.start()
    assert execute(again.url("postgres"), "SELECT id FROM kept") == [(42,)]


def test_a_backend_that_outlives_its_killed_server_is_ended(make):
    server = make()
    server.start()
    busy = psycopg.connect(server.url("postgres"))
    backend = psutil.Process(busy.info.backend_pid)
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    busy.pgconn.send_query(endless.encode())
    while backend.status() != psutil.STATUS_RUNNING or "SELECT" not in " ".join(backend.cmdline()):
        time.sleep(0.01)
    os.kill(pid_of(server), signal.SIGKILL)
    make().start()
    assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    busy.close()


def test_a_pid_file_that_names_a_foreign_process_is_not_believed(make):
    server = make()
    server.start()
    server.stop()
    data_dir = server.data_dir
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines = [str(stranger.pid), str(data_dir), "0", str(server.port), "", "127.0.0.1", "1 1", "ready"]
        (data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")
        assert not server.running()
        server.stop()
        assert stranger.poll() is None
        server.start()
        assert stranger.poll() is None
        assert server.running()
        stranger.terminate()


def test_the_password_given_is_the_one_that_holds(make):
    make(password="before").start()
    server = make(password="o'ther \\ password")
    server.start()
    assert execute(server.url("postgres"), "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url("postgres", password="before"))


def test_data_of_another_major_version_is_refused(make):
    server = make()
    server.start()
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("16\n")
    with pytest.raises(ServerError, match="written by PostgreSQL 16; installed is 18"):
        server.start()


def test_a_killed_initdb_does_not_count_as_data(make, folder):
    (folder / "postgres" / "source.new").mkdir(parents=True)
    (folder / "postgres" / "source.new" / "PG_VERSION").write_text("18\n")
    server = make()
    server.start()
    assert execute(server.url("postgres"), "SELECT 1") == [(1,)]


def test_a_wrong_option_shows_the_log(make, folder):
    server = make(options={"shared_buffers": "much"})
    with pytest.raises(ServerError, match="shared_buffers") as caught:
        server.start()
    assert str(folder / "postgres" / "source.log") in str(caught.value)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change the user")


@as_root
def test_root_starts_it_as_the_unprivileged_user(looked_at):
    assert psutil.Process(pid_of(looked_at)).username() == "nobody"
    assert looked_at.data_dir.stat().st_mode & 0o777 == 0o700


@as_root
def test_an_existing_directory_keeps_its_owner(make):
    server = make()
    server.start()
    server.stop()
    again = make(os_user="daemon")
    again.start()
    assert psutil.Process(pid_of(again)).username() == "nobody"


@as_root
class TestBelowALockedFolder:
    @pytest.fixture
    def wanted(self, folder):
        (folder / "locked").mkdir(mode=0o700)
        return folder / "locked" / "home" / "postgres" / "source"

    def test_data_goes_to_the_shared_folder_and_a_link_stays(self, make, wanted, folder):
        server = make(data_dir=wanted)
        server.start()
        execute(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS id")
        server.stop()
        assert wanted.readlink() == server.data_dir == folder / "shared" / "postgres" / "source"
        again = make(data_dir=wanted)
        again.start()
        assert execute(again.url("postgres"), "SELECT id FROM kept") == [(42,)]

    def test_it_stays_there_when_the_folder_is_opened(self, make, wanted, folder):
        server = make(data_dir=wanted)
        server.start()
        (folder / "locked").chmod(0o755)
        assert make(data_dir=wanted).running()

    def test_cleaners_see_a_lock_while_it_runs(self, make, wanted, folder):
        server = make(data_dir=wanted)
        server.start()
        command = ["flock", "--exclusive", "--nonblock", str(folder / "shared"), "true"]
        assert subprocess.run(command, check=False).returncode == 1
        server.stop()
        assert subprocess.run(command, check=False).returncode == 0

    def test_a_home_deleted_by_hand_starts_afresh(self, make, wanted, folder):
        server = make(data_dir=wanted)
        server.start()
        execute(server.url("postgres"), "CREATE TABLE of_the_former_home ()")
        shutil.rmtree(wanted.parents[1])
        again = make(data_dir=wanted, password="new")
        again.start()
        assert execute(again.url("postgres"), "SELECT to_regclass('of_the_former_home')") == [(None,)]
        assert len(list((folder / "shared" / "postgres").glob("source.*.old"))) == 1

    def test_a_home_deleted_by_hand_can_be_stopped(self, make, wanted):
        server = make(data_dir=wanted)
        server.start()
        shutil.rmtree(wanted.parents[1])
        make(data_dir=wanted).stop()
        assert not server.running()

    def test_a_stranger_s_folder_is_refused(self, make, wanted, folder):
        (folder / "shared").mkdir()
        os.chown(folder / "shared", 1, 1)
        with pytest.raises(ServerError, match="somebody else created"):
            make(data_dir=wanted).start()

    def test_binaries_are_copied_when_they_cannot_be_reached(self, make, wanted, folder, monkeypatch):
        wheel = postgres_home._wheel_dir()
        for path in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            (folder / "locked" / path.name).symlink_to(path)
        monkeypatch.setattr(postgres_home, "_wheel_dir", lambda: folder / "locked" / wheel.name)
        server = make(data_dir=wanted)
        server.start()
        assert execute(server.url("postgres"), "SELECT count(*) > 0 FROM pg_timezone_names") == [(True,)]
        executable = psutil.Process(pid_of(server)).cmdline()[0]
        assert executable.startswith(str(folder / "shared"))
