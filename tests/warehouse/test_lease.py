"""One writer: held, handed on, expired, taken over after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backoffice.errors import LeaseHeldError
from backoffice.settings import Settings
from backoffice.warehouse.lease import Lease


def _settings(tmp_path: Path, seconds: float = 60.0) -> Settings:
    return Settings(home=tmp_path, lease_seconds=seconds)


def test_another_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    lease = Lease(_settings(tmp_path))
    with (
        lease.held("airflow:refresh_marts:run 1"),
        pytest.raises(LeaseHeldError, match="refresh_marts:run 1"),
        lease.held("cli:rebuild"),
    ):
        pytest.fail("two holders at once")
    with lease.held("cli:rebuild"):
        assert lease.current() is not None
    assert lease.current() is None


def test_a_kept_lease_belongs_to_its_holder_until_it_expires(tmp_path: Path) -> None:
    lease = Lease(_settings(tmp_path))
    with lease.held("run 1", release=False):
        pass
    with pytest.raises(LeaseHeldError), lease.held("run 2"):
        pytest.fail("the lease is kept for run 1")
    with lease.held("run 1"):
        pass
    short = Lease(_settings(tmp_path, seconds=0.0))
    with short.held("run 3", release=False):
        pass
    with lease.held("run 4"):
        pass


def test_a_failure_gives_the_lease_up(tmp_path: Path) -> None:
    lease = Lease(_settings(tmp_path))
    with pytest.raises(ValueError, match="broken"), lease.held("run 1", release=False):
        raise ValueError("broken")
    with lease.held("run 2"):
        pass


def test_a_killed_holder_loses_the_lock_at_once_and_the_lease_by_time(tmp_path: Path) -> None:
    code = """
        import sys, time
        from pathlib import Path
        from backoffice.settings import Settings
        from backoffice.warehouse.lease import Lease
        with Lease(Settings(home=Path(sys.argv[1]), lease_seconds=0.5)).held("killed"):
            print("held", flush=True)
            time.sleep(60)
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    lease = Lease(_settings(tmp_path))
    with pytest.raises(LeaseHeldError), lease.held("next"):
        pytest.fail("two holders at once")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with lease.held("next", wait=10):
        record = lease.current()
        assert record is not None and record.holder == "next"
