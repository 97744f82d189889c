"""The rehearsal builds the project without touching the platform."""

from __future__ import annotations

from backoffice.ops.rehearsal import rehearse
from backoffice.settings import Settings


def test_a_rehearsal_leaves_no_trace(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    rehearse(settings)
    assert list(settings.home.iterdir()) == []
