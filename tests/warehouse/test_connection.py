"""Opening the warehouse: what it may take, and while somebody else has it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from backoffice.errors import WarehouseError
from backoffice.settings import Settings
from backoffice.warehouse import connection as opening
from backoffice.warehouse.connection import open_warehouse

_HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def _held_by_another_process(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    settings.warehouse_path.parent.mkdir(parents=True)
    command = [sys.executable, "-c", _HOLDER, str(settings.warehouse_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_who_held_the_lease_before_may_still_be_closing_the_file(settings: Settings) -> None:
    with _held_by_another_process(settings) as holder:
        threading.Timer(0.5, holder.kill).start()
        with open_warehouse(settings) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_program_that_keeps_it_open_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_CLOSING_SECONDS", 0.2)
    with (
        _held_by_another_process(settings) as holder,
        pytest.raises(WarehouseError, match=rf"PID {holder.pid}"),
        open_warehouse(settings),
    ):
        pass


def test_memory_is_as_set_else_a_share_of_the_machine(settings: Settings) -> None:
    limit = "SELECT current_setting('memory_limit')"
    with open_warehouse(settings.model_copy(update={"duckdb_memory": "512MiB"})) as connection:
        assert connection.execute(limit).fetchone() == ("512.0 MiB",)
    with duckdb.connect() as plain, open_warehouse(settings) as connection:
        (own,), (ours,) = plain.execute(limit).fetchone() or (), connection.execute(limit).fetchone() or ()
    assert _bytes(ours) == pytest.approx(_bytes(own) / 2, rel=0.05)


def _bytes(told: str) -> float:
    amount, unit = told.split()
    return float(amount) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB"].index(unit)
