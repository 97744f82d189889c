"""The lock of a source holds between processes and goes with its holder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backoffice.collect.lock import source_lock
from backoffice.errors import CollectError
from backoffice.settings import Settings

_HOLDER = """
import sys, time
from pathlib import Path
from backoffice.collect.lock import source_lock
from backoffice.settings import Settings
with source_lock(Settings(home=Path(sys.argv[1])), "hr"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_collector_is_refused_and_told_who_holds_the_source(settings: Settings) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(settings.home)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CollectError, match=f"process {holder.pid} since"), source_lock(settings, "hr"):
            pass
        with source_lock(settings, "crm"):
            pass
    finally:
        holder.kill()
        holder.wait()
    with source_lock(settings, "hr"):
        pass


def test_the_lock_is_free_after_the_block(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError), source_lock(settings, "hr"):
        raise ZeroDivisionError
    with source_lock(settings, "hr"):
        pass
