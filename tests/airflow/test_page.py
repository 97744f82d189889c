"""The page in Airflow says what readers see and why, to users who are logged in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backoffice.airflow.environment import child_environment
from backoffice.airflow.page import render

pytestmark = pytest.mark.airflow

STATUS = {
    "state": "withheld",
    "reason": "books_are_wrong: 1 rows break it; <b>net</b> & gross differ",
    "version": "000001-20260301T080000Z",
    "checked_at": "2026-03-01T08:20:00Z",
    "generations": [
        {"generation": 2, "state": "withheld", "reason": "books_are_wrong (1 rows)", "as_of": "2026-03-01T08:19:00Z"}
    ],
}


def test_the_reason_is_shown_as_it_is():
    page = render(STATUS)
    assert "&lt;b&gt;net&lt;/b&gt; &amp; gross differ" in page
    assert "000001-20260301T080000Z" in page and "books_are_wrong (1 rows)" in page
    assert "2026-03-01 08:20:00 UTC" in page


def test_before_anything_was_built():
    assert "Nothing has been built yet" in render({})


def test_the_api_server_shows_it_to_nobody_who_is_not_logged_in(settings):
    script = """
import airflow.api_fastapi.app
from airflow import plugins_manager
from fastapi.testclient import TestClient
apps, _ = plugins_manager.get_fastapi_plugins()
(page,) = [app for app in apps if app["url_prefix"] == "/backoffice"]
views, _ = plugins_manager._get_ui_plugins()
assert [view["href"] for view in views if view["name"] == "Marts"] == ["/backoffice/status"], views
from airflow.api_fastapi.core_api.security import get_user
client = TestClient(page["app"])
print(client.get("/status").status_code)
page["app"].dependency_overrides[get_user] = lambda: object()
answer = client.get("/status")
print(answer.status_code, "Nothing has been built yet" in answer.text)
"""
    database = f"sqlite:///{settings.home}/unused.db"
    environment = child_environment(settings.model_copy(update={"airflow_db_url": database}))
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-2:] == ["401", "200 True"]
