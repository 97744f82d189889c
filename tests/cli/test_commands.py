from __future__ import annotations

import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from backoffice.addresses import marts_url
from backoffice.airflow.sources import readable_sources
from backoffice.cli.card import card_lines, program
from backoffice.cli.console import log_tail
from backoffice.cli.start import check_ports
from backoffice.collect.slot import SlotHealth, write_slot
from backoffice.errors import ServerError
from backoffice.ops.psql import psql_environment, psql_program
from backoffice.secrets import load_secrets
from backoffice.settings import Settings

COMMANDS = (
    "up",
    "down",
    "reset",
    "status",
    "watch",
    "alerts",
    "refresh",
    "collect",
    "resync",
    "sql",
    "psql",
    "versions",
    "publish",
    "rollback",
    "compact",
    "doctor",
    "push",
    "quarantine",
)


def publish(settings: Settings) -> None:
    settings.marts_dir.mkdir(parents=True)
    with duckdb.connect(str(settings.marts_dir / "marts.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT i AS id, 'order ' || i AS title FROM range(5) t(i)")


def test_every_command_explains_itself(backoffice):
    listing = backoffice("--help").output
    for command in COMMANDS:
        assert command in listing
        assert backoffice(command, "--help").exit_code == 0


def test_an_error_of_ours_is_shown_without_a_traceback():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "backoffice"), "collect", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: there is no source 'nowhere'")
    assert "Traceback" not in done.stderr


def test_sql_reads_the_published_file(backoffice, settings):
    publish(settings)
    answer = backoffice("sql", "SELECT id, title FROM orders ORDER BY id", "--limit", "2")
    assert answer.exit_code == 0
    assert "order 1" in answer.output
    assert "order 2" not in answer.output


def test_sql_cannot_change_what_is_published(backoffice, settings):
    publish(settings)
    assert backoffice("sql", "DELETE FROM orders").exit_code == 1
    assert "5" in backoffice("sql", "SELECT count(*) FROM orders").output


def test_sql_works_while_the_warehouse_is_held(backoffice, settings):
    publish(settings)
    settings.warehouse_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.warehouse_path)):
        assert backoffice("sql", "SELECT 1").exit_code == 0


def test_sql_before_the_first_publication_says_so(backoffice):
    assert backoffice("sql", "SELECT 1").exit_code == 1


def test_status_works_before_anything_ran(backoffice):
    answer = backoffice("status")
    assert answer.exit_code == 0
    assert "not running" in answer.output
    assert "nothing yet" in answer.output


def test_status_shows_the_slots_its_collectors_saw(backoffice, settings):
    source = next(iter(readable_sources(settings)))
    health = SlotHealth(
        source=source,
        slot="s_1",
        observed_at=datetime.now(UTC),
        exists=True,
        wal_status="unreserved",
        retained_bytes=3_000_000,
        lag_bytes=2_000,
    )
    write_slot(settings, health)
    answer = " ".join(backoffice("status").output.split())
    for shown in ("s_1", "idle,", "unreserved", "3.0 MB", "2.0 kB,", "checkpoint"):
        assert shown in answer


def test_down_without_anything_running(backoffice):
    assert "nothing was running" in backoffice("down").output


def test_reset_asks(backoffice, settings):
    load_secrets(settings)
    assert backoffice("reset").exit_code != 0
    assert settings.home.exists()
    assert backoffice("reset", "--yes").exit_code == 0
    assert not settings.home.exists()


def test_doctor_finds_secrets_that_others_can_read(backoffice, settings):
    load_secrets(settings)
    assert backoffice("doctor").exit_code == 0
    settings.secrets_path.chmod(0o644)
    answer = backoffice("doctor")
    assert answer.exit_code == 1
    assert "chmod 600" in answer.output


def test_a_taken_port_is_named_with_its_setting(settings):
    check_ports(settings)
    with socket.create_server(("127.0.0.1", settings.airflow_port)):
        with pytest.raises(ServerError) as caught:
            check_ports(settings)
        assert "BACKOFFICE_AIRFLOW_PORT" in str(caught.value)
        assert str(settings.airflow_port) in str(caught.value)


def test_the_psql_line_needs_no_psql_on_the_machine(settings):
    program_path = psql_program(settings)
    assert ".venv" in str(program_path) or "site-packages" in str(program_path)
    version = subprocess.run([program_path, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("psql (PostgreSQL) 18")
    environment = psql_environment(settings)
    assert environment["PGUSER"] == "reader"
    assert environment["PGPASSWORD"] == load_secrets(settings).marts_reader_password


def test_the_card_says_where_to_connect_with_lines_that_run(settings):
    lines = dict(card_lines(settings))
    assert lines["Airflow"].endswith(f":{settings.airflow_port}")
    assert lines["  password"] == load_secrets(settings).airflow_admin_password
    assert lines["  BI tools"] == marts_url(settings)
    assert lines["psql"] == f"{program()} psql"
    assert Path(program()).exists()
    assert stat.S_IMODE(settings.secrets_path.stat().st_mode) == 0o600


def test_the_end_of_a_log_is_its_last_lines(tmp_path):
    path = tmp_path / "api.log"
    path.write_text("\n".join(f"line {number}" for number in range(100)))
    assert log_tail(path, 2) == ["line 98", "line 99"]
