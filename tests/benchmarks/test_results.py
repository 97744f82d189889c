"""Keeping figures: the newest of each name, in both files."""

from __future__ import annotations

import json
import math

import pytest

from results import Result, percentile, record


def test_a_later_run_replaces_its_section_and_names_only(tmp_path):
    record("One", [Result("one.a", 1.5, "s", "<= 1", baseline=3.0), Result("one.b", 7, "rows")], folder=tmp_path)
    record("Two", [Result("two.a", 12345, "rows/s", ">= 200")], ["on a quiet machine"], folder=tmp_path)
    record("One", [Result("one.a", 0.5, "s", "<= 1", baseline=2.0)], folder=tmp_path)

    entries = {entry["name"]: entry for entry in json.loads((tmp_path / "results.json").read_text())}
    assert set(entries) == {"one.a", "one.b", "two.a"}
    assert set(entries["one.a"]) == {"name", "value", "unit", "baseline", "ratio", "goal", "date", "cores"}
    assert (entries["one.a"]["value"], entries["one.a"]["ratio"]) == (0.5, 0.25)

    text = (tmp_path / "RESULTS.md").read_text()
    assert text.index("## One") < text.index("## Two")
    assert "| one.a | 0.5 | s | <= 1 | yes | 2 | 0.25 |" in text
    assert "| two.a | 12,345 | rows/s | >= 200 | yes |  |  |" in text
    assert "one.b" not in text
    assert "- on a quiet machine" in text


@pytest.mark.parametrize(
    ("value", "goal", "met"),
    [
        (5, "<= 5", True),
        (5.1, "<= 5", False),
        (199, ">= 200", False),
        (0, "= 0", True),
        (1, "= 0", False),
        (1, "", None),
    ],
)
def test_goals(value, goal, met):
    assert Result("x", value, "s", goal).met is met


def test_a_goal_that_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="at most 5"):
        Result("x", 1, "s", "at most 5").met  # noqa: B018


def test_what_never_came_is_no_number(tmp_path):
    record("One", [Result("one.a", math.inf, "s", "<= 1")], folder=tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())[0]["value"] is None
    assert "| one.a | never | s | <= 1 | **no** |" in (tmp_path / "RESULTS.md").read_text()


def test_percentiles_are_values_that_occurred():
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.01) == 7
    assert math.isnan(percentile([], 0.5))
