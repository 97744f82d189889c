"""The soak's readers notice what is wrong, and a short soak finds nothing."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from soak_readers import Versions

CHECKOUT = Path(__file__).parents[2]
SOUND = ("000001", 10, Decimal("5.00"), Decimal("5.0000"), 7, 1, 1, 1, 0, 0)


def _with(place: int, value: Any) -> tuple[Any, ...]:
    return (*SOUND[:place], value, *SOUND[place + 1 :])


def test_a_sound_version_is_no_violation() -> None:
    versions = Versions()
    for reader in ("psql", "file"):
        versions.note(reader, SOUND)
    assert (versions.violations, versions.reads, versions.seen) == ([], 2, 1)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([SOUND, _with(1, 11)], "version 000001 was"),
        ([_with(3, Decimal("4"))], "lines sum to"),
        ([_with(8, 2)], "2 lines without their customer"),
        ([_with(9, 1)], "the books are off by 1"),
    ],
    ids=["two states of a version", "totals", "orphans", "books"],
)
def test_half_a_version_is_a_violation(facts: list[tuple[Any, ...]], told: str) -> None:
    versions = Versions()
    for answer in facts:
        versions.note("psql", answer)
    assert len(versions.violations) == 1
    assert told in versions.violations[0]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_short_soak() -> None:
    command = [sys.executable, "benchmarks/soak.py", "--seconds", "90", "--no-record"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
