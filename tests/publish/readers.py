"""Readers of every kind, each checking in every read that it sees one version and the whole of it.

Each generation has a number that stands in every row of two marts and in the record of the version, and both marts
have the same total. A read that mixes two versions, or sees half of one, breaks one of the two.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psycopg

TABLES = """(SELECT count(*), sum(amount), min(line_no), max(line_no) FROM {lines}) AS l(n, total, low, high),
    (SELECT sum(amount), min(build), max(build) FROM {totals}) AS t(total, low, high)"""
CHECK = (
    """SELECT v.generation, l.n, l.total = t.total AND l.low = v.generation AND l.high = v.generation
    AND t.low = v.generation AND t.high = v.generation
    FROM (SELECT generation FROM marts.current_version) AS v(generation), """
    + TABLES
)
ONE_STATEMENT = CHECK.format(lines="marts.fct_sales_order_lines", totals="marts.mart_sales_by_day")
BY_VIEWS = CHECK.format(lines="public.my_lines", totals="public.my_totals")


class Readers:
    """Threads that read until told to stop; each counts its reads and keeps what went wrong."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reads: dict[str, int] = {}
        self.wrong: list[str] = []
        self._threads: list[threading.Thread] = []

    def add(self, name: str, read: Callable[[Readers, str], None]) -> None:
        self.reads[name] = 0
        thread = threading.Thread(target=self._run, args=(name, read))
        self._threads.append(thread)

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(120)

    def saw(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Judge one read: the generation, the number of lines, whether everything agreed."""
        self.reads[name] += 1
        if len(rows) != 1 or not rows[0][1] or rows[0][2] is not True:
            self.wrong.append(f"{name}: {rows}")

    def _run(self, name: str, read: Callable[[Readers, str], None]) -> None:
        try:
            while not self.stop.is_set():
                read(self, name)
        except Exception as error:  # whatever a reader meets is an error of the publication
            self.wrong.append(f"{name}: {type(error).__name__}: {error}")


def read_committed(url: str, query: str, *, prepared: bool = False) -> Callable[[Readers, str], None]:
    """One connection, a statement a transaction; prepared once and run many times."""

    def read(readers: Readers, name: str) -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=0 if prepared else None) as pg:
            while not readers.stop.is_set():
                readers.saw(name, pg.execute(query, prepare=prepared).fetchall())

    return read


def repeatable_read(url: str, seconds: float) -> Callable[[Readers, str], None]:
    """A report: many statements in one long transaction, all of which must see the same version."""

    def read(readers: Readers, name: str) -> None:
        with psycopg.connect(url) as pg:
            pg.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            first = pg.execute(ONE_STATEMENT).fetchall()
            ends = time.monotonic() + seconds
            while not readers.stop.is_set() and time.monotonic() < ends:
                found = pg.execute(ONE_STATEMENT).fetchall()
                readers.saw(name, found if found == first else [*first, *found])
                readers.stop.wait(0.05)
        readers.stop.wait(0.05)

    return read


def psql(program: Path, url: str) -> Callable[[Readers, str], None]:
    """The program people use, connecting anew for each read."""

    def read(readers: Readers, name: str) -> None:
        command = [str(program), url, "-XAtq", "-c", ONE_STATEMENT]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        generation, lines, agrees = [*done.stdout.strip().split("|"), "", "", done.stderr][:3]
        readers.saw(name, [(generation, lines, True if agrees == "t" else agrees)])

    return read


def stable_name(folder: Path) -> Callable[[Readers, str], None]:
    """Opens ``marts.duckdb`` for each read."""
    return lambda readers, name: _read_file(readers, name, folder / "marts.duckdb")


def by_manifest(folder: Path) -> Callable[[Readers, str], None]:
    """Opens the file ``manifest.json`` names."""

    def read(readers: Readers, name: str) -> None:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        _read_file(readers, name, folder / found["file"])

    return read


def kept_open(folder: Path, reads: int) -> Callable[[Readers, str], None]:
    """Opens the stable name and reads many times: the same version each time."""

    def read(readers: Readers, name: str) -> None:
        with duckdb.connect(str(folder / "marts.duckdb"), read_only=True) as file:
            first = file.execute(ONE_STATEMENT).fetchall()
            for _ in range(reads):
                found = file.execute(ONE_STATEMENT).fetchall()
                readers.saw(name, found if found == first else [*first, *found])
                readers.stop.wait(0.02)

    return read


def _read_file(readers: Readers, name: str, path: Path) -> None:
    with duckdb.connect(str(path), read_only=True) as file:
        readers.saw(name, file.execute(ONE_STATEMENT).fetchall())
