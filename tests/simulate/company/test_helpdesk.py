"""The helpdesk: its outbox reaches the endpoint once whatever fails between, its API gives every answer once."""

from __future__ import annotations

import shutil
import threading
import time

import httpx
import pytest
from tests.push.world import PushWorld
from tests.simulate.company import books

from backoffice.collect.push import PushCollector
from backoffice.collect.rest import RestCollector
from backoffice.errors import ServerError
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.simulate.company import api, sender
from backoffice.simulate.company.helpdesk import Helpdesk, event_id
from backoffice.simulate.company.history import Past
from backoffice.simulate.company.start import company_variables
from backoffice.sources import load_source

COMPANY = Settings().sources_dir


@pytest.fixture(scope="module")
def told(sixty_days):
    """What the helpdesk tells of sixty days: each ticket as it is now."""
    past = Past()
    past.add(sixty_days.changes)
    return [change for change in past.changes() if change.system == "crm"]


@pytest.fixture
def helpdesk(told, tmp_path):
    """The helpdesk after sixty days."""
    made = Helpdesk(tmp_path / "helpdesk.sqlite")
    made.deliver(told, (books.TODAY, 0))
    return made


def test_what_is_delivered_twice_is_in_the_outbox_once(helpdesk, told):
    before = helpdesk.waiting()
    assert before == len({event_id(c) for c in told if c.table != "crm.survey"}) > 1000
    helpdesk.deliver(told, (books.TODAY, 7))
    assert helpdesk.waiting() == before
    assert helpdesk.place() == (books.TODAY, 7)


def test_every_event_is_accepted_and_lands_once(helpdesk, tmp_path, free_port, monkeypatch):
    """Also those whose acceptance the sender did not hear of: it sends them again."""
    world = PushWorld(tmp_path / "push", free_port())
    shutil.copy(COMPANY / "helpdesk.yaml", world.settings.sources_dir)
    total, forgotten = helpdesk.waiting(), []
    accept = helpdesk.accepted

    def forgetful(events):
        forgotten.append(events)
        if len(forgotten) != 2:
            accept(events)

    monkeypatch.setattr(helpdesk, "accepted", forgetful)
    stop = threading.Event()
    thread = threading.Thread(target=sender.send, args=(world.settings, helpdesk, stop))
    thread.start()  # the endpoint is not there yet
    with world.endpoint():
        deadline = time.monotonic() + 120
        while helpdesk.waiting() and time.monotonic() < deadline:
            time.sleep(0.1)
        stop.set()
        thread.join()
    assert helpdesk.waiting() == 0
    config = load_source(COMPANY / "helpdesk.yaml")
    PushCollector(config, world.store, world.settings).run(0, lambda _: None)
    landed = [t.rows for manifest in world.store.batches("helpdesk") for t in manifest.tables]
    assert sum(landed) == total


def test_answers_are_read_page_by_page_each_once(helpdesk, sixty_days, tmp_path, free_port, monkeypatch):
    settings = Settings(home=tmp_path / "home", demo_api_port=free_port())
    for name, value in company_variables(settings).items():
        monkeypatch.setenv(name, value)
    store = LocalBatchStore(settings.landing_dir)
    with api.serving(settings, helpdesk):
        for _ in range(2):
            RestCollector(load_source(COMPANY / "surveys.yaml"), store, settings).run(0, lambda _: None)
    answers = sixty_days.rows["crm.survey"]
    landed = [t.rows for manifest in store.batches("surveys") for t in manifest.tables]
    assert sum(landed) == len(answers) > 200


def test_the_api_says_what_is_wrong(helpdesk, free_port):
    settings = Settings(demo_api_port=free_port())
    with api.serving(settings, helpdesk) as port:
        address = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{address}/nothing").status_code == 404
        assert httpx.get(f"{address}{api.PATH}?limit=9999").status_code == 400
        first = httpx.get(f"{address}{api.PATH}?limit=2").json()
        after = httpx.get(f"{address}{api.PATH}?limit=2&after={first['next']}").json()
        assert [row["id"] for row in first["surveys"] + after["surveys"]] == [1, 2, 3, 4]
        with pytest.raises(ServerError, match="cannot listen"), api.serving(settings, helpdesk):
            pass
