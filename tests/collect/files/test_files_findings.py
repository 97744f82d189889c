"""What status and doctor say of a files source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.collect.files import files_held, findings_of
from backoffice.collect.files.collector import FileCollector

Make = Callable[..., Any]


@pytest.fixture
def people(inbox: Make, make_read: Callable[..., dict[str, Any]]) -> Any:
    return inbox(people=make_read("people*.csv", "id", "name", "town"))


def _names(inbox: Any) -> list[str]:
    return [file for file, _ in findings_of(inbox.settings, "hr")]


def test_a_file_set_aside_is_found_until_it_is_gone_or_mended(people: Any) -> None:
    people.drop("people1.csv", "")
    path = people.drop("people2.csv", "")
    people.land()
    assert findings_of(people.settings, "hr")[0] == (
        "people1.csv",
        "set aside: the file is empty where a header is due",
    )
    assert _names(people) == files_held(people.settings, "hr") == ["people1.csv", "people2.csv"]
    path.unlink()
    people.drop("people1.csv", "id,name,town\n1,a,b\n")
    people.land()
    assert findings_of(people.settings, "hr") == []


def test_a_file_set_aside_is_found_by_a_collector_that_has_not_read_it_yet(people: Any) -> None:
    people.drop("people1.csv", "")
    people.land()
    again: FileCollector = people.collector()
    again.scan_once()
    assert _names(people) == ["people1.csv"]


def test_a_file_that_is_only_touched_stays_set_aside(people: Any) -> None:
    path = people.drop("people1.csv", "")
    collector = people.collector()
    people.land(collector)
    path.chmod(0o600)
    people.land(collector)
    assert _names(people) == ["people1.csv"]


def test_drift_of_the_newest_file_is_told_and_told_again_by_the_next_collector(people: Any) -> None:
    people.drop("people1.csv", "id,name,x\n1,a,b\n")
    people.land()
    told = [("people1.csv (hr-0000000001)", "missing 'town': quarantine; new 'x': evolve")]
    assert findings_of(people.settings, "hr") == told
    assert files_held(people.settings, "hr") == ["people1.csv"]
    (people.settings.collect_dir / "hr.files.json").unlink()
    people.land()
    assert findings_of(people.settings, "hr") == told
    people.drop("people2.csv", "id,name,town\n1,a,b\n", mtime=1_700_000_100)
    people.land()
    assert findings_of(people.settings, "hr") == []


def test_a_source_without_files_has_no_findings(people: Any) -> None:
    assert findings_of(people.settings, "shop") == []
