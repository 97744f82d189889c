"""Readers of every channel who never stop asking and never may see half a version.

A server that is being killed refuses its readers, which is no violation; whatever is answered must add up. A version is
the same for everybody: the first one who sees it remembers its figures for the others.
"""

from __future__ import annotations

import json
import logging
import threading
from abc import ABC, abstractmethod
from typing import Any

import duckdb
import psycopg

from backoffice.addresses import marts_url
from backoffice.publish.file import STABLE
from backoffice.settings import Settings

log = logging.getLogger(__name__)

FACTS = """SELECT
    (SELECT version FROM marts.current_version),
    (SELECT count(*) FROM marts.fct_sales_order_lines),
    (SELECT sum(net_amount) FROM marts.fct_sales_order_lines WHERE NOT is_cancelled),
    (SELECT sum(net_amount) FROM marts.mart_sales_by_month_customer_employee),
    (SELECT sum(ordered_qty) FROM marts.fct_sales_order_lines),
    (SELECT count(*) FROM marts.dim_customer),
    (SELECT count(*) FROM marts.dim_employee),
    (SELECT count(*) FROM marts.dim_product),
    (SELECT count(*) FROM marts.fct_sales_order_lines AS l
        WHERE NOT EXISTS (SELECT 1 FROM marts.dim_customer AS c WHERE c.customer_key = l.customer_key)),
    (SELECT sum(landed_rows - accepted_rows - quarantined_rows - waiting_rows) FROM marts.mart_data_freshness)"""
_PAUSE_SECONDS = 0.2
_HELD_SECONDS = 2.0  # a report that takes its time
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


class Versions:
    """What each version was, and what was wrong."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.reads = 0
        self._known: dict[str, tuple[Any, ...]] = {}
        self._lock = threading.Lock()

    @property
    def seen(self) -> int:
        """Versions anybody saw."""
        return len(self._known)

    def note(self, reader: str, facts: tuple[Any, ...]) -> None:
        """Judge an answer to :data:`FACTS`."""
        version, figures = str(facts[0]), tuple(map(_number, facts[1:]))
        with self._lock:
            self.reads += 1
            known = self._known.setdefault(version, figures)
        if known != figures:
            self.violate(f"{reader}: version {version} was {known} and is {figures}")
        if figures[1] != figures[2]:
            self.violate(f"{reader}: version {version}: lines sum to {figures[1]}, months to {figures[2]}")
        if figures[7]:
            self.violate(f"{reader}: version {version}: {figures[7]} lines without their customer")
        if figures[8]:
            self.violate(f"{reader}: version {version}: the books are off by {figures[8]}")

    def count(self) -> None:
        """Another answer."""
        with self._lock:
            self.reads += 1

    def violate(self, text: str) -> None:
        """Count a violation."""
        log.error("VIOLATION %s", text)
        with self._lock:
            self.violations.append(text)


def _number(value: Any) -> Any:
    return value if value is None else value.normalize() if hasattr(value, "normalize") else value


class Reader(ABC):
    """A thread that reads again and again."""

    def __init__(self, settings: Settings, versions: Versions) -> None:
        self.settings, self.versions = settings, versions
        self.name = type(self).__name__
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End reading."""
        self._stop.set()
        self._thread.join(60)

    @abstractmethod
    def read(self) -> None:
        """Ask once; any error but a server that is away is a violation."""

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self.read()
            except _AWAY:
                self._stop.wait(1)
            except Exception as error:  # whatever a reader meets is the finding
                self.versions.violate(f"{self.name}: {type(error).__name__}: {error}")


class PostgresReader(Reader):
    """One statement at a time, in READ COMMITTED."""

    def read(self) -> None:
        """See above."""
        with psycopg.connect(marts_url(self.settings), autocommit=True, connect_timeout=5) as marts:
            for _ in range(20):
                row = marts.execute(FACTS).fetchone()
                assert row is not None
                self.versions.note(self.name, row)
                if self._stop.wait(_PAUSE_SECONDS):
                    return


class ReportReader(Reader):
    """A transaction in REPEATABLE READ that asks twice: the same answer, whatever was published meanwhile."""

    def read(self) -> None:
        """See above."""
        with psycopg.connect(marts_url(self.settings), connect_timeout=5) as marts:
            marts.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            first = marts.execute(FACTS).fetchone()
            self._stop.wait(_HELD_SECONDS)
            second = marts.execute(FACTS).fetchone()
            assert first is not None
            self.versions.note(self.name, first)
            if first != second:
                self.versions.violate(f"{self.name}: {first} became {second} within a transaction")


class FileReader(Reader):
    """Opens the stable name each time, and reads a file to the end."""

    def read(self) -> None:
        """See above."""
        with duckdb.connect(str((self.settings.marts_dir / STABLE).resolve()), read_only=True) as marts:
            row = marts.execute(FACTS).fetchone()
            assert row is not None
            self.versions.note(self.name, row)


class StatusReader(Reader):
    """Both files of the status are whole at any time."""

    def read(self) -> None:
        """See above."""
        folder = self.settings.status_dir
        told = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        with duckdb.connect(str(folder / "status.duckdb"), read_only=True) as status:
            rows = status.execute("SELECT state FROM status").fetchall()
        if len(rows) != 1 or told["state"] not in ("published", "withheld", "starting", "held"):
            self.versions.violate(f"{self.name}: {rows}, {told['state']}")
        self.versions.count()


READERS = (PostgresReader, PostgresReader, ReportReader, FileReader, StatusReader)
