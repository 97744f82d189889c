"""Every setting of the platform, read once from ``BACKOFFICE_…`` variables; nothing else reads the environment."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_CHECKOUT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Settings with their defaults; folders are absolute, times are seconds, ports are on 127.0.0.1."""

    model_config = SettingsConfigDict(env_prefix="BACKOFFICE_", extra="ignore", frozen=True)

    project_dir: Path = Field(
        _CHECKOUT, description="Holds contracts/, sources/, dbt_project/, expectations/ and dags/."
    )
    home: Path = Field(_CHECKOUT / "var", description="Everything that changes: landing, warehouse, marts, logs.")

    os_user: str = Field(
        "nobody", description="Unprivileged user the embedded PostgreSQL runs as when started by root."
    )
    source_port: int = Field(28432, description="Embedded PostgreSQL with the demo's operational systems.")
    platform_port: int = Field(28433, description="Embedded PostgreSQL with Airflow's metadata and the marts.")
    airflow_port: int = Field(28080, description="Airflow's web page and API.")
    listen_host: str = Field(
        "127.0.0.1", description="Address the web servers listen on; another one only in a container of its own."
    )
    airflow_host: str = Field("127.0.0.1", description="Host on which the other processes reach Airflow's API server.")
    source_server_url: str = Field(
        "",
        repr=False,
        description="Superuser URL of a server used like the embedded source cluster: roles and demo are made in it.",
    )
    platform_server_url: str = Field(
        "", repr=False, description="Likewise for the platform's: databases and roles are made there."
    )
    source_url: str = Field("", description="External server in place of the embedded source cluster.")
    marts_url: str = Field("", description="External database for the marts in place of the embedded one.")
    airflow_db_url: str = Field("", description="External database for Airflow's metadata.")

    collector_run_seconds: float = Field(
        300.0, description="How long one collect task streams before Airflow starts the next."
    )
    collector_grace_seconds: float = Field(
        6 * 3600.0, description="How much longer a collect task may take: its first snapshot of a large source."
    )
    batch_seconds: float = Field(0.25, description="A stream's transactions are landed at most this late.")
    batch_rows: int = Field(50_000, description="A batch is closed at the first whole transaction past this.")
    file_stable_seconds: float = Field(2.0, description="A file is read once size and time have stood still this long.")
    file_poll_seconds: float = Field(1.0, description="How often a watched folder is looked at.")
    file_unpacked_mb: int = Field(4096, description="A packed file that holds more megabytes is set aside.")
    collector_memory: str = Field("1GB", description="Memory limit of a collector's DuckDB; the rest spills to disk.")

    marts_file_seconds: float = Field(
        60.0,
        description="Cadence of the published DuckDB file, longer when writing it takes long; 0 with every version.",
    )
    marts_file_keep_seconds: float = Field(3600.0, description="Every superseded published file is kept this long.")
    marts_hourly_files: int = Field(24, description="Of older files the last of so many hours is kept, for rollback.")
    marts_daily_files: int = Field(7, description="And the last of so many days.")
    marts_files_gb: float = Field(
        20.0, description="Older files go earlier when all published files together are larger, in gigabytes."
    )
    compact_grace_seconds: float = Field(
        3600.0, description="Landed files that were compacted are kept this long for those who are reading them."
    )
    lease_seconds: float = Field(120.0, description="An idle lease handed between tasks expires after this.")
    follow_seconds: float = Field(
        300.0,
        description="So long a refresh run follows what lands after its steps, in one process.",
    )
    duckdb_memory: str = Field(
        "", description="Memory limit of the warehouse, as 8GB; empty: 40 % of the machine or its container."
    )
    duckdb_threads: int = Field(2, description="Threads of the warehouse.")

    airflow_keep_hours: float = Field(24.0, description="Airflow's finished runs and task logs are kept this long.")
    log_file_mb: int = Field(20, description="A process's log is rotated past this size; three older ones are kept.")
    start_timeout_seconds: float = Field(
        600.0, description="`backoffice up` gives up when there is no audited publication by then."
    )

    marts_freshness_minutes: float = Field(
        15.0, description="Marts without `freshness_minutes` in their meta are stale when they miss older rows."
    )
    watch_port: int = Field(28090, description="The watcher's `/metrics` and `/health`.")
    watch_seconds: float = Field(2.0, description="How often the watcher looks.")
    alert_urls: str = Field(
        "",
        repr=False,
        description="Where alerts go besides the log, separated by spaces: http(s) gets a JSON webhook; mailto(s), "
        "slack, msteams and others are Apprise URLs.",
    )
    alert_reminder_hours: float = Field(
        12.0, description="An open alert nobody acknowledged is told again; 0 is never."
    )
    alert_resolve_seconds: float = Field(60.0, description="A cause must be gone this long before its alert resolves.")
    alert_give_up_hours: float = Field(24.0, description="A notice a channel refuses for longer is given up.")
    alert_grace_seconds: float = Field(120.0, description="After the watcher's start, before anything is called late.")
    alert_task_failures: int = Field(3, description="A task that failed this often in a row raises an alert.")
    alert_hold_hours: float = Field(24.0, description="A rollback's hold on publishing is reported past this.")
    alert_slot_retained_gb: float = Field(
        10.0, description="Log a source may keep for its slot when nothing limits it."
    )
    alert_quarantine_percent: float = Field(5.0, description="Share of a source's judged rows one rule may keep out.")
    alert_quarantine_rows: int = Field(20, description="Fewer quarantined rows than this never raise an alert.")
    alert_quarantine_minutes: float = Field(60.0, description="Window of both.")
    alert_waiting_rows: int = Field(1000, description="Rows of a source that may wait for their parents.")
    alert_disk_free_gb: float = Field(
        5.0, description="Free space on the disk of `home` below which it is nearly full."
    )

    push_port: int = Field(28091, description="The push endpoint, which runs when a source is pushed.")
    push_host: str = Field("127.0.0.1", description="Host on which the demo's own systems reach the push endpoint.")
    push_window_seconds: float = Field(300.0, description="A signature's timestamp may be this far from our clock.")
    push_body_kb: int = Field(1024, description="A pushed request with a larger body is refused.")
    push_segment_mb: int = Field(16, description="A file of accepted events is closed past this size.")
    push_waiting_mb: int = Field(
        512, description="Senders of a source are asked to wait while more than this is accepted and not landed."
    )
    push_disk_free_mb: int = Field(512, description="And while less than this is free on the disk of `home`.")

    demo: bool = Field(True, description="Run the demo shop, which keeps changing the embedded source systems.")
    demo_kind: Literal["shop", "company"] = Field(
        "company", description="What the demo is: a company's systems with a year's history, or one small shop's."
    )
    demo_volume: float = Field(
        1.0, gt=0, description="How much busier than usual the company is, from its next day on."
    )
    demo_api_port: int = Field(28092, description="The REST API of the company's helpdesk.")
    demo_faults: float = Field(
        0.0, ge=0, description="Mistakes the company's systems make, as a multiple of their usual rates; 0 is none."
    )
    demo_fault_kinds: str = Field("", description="Only these kinds, such as F05,F08; all when empty.")
    demo_faults_least: int = Field(
        0, ge=0, description="Of each kind of mistake at least so many in the history, as far as rows can have it."
    )
    demo_seed: int = Field(1, description="Seed of the company: the same one gives the same history.")
    demo_days: int = Field(365, gt=0, description="Days of history the company begins with.")
    demo_missed_days: int = Field(
        0, ge=0, description="Days before today that are not its history: the company makes up for them as it starts."
    )
    demo_changes_per_second: float = Field(
        0.0, ge=0, description="Changes a second while the company makes up for what it missed; 0 is all at once."
    )
    demo_orders_per_second: float = Field(0.5, description="Orders a second in the demo shop.")

    @property
    def landing_dir(self) -> Path:
        """Immutable batches, one folder a source."""
        return self.home / "landing"

    @property
    def collect_dir(self) -> Path:
        """Each collector's lock, its working folder and its list of what it set aside."""
        return self.home / "collect"

    @property
    def push_dir(self) -> Path:
        """Accepted events that wait to be landed, and which were ever accepted, one folder a source."""
        return self.home / "push"

    @property
    def warehouse_path(self) -> Path:
        """The one writer's DuckDB file; readers never open it."""
        return self.home / "warehouse" / "warehouse.duckdb"

    @property
    def marts_dir(self) -> Path:
        """Published DuckDB files: ``marts-<version>.duckdb`` and the stable ``marts.duckdb``."""
        return self.home / "marts"

    @property
    def publications_dir(self) -> Path:
        """One record a publication: how far it came."""
        return self.home / "publications"

    @property
    def status_dir(self) -> Path:
        """``status.json`` and ``status.duckdb``."""
        return self.home / "status"

    @property
    def alerts_dir(self) -> Path:
        """What the watcher knows of alerts and their notices, and the task failures it is told of."""
        return self.home / "alerts"

    @property
    def logs_dir(self) -> Path:
        """One log a supervised process."""
        return self.home / "logs"

    @property
    def secrets_path(self) -> Path:
        """Generated passwords, mode 0600."""
        return self.home / "secrets.json"

    @property
    def contracts_dir(self) -> Path:
        """ODCS contract files."""
        return self.project_dir / "contracts"

    @property
    def sources_dir(self) -> Path:
        """One YAML file a source system."""
        return self.project_dir / "sources"

    @property
    def dbt_dir(self) -> Path:
        """The dbt project."""
        return self.project_dir / "dbt_project"

    @property
    def expectations_dir(self) -> Path:
        """GX suites, generated and hand-written."""
        return self.project_dir / "expectations"

    @property
    def dags_dir(self) -> Path:
        """Airflow's DAG files."""
        return self.project_dir / "dags"

    @property
    def plugins_dir(self) -> Path:
        """Airflow's plugins folder, which also holds this package."""
        return self.project_dir / "plugins"


def read_variable(name: str) -> str:
    """A variable that a source file names, such as the one with its server's URL; empty when it is not set."""
    return os.environ.get(name, "")


@functools.cache
def get_settings() -> Settings:
    """The process's settings. Tests build ``Settings(...)`` themselves instead."""
    return Settings()
