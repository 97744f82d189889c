"""The real data sets tests read; they lie beside the project and are never copied into it."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def shared_data(name: str) -> Path:
    """Path of a data set or a file in one, such as ``adventureworks/Employee.csv``; its absence fails the test."""
    path = (_SHARED / name).resolve()
    if not path.exists():
        pytest.fail(f"test data {name} is missing: {path}")
    return path
