"""Which published files are kept, and that one is only published again when it is what was published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.publish.support import MODELS

from backoffice.errors import PublishError
from backoffice.publish import kept_files, publish_file
from backoffice.publish.versions import check_file, find_file, retained

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MB = 1_000_000


def file(ago: timedelta, size: int = MB) -> tuple[Path, float, int]:
    made = NOW - ago
    return Path(f"marts-{1:06d}-{made:%Y%m%dT%H%M%SZ}.duckdb"), made.timestamp(), size


def kept(settings, files):
    return sorted(retained(settings, files, NOW.timestamp()), key=lambda path: path.name)


def test_every_file_of_the_last_hour_stays(settings):
    files = [file(timedelta(minutes=minutes)) for minutes in range(0, 180)]
    names = kept(settings, files)
    recent = [path for path, _, _ in files[:62]]  # the 62nd was superseded an hour ago
    # of the two hours before, the last file of each
    before = [path for path, _, _ in files if path.name.endswith(("T095900Z.duckdb", "T105900Z.duckdb"))]
    assert names == sorted(before + recent, key=lambda path: path.name)


def test_the_last_file_of_each_hour_and_day_stays(settings):
    files = [file(timedelta(hours=2, minutes=30 * half)) for half in range(24 * 2 * 12)]
    ages = [
        NOW - datetime.strptime(path.name[13:29], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        for path in kept(settings, files)
    ]
    hourly = [age for age in ages if age <= timedelta(hours=24, minutes=30)]
    assert len(hourly) == 23  # those of the last 24 hours that are more than two hours old
    assert len(ages) - len(hourly) == 6
    assert max(ages) <= timedelta(days=8)


def test_what_is_kept_fits_its_limit_and_the_recent_ones_stay_all_the_same(settings):
    small = settings.model_copy(update={"marts_files_gb": 0.0035})
    files = [file(timedelta(minutes=1)), *(file(timedelta(hours=hours)) for hours in range(2, 10))]
    assert len(kept(small, files)) == 3
    none = settings.model_copy(update={"marts_files_gb": 0.0})
    assert kept(none, files) == sorted(path for path, _, _ in files[:2])  # the newest, and the one it took over from


def test_an_unknown_version_names_those_that_are_kept(warehouse, settings):
    with pytest.raises(PublishError, match="those kept: none"):
        find_file(settings, "000001-20260301T080000Z")
    publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)
    with pytest.raises(PublishError, match=f"those kept: {warehouse.now.version}"):
        find_file(settings, "000009-20260301T080000Z")


def test_a_kept_file_describes_its_models(warehouse, settings):
    publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)
    (found,) = kept_files(settings)
    assert list(found.models) == MODELS
    assert check_file(settings, found) == settings.marts_dir / found.file


def test_a_changed_file_is_not_published_again(warehouse, settings):
    path = publish_file(warehouse.connection, MODELS, settings, **warehouse.now.values)
    path.chmod(0o644)
    with path.open("r+b") as opened:
        opened.seek(5000)
        opened.write(b"\x00changed\x00")
    with pytest.raises(PublishError, match="SHA-256 differs"):
        check_file(settings, find_file(settings, warehouse.now.version))
