"""Publishing by hand from Airflow: whoever starts the run answers for it, and nothing happens unconfirmed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backoffice.airflow import publication as tasks
from backoffice.ops import publication

pytestmark = pytest.mark.airflow
RUN = SimpleNamespace(dag_id="rollback_marts", run_id="manual__1", triggering_user_name="ada")


@pytest.fixture
def called(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of the publication."""
    calls: list[tuple[Any, ...]] = []

    def note(name: str, result: dict[str, Any]) -> Any:
        return lambda _, *values, **named: calls.append((name, *values, *named.values())) or result

    monkeypatch.setattr(tasks, "get_settings", lambda: settings)
    for name in ("roll_back", "lift", "publish_now"):
        monkeypatch.setattr(publication, name, note(name, {"sentence": ""}))
    return calls


def test_an_unconfirmed_rollback_does_nothing(called):
    with pytest.raises(Exception, match="nothing was done"):
        tasks.roll_back_marts({"version": "", "reason": "wrong", "confirm": False}, RUN)
    assert called == []


def test_a_rollback_is_in_the_name_of_who_started_it(called):
    tasks.roll_back_marts({"version": "000001-20260301T080000Z", "reason": "wrong", "confirm": True}, RUN)
    assert called == [("roll_back", "000001-20260301T080000Z", "ada", "wrong")]


def test_publishing_lifts_a_hold_only_when_asked(called):
    tasks.publish_marts({"resume": False, "reason": ""}, RUN)
    assert [call[0] for call in called] == ["publish_now"]
    tasks.publish_marts({"resume": True, "reason": "corrected"}, SimpleNamespace(dag_id="publish_marts", run_id="r"))
    assert called[1:] == [("lift", "run r", "corrected"), ("publish_now", "airflow:publish_marts:r", 3600.0)]
