"""One publisher at a time, who removes what a killed one left half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from backoffice.errors import PublishError
from backoffice.publish.lock import publishing
from backoffice.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(project_dir=tmp_path, home=tmp_path / "home")


def test_a_second_publisher_waits_and_is_told_of_the_first(settings):
    with publishing(settings):
        with pytest.raises(PublishError, match=r"process \d+ is publishing"), publishing(settings, wait=0.1):
            pytest.fail("two publishers at once")
        with pytest.raises(PublishError), publishing(settings, wait=0.0):
            pytest.fail("two publishers at once")
    with publishing(settings, wait=0.0):
        pass


def test_what_a_killed_publisher_left_half_written_is_removed(settings):
    folder = settings.publications_dir
    folder.mkdir(parents=True)
    for name in (".000002-20260131T120000Z.json.tmp", ".hold.json.tmp", "000001-20260131T110000Z.json", "holds.jsonl"):
        (folder / name).write_text("{", encoding="utf-8")
    with publishing(settings):
        assert sorted(path.name for path in folder.iterdir()) == [
            "000001-20260131T110000Z.json",
            "holds.jsonl",
            "publish.lock",
        ]
