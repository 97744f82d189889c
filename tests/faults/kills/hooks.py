"""Points around every primitive operation that makes something last: fsync, rename, close, COMMIT, acknowledgement.

The code under test has no hooks. A child process that is about to run a stage patches the primitives themselves:
``os``, ``open``, PyArrow's Parquet writer, DuckDB's connection (dbt's commits pass through it too), psycopg's
transactions and COPY, and the acknowledgement sent to a replication slot. Each call has a point before and one after
it, named

    <stage>: before|after <operation> <what> (<module>:<function>) [<turn>]

where numbers in ``what`` read N and ``turn`` counts up to four, so that a point has the same name in every run. Left
out are files outside the platform's home, dbt's own working files, and what exists in memory only.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq

from backoffice.collect.postgres.replication import Replication

Emit = Callable[[str], None]

_PACKAGE = "backoffice."
_TURNS = 4  # later ones of the same name are the same code on other rows
_COUNTED = {"fsync", "replace", "close", "autocommitted", "COMMIT of", "COMMIT in", "end COPY in"}
_ALIKE = ("EXISTS", "COLUMN", "TABLE")
_FILE_CALLS = ("unlink", "remove", "rmdir", "mkdir", "chmod", "truncate", "utime")
_MOVES = ("rename", "replace", "link", "symlink")
_WRITING = re.compile(r"[wax+]")
_NEXT = re.compile(r";\s*\n")
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*\n", re.DOTALL)
_STATEMENT = re.compile(
    r"""^\s*(?P<verb>INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|
    (?:CREATE|DROP|ALTER|COMMENT\s+ON)(?:\s+OR\s+REPLACE)?(?:\s+(?:TABLE|VIEW|SCHEMA|COLUMN|INDEX|PUBLICATION|MACRO))?
    (?:\s+IF\s+(?:NOT\s+)?EXISTS)?|COPY(?=.*\bTO\b)|CHECKPOINT|ATTACH|DETACH|FORCE\s+CHECKPOINT)\s*(?P<target>\S*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SLOT = re.compile(r"pg_(?:create|drop)\w*_slot|pg_replication_slot_advance|pg_logical_emit_message")
_TEMPORARY = re.compile(
    r"^\s*(?:CREATE(?:\s+OR\s+REPLACE)?\s+TEMP|DROP\s+TABLE\s+(?:incoming|still_waiting))", re.IGNORECASE
)


def install(stage: str, home: Path, emit: Emit) -> None:
    """Patch this process for good.

    Args:
        stage: first word of every point.
        home: files below it count.
        emit: called at each point with its name.
    """
    points = _Points(stage, home, emit)
    _files(points)
    _open(points)
    _parquet(points)
    _DuckDB(points).install()
    _psycopg(points)
    _wrap(Replication, "confirm", points, lambda *_: ("acknowledge", "log position"))


class _Points:
    def __init__(self, stage: str, home: Path, emit: Emit) -> None:
        self._stage, self._home, self._emit = stage, str(home), emit
        self._turns: Counter[str] = Counter()

    @contextmanager
    def around(self, operation: str, what: str) -> Iterator[None]:
        name = f"{operation} {what}".rstrip() + f" ({_caller()})"
        self._turns[name] += 1
        turn = self._turns[name]
        if turn > (_TURNS if operation in _COUNTED and not what.endswith(_ALIKE) else 1):
            yield
            return
        name += f" [{turn}]" if turn > 1 else ""
        self._emit(f"{self._stage}: before {name}")
        yield
        self._emit(f"{self._stage}: after {name}")

    def name(self, path: str) -> str:
        """A path below the home with its numbers as N; empty when it does not count."""
        inside = path.removeprefix(self._home + "/")
        if inside == path or inside.startswith("dbt/"):
            return ""
        return re.sub(r"\d+", "N", inside)


def _caller() -> str:
    """Module and function of ours that asked for the operation; dbt runs its models in threads of its own."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_PACKAGE) and module != "backoffice.durable":
            return f"{module.removeprefix(_PACKAGE)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "dbt"


def _wrap(owner: Any, name: str, points: _Points, describe: Callable[..., tuple[str, str] | None]) -> None:
    """Put points around a function; ``describe`` sees its arguments and may say that this call does not count."""
    original = getattr(owner, name)

    @functools.wraps(original, assigned=("__name__", "__doc__"))
    def call(*arguments: Any, **options: Any) -> Any:
        described = describe(*arguments, **options)
        if described is None:
            return original(*arguments, **options)
        with points.around(*described):
            return original(*arguments, **options)

    setattr(owner, name, call)


def _files(points: _Points) -> None:
    def of_path(operation: str) -> Callable[..., tuple[str, str] | None]:
        def describe(path: Any, *_: Any, dir_fd: int | None = None, **__: Any) -> tuple[str, str] | None:
            what = points.name(found := _path(path, dir_fd))
            there = operation == "mkdir" and Path(found).exists()
            return (operation, what) if what and not there else None

        return describe

    def of_target(operation: str) -> Callable[..., tuple[str, str] | None]:
        def describe(_: Any, target: Any, *__: Any, **___: Any) -> tuple[str, str] | None:
            what = points.name(_path(target, None))
            return (operation, what) if what else None

        return describe

    for name in _FILE_CALLS:
        _wrap(os, name, points, of_path(name))
    for name in _MOVES:
        _wrap(os, name, points, of_target(name))
    _wrap(os, "fsync", points, of_path("fsync"))
    _wrap(
        shutil, "rmtree", points, lambda path, *_, **__: ("rmtree", name) if (name := points.name(str(path))) else None
    )


def _path(path: Any, folder: int | None) -> str:
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    text = os.fsdecode(path)
    return text if folder is None else f"{_path(folder, None)}/{text}"


def _open(points: _Points) -> None:
    original = io.open

    def hooked(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        opened = original(file, mode, *arguments, **options)
        what = points.name(_path(file, None)) if _WRITING.search(mode) else ""
        if what:
            close = opened.close

            def closing() -> None:
                if opened.closed:
                    return
                with points.around("close", what):
                    close()

            opened.close = closing
        return opened

    io.open = builtins.open = hooked  # type: ignore[assignment]  # Path.open() takes io's, everybody else builtins'


def _parquet(points: _Points) -> None:
    def describe(writer: Any) -> tuple[str, str] | None:
        return ("finish Parquet", points.name(str(writer.where))) if writer.is_open else None

    _wrap(pq.ParquetWriter, "close", points, describe)


class _DuckDB:
    """Points around what a DuckDB connection makes last: COMMIT, a write outside a transaction, CHECKPOINT, close."""

    def __init__(self, points: _Points) -> None:
        self._points = points
        self._open: dict[int, str] = {}  # connection → name of its file
        self._written: dict[int, str] = {}  # connection in a transaction → what was written last
        self._cursors: set[int] = set()  # closing one makes nothing last
        self._in_memory: set[str] = set()  # attached databases without a file

    def install(self) -> None:
        kind, connect, cursor = duckdb.DuckDBPyConnection, duckdb.connect, duckdb.DuckDBPyConnection.cursor

        def connecting(database: Any = ":memory:", *arguments: Any, **options: Any) -> Any:
            made = connect(database, *arguments, **options)
            self._cursors.discard(id(made))
            self._open[id(made)] = self._points.name(str(database))
            return made

        def another(connection: Any) -> Any:
            made = cursor(connection)
            self._open[id(made)] = self._open.get(id(connection), "")
            self._cursors.add(id(made))
            return made

        duckdb.connect, kind.cursor = connecting, another
        for name in ("execute", "executemany", "sql", "query"):
            if hasattr(kind, name):
                _wrap(kind, name, self._points, self._executed)
        _wrap(kind, "begin", self._points, lambda connection: self._executed(connection, "BEGIN"))
        _wrap(kind, "commit", self._points, lambda connection: self._executed(connection, "COMMIT"))
        _wrap(kind, "close", self._points, self._closed)
        _wrap(kind, "__exit__", self._points, self._closed)

    def _executed(self, connection: Any, query: Any, *_: Any, **__: Any) -> tuple[str, str] | None:
        text, at = _COMMENT.sub(" ", str(query)).strip(), id(connection)
        word = text[:8].upper()
        if word.startswith("BEGIN"):
            self._written[at] = ""
            return None
        if word.startswith(("COMMIT", "ROLLBACK")):
            last = self._written.pop(at, "")
            return ("COMMIT of", last) if last and word.startswith("COMMIT") else None
        what = next(filter(None, map(self._write, reversed(_NEXT.split(text)))), "")  # of several the last one
        if what and at in self._written:
            self._written[at] = what
            return None
        return ("autocommitted", what) if what and self._open.get(at) else None

    def _write(self, text: str) -> str:
        found = None if _TEMPORARY.match(text) else _STATEMENT.match(text)
        if found is None:
            return ""
        verb, target = " ".join(found["verb"].upper().split()), found["target"].strip("'\";(,")
        if target == ":memory:":
            self._in_memory.add(text.rsplit(maxsplit=1)[-1])
        if target == ":memory:" or target.partition(".")[0] in self._in_memory:
            return ""
        if (
            verb == "COPY"
            or verb.startswith("COMMENT")
            or verb.endswith("EXISTS")
            or target.startswith("publication_file.")
        ):
            return verb  # one of many alike
        where = self._points.name(target) if target.startswith("/") else re.sub(r"\d+", "N", target)
        return f"{verb} {where}".strip().replace('"', "")

    def _closed(self, connection: Any, *_: Any) -> tuple[str, str] | None:
        what = self._open.pop(id(connection), "")
        self._written.pop(id(connection), None)
        return ("close", what) if what and id(connection) not in self._cursors else None


def _psycopg(points: _Points) -> None:
    def left(transaction: Any, kind: Any, *_: Any) -> tuple[str, str] | None:
        outermost = transaction._outer_transaction
        return ("COMMIT in", "PostgreSQL") if outermost and kind is None else None

    def ended(_: Any, kind: Any, *__: Any) -> tuple[str, str] | None:
        return ("end COPY in", "PostgreSQL") if kind is None else None

    def committed(connection: Any) -> tuple[str, str] | None:
        idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        return None if idle else ("COMMIT in", "PostgreSQL")

    def executed(cursor: Any, query: Any, *_: Any, **__: Any) -> tuple[str, str] | None:
        connection = cursor.connection
        idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        text = query if isinstance(query, str) else query.as_string(connection)
        if text.rstrip("; ").endswith("COMMIT"):
            return ("COMMIT in", "PostgreSQL")
        if slot := _SLOT.search(text):
            return ("execute at the source", slot[0])
        found = _STATEMENT.match(_COMMENT.sub(" ", text)) if connection.autocommit and idle else None
        return ("autocommitted in PostgreSQL", " ".join(found["verb"].upper().split())) if found else None

    _wrap(psycopg.Transaction, "__exit__", points, left)
    _wrap(psycopg.Connection, "commit", points, committed)
    _wrap(psycopg.Cursor, "execute", points, executed)
    _wrap(
        psycopg.Copy, "__exit__", points, lambda _, kind, *__: ("end COPY in", "PostgreSQL") if kind is None else None
    )
