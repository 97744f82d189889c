"""The rehearsal builds the project without touching the platform."""

from __future__ import annotations

from pathlib import Path

from backoffice.ops.rehearsal import rehearse
from backoffice.settings import Settings


def test_a_rehearsal_leaves_no_trace(small_project: Path, tmp_path: Path) -> None:
    settings = Settings(project_dir=small_project, home=tmp_path / "home")
    settings.home.mkdir()
    rehearse(settings)
    assert list(settings.home.iterdir()) == []
