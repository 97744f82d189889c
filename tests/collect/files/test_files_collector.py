"""Which files land, which wait, which are passed over or set aside."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backoffice.collect.files import FileCounts, snapshot
from backoffice.collect.lock import source_lock
from backoffice.errors import CollectError, MappingError
from backoffice.landing import Manifest

Make = Callable[..., Any]
MakeRead = Callable[..., dict[str, Any]]


@pytest.fixture
def people(inbox: Make, make_read: MakeRead) -> Any:
    """Rows to add: every file holds new people."""
    return inbox(people=make_read("people*.csv", "id", "name") | {"drift": "freeze"})


@pytest.fixture
def staff(inbox: Make, make_read: MakeRead) -> Any:
    """Whole tables: every file is all of the staff."""
    return inbox(staff=make_read("staff*.csv", "id", "name", full=True))


def _names(landed: list[Manifest]) -> list[str]:
    return [manifest.offset["file"] for manifest in landed]


def test_a_file_is_one_batch_with_its_offset(people: Any) -> None:
    path = people.drop("people.csv", "id,name\n1,Åse\n2,Bo\n", mtime=1_772_366_400)
    (manifest,) = people.land()
    assert (manifest.kind, manifest.seq, manifest.rows) == ("file", 1, 2)
    assert manifest.event_at_min == manifest.event_at_max == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert not manifest.tables[0].full
    assert manifest.offset == {
        "file": "people.csv",
        "read": "people",
        "sha256": hashlib.sha256("id,name\n1,Åse\n2,Bo\n".encode()).hexdigest(),
        "size": 20,
        "mtime_ns": 1_772_366_400_000_000_000,
        "changed_ns": path.stat().st_ctime_ns,
        "passed_over": [],
    }
    assert [(row["_row_no"], row["name"], row["_source_file"]) for row in people.rows(manifest)] == [
        (1, "Åse", "people.csv"),
        (2, "Bo", "people.csv"),
    ]
    assert (people.folder / "people.csv").exists()


def test_a_whole_table_is_marked_full(staff: Any) -> None:
    staff.drop("staff.csv", "id,name\n1,Åse\n")
    (manifest,) = staff.land()
    assert [(table.name, table.full) for table in manifest.tables] == [("staff", True)]


def test_files_of_one_look_land_by_time_then_name(people: Any) -> None:
    for name, mtime in (("people_a.csv", 300), ("people_c.csv", 100), ("people_b.csv", 100)):
        people.drop(name, f"id,name\n1,{name}\n", mtime=mtime)
    landed = people.land()
    assert _names(landed) == ["people_b.csv", "people_c.csv", "people_a.csv"]
    assert [manifest.seq for manifest in landed] == [1, 2, 3]


def test_a_growing_file_waits_even_with_an_old_time(people: Any) -> None:
    collector = people.collector()
    people.drop("people.csv", "id,name\n1,Åse\n", mtime=1000)
    assert people.land(collector) != []
    people.drop("people2.csv", "id,name\n2,B", mtime=1000)
    assert collector.scan_once() == []
    for content in ("id,name\n2,Bo\n3", "id,name\n2,Bo\n3,Cy\n"):
        people.now += people.settings.file_stable_seconds - 0.1
        people.drop("people2.csv", content, mtime=1000)
        assert collector.scan_once() == []
    people.now += people.settings.file_stable_seconds
    (manifest,) = collector.scan_once()
    assert [row["name"] for row in people.rows(manifest)] == ["Bo", "Cy"]


def test_a_file_that_changes_while_it_is_read_waits_again(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people.drop("people.csv", "id,name\n1,Åse\n")
    collector = people.collector()
    collector.scan_once()
    people.now += people.settings.file_stable_seconds
    blocks = snapshot._blocks

    def read_and_touched(path: Path) -> Iterator[bytes]:
        yield from blocks(path)
        os.utime(path, (5, 5))

    monkeypatch.setattr(snapshot, "_blocks", read_and_touched)
    assert collector.scan_once() == []
    assert people.store.last("hr") is None
    monkeypatch.undo()
    assert collector.scan_once() == []
    people.now += people.settings.file_stable_seconds
    assert _names(collector.scan_once()) == ["people.csv"]


@pytest.mark.parametrize(
    "name",
    [".people.csv", "people.csv.tmp", "people.csv.part", "people.csv.filepart", "people.csv~", "people.csv.PART"],
)
def test_files_still_being_copied_are_known_by_their_names(inbox: Make, make_read: MakeRead, name: str) -> None:
    everything = inbox(people=make_read("*", "id", "name"))
    everything.drop(name, "id,name\n1,Åse\n")
    assert everything.land() == []
    everything.drop("people.csv", "id,name\n1,Åse\n")
    assert _names(everything.land()) == ["people.csv"]


def test_the_same_content_under_another_name_lands_once(people: Any) -> None:
    people.drop("people1.csv", "id,name\n1,Åse\n")
    people.drop("people2.csv", "id,name\n2,Bo\n")
    collector = people.collector()
    assert len(people.land(collector)) == 2
    people.drop("people3.csv", "id,name\n1,Åse\n", mtime=1_700_000_100)
    assert people.land(collector) == []
    assert collector.counts == FileCounts(landed=2, duplicates=1)
    assert people.land(people.collector()) == []


def test_a_restart_lands_nothing_again(people: Any) -> None:
    people.drop("people.csv", "id,name\n1,Åse\n")
    assert len(people.land()) == 1
    again = people.collector()
    assert people.land(again) == []
    assert again.counts == FileCounts()


def test_a_file_rewritten_under_its_name_lands_again(people: Any) -> None:
    people.drop("people.csv", "id,name\n1,Åse\n")
    collector = people.collector()
    people.land(collector)
    people.drop("people.csv", "id,name\n1,Åsa\n", mtime=1_700_000_100)
    (manifest,) = people.land(collector)
    assert (manifest.seq, people.rows(manifest)[0]["name"]) == (2, "Åsa")


def test_a_whole_table_that_went_back_to_an_earlier_state_lands(staff: Any) -> None:
    a, b = "id,name\n1,Åse\n", "id,name\n1,Bo\n"
    collector = staff.collector()
    for name, content, mtime in (("staff1.csv", a, 1), ("staff2.csv", b, 2), ("staff3.csv", a, 3)):
        staff.drop(name, content, mtime=mtime)
    assert _names(staff.land(collector)) == ["staff1.csv", "staff2.csv", "staff3.csv"]
    staff.drop("staff4.csv", a, mtime=4)
    assert staff.land(collector) == []
    assert collector.counts.duplicates == 1


def test_a_whole_table_rewritten_in_place_and_put_back_lands(staff: Any) -> None:
    a, b = "id,name\n1,Åse\n", "id,name\n1,Bo\n"
    staff.drop("staff.csv", a, mtime=1)
    assert len(staff.land()) == 1
    staff.drop("staff.csv", b, mtime=2)
    assert len(staff.land()) == 1
    staff.drop("staff.csv", a, mtime=1)
    assert len(staff.land()) == 1
    assert staff.land() == []


def test_a_restart_does_not_take_a_whole_table_back_to_a_duplicate_seen_before(staff: Any) -> None:
    a, b = "id,name\n1,Åse\n", "id,name\n1,Bo\n"
    collector = staff.collector()
    staff.drop("staff1.csv", a, mtime=1)
    staff.land(collector)
    staff.drop("staff2.csv", a, mtime=2)
    staff.land(collector)
    staff.drop("staff3.csv", b, mtime=3)
    (manifest,) = staff.land(collector)
    assert [entry["file"] for entry in manifest.offset["passed_over"]] == ["staff2.csv"]
    assert staff.land(staff.collector()) == []


def test_a_file_of_two_reads_is_a_mapping_error(inbox: Make, make_read: MakeRead) -> None:
    both = inbox(people=make_read("p*.csv", "id"), payroll=make_read("*roll.csv", "id"))
    both.drop("payroll.csv", "id\n1\n")
    with pytest.raises(MappingError, match=r"payroll.csv matches the patterns of people and payroll"):
        both.land()
    assert both.store.last("hr") is None


def test_a_bad_file_is_set_aside_once_and_the_others_go_on(people: Any) -> None:
    people.drop("people1.csv", "id,surname\n1,Ås\n", mtime=1)
    people.drop("people2.csv", "id,name\n1,Bo\n", mtime=2)
    collector = people.collector()
    assert _names(people.land(collector)) == ["people2.csv"]
    assert people.land(collector) == []
    assert people.land(people.collector()) == []
    (line,) = people.errors()
    error = json.loads(line)
    assert (error["file"], error["read"], error["size"]) == ("people1.csv", "people", 17)
    assert "column 'name' is missing; column 'surname' is not declared" in error["what"]
    assert collector.counts == FileCounts(landed=1, set_aside=1)


def test_a_half_written_list_of_errors_is_mended(people: Any) -> None:
    people.drop("people1.csv", "id,surname\n1,Ås\n", mtime=1)
    people.land()
    path = people.settings.collect_dir / "hr.errors.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    people.land()
    (line,) = people.errors()
    assert json.loads(line)["file"] == "people1.csv"


def test_an_empty_file_is_set_aside_where_a_header_is_due(people: Any) -> None:
    people.drop("people.csv", "")
    assert people.land() == []
    assert "empty where a header is due" in people.errors()[0]


def test_an_empty_whole_table_without_header_is_set_aside(inbox: Make, make_read: MakeRead) -> None:
    bare = inbox(staff=make_read("staff*.csv", "id", full=True, header=False))
    bare.drop("staff.csv", "")
    assert bare.land() == []
    assert "empty" in bare.errors()[0]


def test_an_empty_file_of_rows_to_add_lands_no_row(inbox: Make, make_read: MakeRead) -> None:
    bare = inbox(people=make_read("people*.csv", "id", header=False))
    bare.drop("people.csv", "")
    assert [manifest.rows for manifest in bare.land()] == [0]


def test_a_file_that_cannot_be_opened_is_tried_again(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = people.drop("people.csv", "id,name\n1,Åse\n")
    collector = people.collector()
    real_open = os.open

    def refused(name: Any, *args: Any, **kwargs: Any) -> int:
        if name == path:  # the tests may run as root, whom no permission stops
            raise PermissionError(13, "Permission denied")
        return real_open(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", refused)
    assert people.land(collector) == []
    assert collector.scan_once() == []
    assert len(people.errors()) == 1
    assert "Permission denied" in people.errors()[0]
    monkeypatch.undo()
    assert _names(collector.scan_once()) == ["people.csv"]


def test_a_mended_layout_lands_what_was_set_aside(inbox: Make, make_read: MakeRead) -> None:
    wrong = inbox(people=make_read("people*.csv", "id", "name") | {"drift": "freeze"})
    wrong.drop("people.csv", "id,surname\n1,Ås\n")
    assert wrong.land() == []
    mended = inbox(people=make_read("people*.csv", "id", "surname"))
    assert _names(mended.land()) == ["people.csv"]


def test_a_mended_layout_does_not_take_a_whole_table_back(inbox: Make, make_read: MakeRead) -> None:
    wrong = inbox(staff=make_read("staff*.csv", "id", "name", full=True) | {"drift": "freeze"})
    wrong.drop("staff1.csv", "id,surname\n1,Ås\n", mtime=1)
    wrong.drop("staff2.csv", "id,name\n1,Bo\n", mtime=2)
    assert _names(wrong.land()) == ["staff2.csv"]
    mended = inbox(staff=make_read("staff*.csv", "id", "surname", full=True))
    assert mended.land() == []
    assert "a newer copy of the whole table" in mended.errors()[-1]
    mended.drop("staff1.csv", "id,surname\n1,Ås\n", mtime=3)
    assert _names(mended.land()) == ["staff1.csv"]


def test_one_collector_a_source(people: Any) -> None:
    with source_lock(people.settings, "hr"), pytest.raises(CollectError, match="is being collected"):
        people.collector().scan_once()


def test_what_a_killed_collector_left_is_cleared(people: Any) -> None:
    left = people.settings.collect_dir / "hr.work" / "copy"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    people.land()
    assert not left.parent.exists()


def test_a_folder_outside_the_home_must_exist(people: Any) -> None:
    config = people.config().model_copy(
        update={"connection": people.config().connection.model_copy(update={"folder": "/no/such/mount"})}
    )
    with pytest.raises(CollectError, match="watched folder is not there"):
        type(people.collector())(config, people.store, people.settings).scan_once()


def test_a_run_of_no_seconds_lands_what_is_there(people: Any) -> None:
    people.settings = people.settings.model_copy(update={"file_stable_seconds": 0.05})
    people.drop("people1.csv", "id,name\n1,Åse\n")
    people.drop("people2.csv", "id,name\n2,Bo\n")
    landed: list[Manifest] = []
    collector = type(people.collector())(people.config(), people.store, people.settings)
    collector.run(0, landed.append)
    assert _names(landed) == ["people1.csv", "people2.csv"]


@pytest.mark.parametrize(
    "dialect",
    [{"delimiter": ""}, {"delimiter": "|||||"}, {"delimiter": '"'}, {"quote": "''"}, {"encoding": "no-such-code"}],
)
def test_layouts_nobody_can_follow_are_refused_before_any_file(
    inbox: Make, make_read: MakeRead, dialect: dict[str, Any]
) -> None:
    with pytest.raises(MappingError, match=r"cannot be used|not known"):
        inbox(people=make_read("*.csv", "id", **dialect)).collector()


@pytest.mark.parametrize("pattern", ["/etc/*.csv", "../*.csv"])
def test_a_pattern_stays_in_the_folder(inbox: Make, make_read: MakeRead, pattern: str) -> None:
    with pytest.raises(MappingError, match="leaves the watched folder"):
        inbox(people=make_read(pattern, "id")).collector()


def test_a_column_may_not_take_an_envelope_name(inbox: Make, make_read: MakeRead) -> None:
    with pytest.raises(MappingError, match="_row_no"):
        inbox(people=make_read("*.csv", "id", "_row_no")).collector()
