"""Files of some days are read again: only rows that are read otherwise land once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from backoffice.collect.backfill import Backfill, BackfillRequests

NOVEMBER = Backfill(reads=("hours",), first=date(2023, 11, 14), last=date(2023, 11, 15))  # the tests' files are of it


def test_unchanged_files_land_nothing(inbox: Callable[..., Any], make_read: Callable[..., Any]) -> None:
    box = inbox(hours=make_read("h*.csv", "id", "n"))
    box.drop("h1.csv", "id,n\n1,5\n2,6\n")
    assert len(box.land()) == 1
    BackfillRequests(box.settings, "hr").add(NOVEMBER)
    assert box.land() == []
    assert BackfillRequests(box.settings, "hr").pending() == []


def test_a_row_that_was_unreadable_is_put_right(inbox: Callable[..., Any], make_read: Callable[..., Any]) -> None:
    """Semicolons were declared as commas: the file landed as defects, and is read again with the right dialect."""
    box = inbox(hours=make_read("h*.csv", "id", "n", header=False, delimiter=","))
    box.drop("h1.csv", "1;5\n2;6\n")
    box.drop("h2.csv", "2,7\n", mtime=1_700_000_100)
    first, _ = box.land()
    assert all(row["_defect"] for row in box.rows(first))
    box.reads["hours"] = make_read("h*.csv", "id", "n", header=False, delimiter=";")
    BackfillRequests(box.settings, "hr").add(NOVEMBER.model_copy(update={"last": date(2023, 11, 14)}))
    landed = [manifest for manifest in box.land() if "backfill" in manifest.notes]
    rows = [row for manifest in landed for row in box.rows(manifest) if row["_source_file"] == "h1.csv"]
    assert [(row["id"], row["n"], row["_row_no"]) for row in rows] == [("1", "5", 1)], "2 has a newer version"
    BackfillRequests(box.settings, "hr").add(NOVEMBER)
    assert [m for m in box.land() if any(row["_source_file"] == "h1.csv" for row in box.rows(m))] == []
