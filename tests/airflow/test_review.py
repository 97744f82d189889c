"""The tasks of the DAG that asks people, without Airflow: options agree, an answer finds its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.validate.conftest import World, world  # noqa: F401

from backoffice.airflow import review as tasks
from backoffice.validate import review
from backoffice.validate.outstanding import outstanding, write_outstanding

PARAMS: dict[str, Any] = {"document": "", "key": "", "batch": "", "row": 0}


def test_the_options_are_those_an_answer_is_read_by() -> None:
    assert tasks.OPTIONS == [review.RELEASE, review.KEEP] and tasks.UNANSWERED == review.KEEP


def test_from_question_to_decision(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(tasks, "get_settings", lambda: world.settings)
    world.judge_rows(world.good(qty=Decimal(-1)))
    write_outstanding(world.settings, world.connection)
    (found,) = tasks.find_requests(PARAMS)
    assert set(found) == {"subject", "body", "request"}
    user = {"id": "1", "name": "ann"}
    given = {"chosen_options": ["Release"], "params_input": {"reason": "a return"}, "responded_by_user": user}
    assert "released by ann" in tasks.apply_answer(found["request"], given)
    assert [row.next for row in outstanding(world.settings, world.store)] == ["release by ann"]
    assert tasks.find_requests(PARAMS) == []


def test_no_answer_in_time_decides_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(tasks, "get_settings", lambda: world.settings)
    world.judge_rows(world.good(qty=Decimal(-1)))
    (found,) = tasks.find_requests(PARAMS)
    timed_out = {"chosen_options": [tasks.UNANSWERED], "params_input": {}, "responded_by_user": None}
    assert "nobody answered" in tasks.apply_answer(found["request"], timed_out)
    assert tasks.patience() < tasks.timedelta(hours=world.settings.airflow_keep_hours)
