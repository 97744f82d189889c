"""Rows of a real API: paged, throttled, failing, killed; each version lands once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from fastapi.responses import JSONResponse, Response
from tests.collect.rest.api import TOKEN, Api, serving

from backoffice.collect.heartbeat import last_caught_up
from backoffice.collect.rest import RestCollector
from backoffice.collect.run import backfill, resync
from backoffice.errors import CollectError, MappingError, SettingsError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import load_source

CHECKOUT = Path(__file__).parents[3]
TICKET = {
    "path": "tickets",
    "rows": "items",
    "params": {"size": 3},
    "primary_key": ["id"],
    "columns": {
        "id": "BIGINT",
        "subject": "VARCHAR",
        "customer": "VARCHAR",
        "value": "DECIMAL(9,2)",
        "changed": "TIMESTAMPTZ",
    },
    "paths": {"customer": "customer.id"},
}
CURSOR = {"cursor": "changed", "cursor_param": "since", "overlap": "1 hours"}


class World:
    """The source's file, what landed, and the API."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.api = api
        project = folder / "project"
        (project / "sources").mkdir(parents=True)
        self.settings = Settings(project_dir=project, home=folder / "home")
        self.store = LocalBatchStore(self.settings.landing_dir)
        self.write()

    def write(self, read: dict[str, Any] | None = None, **connection: Any) -> None:
        """The source's file: the read with some keys changed, the connection too."""
        content = {
            "apiVersion": "backoffice/v1",
            "source": "crm",
            "source_relation": "crm",
            "description": "A ticket system.",
            "connection": {
                "kind": "rest",
                "url": self.api.url,
                "auth": {"type": "bearer", "token_env": "CRM_TOKEN"},
                "paging": {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": "pages"},
                "every_seconds": 0.1,
                "attempts": 3,
            }
            | connection,
            "reads": {"ticket": TICKET | (read or {})},
            "tables": {},
        }
        (self.settings.sources_dir / "crm.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    def collector(self) -> RestCollector:
        return RestCollector(load_source(self.settings.sources_dir / "crm.yaml"), self.store, self.settings)

    def collect(self, seconds: float = 0, **settings: Any) -> list[Manifest]:
        """Read once, and give what landed."""
        landed: list[Manifest] = []
        self.settings = self.settings.model_copy(update=settings)
        self.collector().run(seconds, landed.append)
        return landed

    def rows(self) -> list[dict[str, Any]]:
        """Every landed row, in order."""
        found: list[dict[str, Any]] = []
        for manifest in self.store.batches("crm"):
            found += pq.read_table(self.store.uri(manifest, "ticket")).to_pylist()
        return found

    def versions(self) -> list[tuple[str, int, str | None]]:
        return [(row["_op"], row["id"], row["subject"]) for row in self.rows()]


@pytest.fixture(scope="module")
def served(free_port: Callable[[], int]) -> Iterator[Api]:
    with serving(free_port()) as api:
        yield api


@pytest.fixture
def world(tmp_path: Path, served: Api, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in [name for name in os.environ if name.startswith("BACKOFFICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CRM_TOKEN", TOKEN)
    served.tickets.clear()
    served.asked.clear()
    served.planned.clear()
    served.times.clear()
    served.before_page = lambda _: None
    made = World(tmp_path, served)
    for number in range(1, 8):
        served.put(number)
    return made


def refusal(status: int, **headers: str) -> Response:
    return JSONResponse({"error": status}, status_code=status, headers=headers)


def test_every_page_lands_in_the_declared_types(world):
    world.api.put(2, colour="red", value=None)
    (manifest,) = world.collect()
    assert world.api.asked == [f"page={n} since=" for n in (1, 2, 3)]
    rows = world.rows()
    assert [row["id"] for row in rows] == list(range(1, 8))
    first = {name: value for name, value in rows[0].items() if name not in ("_ingested_at", "_event_id")}
    assert first == {
        "id": 1,
        "subject": "s1",
        "customer": "C1",
        "value": Decimal("1.10"),
        "changed": datetime(2026, 11, 20, 8, tzinfo=UTC),
        "_batch_id": "crm-0000000001",
        "_row_no": 1,
        "_op": "u",
        "_event_at": rows[0]["_ingested_at"],
        "_source_file": None,
        "_unchanged": None,
        "_defect": None,
        "_event": json.dumps(world.api.tickets[1]).replace(" ", ""),
    }
    assert json.loads(rows[1]["_event"])["colour"] == "red" and rows[1]["value"] is None
    assert len({row["_event_id"] for row in rows}) == 7
    assert manifest.kind == "rest" and manifest.offset == {"cursors": {}}
    assert last_caught_up(world.settings, "crm") is not None


def test_what_is_as_it_landed_does_not_land_again(world):
    world.collect()
    world.api.put(3, subject="new")
    world.api.put(9)
    world.api.put(4, colour="not declared")
    world.collect()
    assert world.collect() == []
    assert world.versions()[7:] == [("u", 3, "new"), ("u", 9, "s9")]
    world.api.put(3)
    world.collect()
    assert world.versions()[9:] == [("u", 3, "s3")]


def test_a_cursor_asks_for_what_changed_with_an_overlap(world):
    world.write(CURSOR)
    for number, hour in ((1, "06"), (2, "07"), (3, "09")):
        world.api.put(number, changed=f"2026-11-20T{hour}:30:00.500Z")
    (manifest,) = world.collect()
    assert manifest.offset == {"cursors": {"ticket": "2026-11-20T09:30:00.500000Z"}}
    world.api.asked.clear()
    assert world.collect() == []
    assert world.api.asked == ["page=1 since=2026-11-20T08:30:00.500000Z"]
    world.api.put(5, changed="2026-11-20T08:45:00Z")  # came late: inside of the overlap
    world.api.put(6, changed="2026-11-20T10:00:00+01:00")  # an earlier instant in a greater text
    (manifest,) = world.collect()
    assert [row["id"] for row in world.rows()[7:]] == [5, 6]
    assert manifest.offset == {"cursors": {"ticket": "2026-11-20T09:30:00.500000Z"}}
    assert world.rows()[-1]["_event_at"] == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_a_full_reading_comes_due_and_finds_what_the_cursor_missed(world):
    world.write(CURSOR | {"delete_mode": "missing_in_full", "full_every": "1 minutes"})
    world.collect()
    world.api.put(2, changed="2020-01-01T00:00:00Z", subject="late")
    del world.api.tickets[5]
    assert world.collect() == []
    path = world.settings.collect_dir / "crm.known.sqlite"
    for old in path.parent.glob(f"{path.name}*"):  # it also remembers when the last full reading was
        old.unlink()
    world.collect()
    assert world.versions()[7:] == [("u", 2, "late"), ("d", 5, None)]
    assert world.collect() == []


@pytest.mark.parametrize("mode", ["never", "missing_in_full"])
def test_rows_that_are_gone(world, mode):
    world.write({"delete_mode": mode})
    world.collect()
    del world.api.tickets[1], world.api.tickets[7]
    landed = world.collect()
    if mode == "never":
        assert landed == []
        return
    assert world.versions()[7:] == [("d", 1, None), ("d", 7, None)]
    assert world.rows()[-1]["customer"] is None
    assert world.collect() == []
    world.api.put(7)
    world.collect()
    assert world.versions()[9:] == [("u", 7, "s7")]


def test_a_row_that_moved_to_a_page_that_was_read_is_not_taken_for_deleted(world):
    world.write({"delete_mode": "missing_in_full"})
    world.collect()

    def remove_one(page: int) -> None:
        if page == 2:  # 4 moves to the first page, which was read
            world.api.tickets.pop(1, None)

    world.api.before_page = remove_one
    assert world.collect() == []  # 1 was still there, 4 is found by the second look
    world.collect()
    assert world.versions()[7:] == [("d", 1, None)]


def test_a_reading_that_fails_deletes_nothing(world):
    world.write({"delete_mode": "missing_in_full"})
    world.collect()
    del world.api.tickets[2]
    world.api.planned.extend([None, refusal(500), refusal(500), refusal(500)])
    with pytest.raises(CollectError, match="does not answer"):
        world.collect()
    for answer in ({"error": "maintenance"}, {"items": {}}, {"items": ["x"]}, {"items": None}):
        world.api.planned.append(JSONResponse(answer))
        with pytest.raises(CollectError, match="an answer to ticket has"):
            world.collect()
    world.api.planned.append(Response("<html>", media_type="text/html"))
    with pytest.raises(CollectError, match="no JSON"):
        world.collect()
    assert len(world.rows()) == 7
    world.collect()
    assert world.versions()[7:] == [("d", 2, None)]


def test_a_throttling_api_is_asked_again_when_it_says(world):
    world.api.planned.extend([None, refusal(429, **{"Retry-After": "1"}), None, refusal(503)])
    world.collect()
    assert [row["id"] for row in world.rows()] == list(range(1, 8))
    assert world.api.asked == [f"page={n} since=" for n in (1, 2, 3)]
    second, again = world.api.times[1:3]
    assert again - second >= 1.0


def test_an_api_that_is_down_is_waited_for(world, caplog):
    world.api.planned.extend([refusal(502)] * 3)
    world.collect(seconds=4)
    assert [row["id"] for row in world.rows()] == list(range(1, 8))
    assert "waiting for the source" in caplog.text


def test_a_refusal_is_said_at_once(world, monkeypatch):
    monkeypatch.setenv("CRM_TOKEN", "wrong")
    with pytest.raises(CollectError, match="401 Unauthorized"):
        world.collect()
    assert world.api.asked == []
    monkeypatch.delenv("CRM_TOKEN")
    with pytest.raises(SettingsError, match="CRM_TOKEN is not set"):
        world.collect()


def test_a_list_at_the_top_keeps_every_digit(world):
    flat = {"path": "flat", "rows": "$", "params": {}, "paging": {"type": "single_page"}, "paths": {}}
    world.write(flat | {"columns": {"id": "INTEGER", "value": "DECIMAL(38,9)"}})
    world.collect()
    assert world.rows()[0]["value"] == Decimal("12345678901234567890.123456789")
    assert world.collect() == []


def test_a_value_that_does_not_fit_lands_with_its_defect_once(world):
    world.api.put(1, value="twelve")
    world.collect()
    assert world.collect() == []
    row = world.rows()[0]
    assert row["value"] is None and json.loads(row["_defect"])["value"] == "twelve"
    world.api.put(2, id=None)
    world.collect()
    assert world.collect() == []
    assert world.rows()[-1]["id"] is None


def test_a_lost_or_damaged_memory_is_made_again_from_landing(world):
    world.write({"delete_mode": "missing_in_full"})
    world.collect()
    del world.api.tickets[4]
    world.api.put(5, subject="new")
    world.collect()
    path = world.settings.collect_dir / "crm.known.sqlite"
    path.unlink()
    assert world.collect() == []
    path.write_bytes(b"no database" * 1000)
    assert world.collect() == []
    world.api.put(4)
    world.collect()
    assert world.versions()[7:] == [("u", 5, "new"), ("d", 4, None), ("u", 4, "s4")]


_KILLED = """
import os, signal, sys
from backoffice.collect.rest import RestCollector
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import load_source
settings = Settings()
left = int(sys.argv[1])

def killing(function):
    def counted(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*arguments, **named)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return counted

for name in ("fsync", "link", "unlink", "mkdir"):
    setattr(os, name, killing(getattr(os, name)))
source = load_source(settings.sources_dir / "crm.yaml")
RestCollector(source, LocalBatchStore(settings.landing_dir), settings).run(0, lambda _: None)
"""


@pytest.mark.parametrize("step", [30, pytest.param(2, marks=pytest.mark.slow)])
def test_the_collector_killed_around_its_writes(world, step):
    world.write(CURSOR)
    last, ends = 7, set()
    for point in range(9, 28, step):
        last += 2
        for number in (last - 1, last):
            world.api.put(number, changed=f"2026-11-20T09:{number:02d}:00Z")
        variables = {"BACKOFFICE_PROJECT_DIR": world.settings.project_dir, "BACKOFFICE_HOME": world.settings.home}
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(point)],
            env=os.environ | {name: str(value) for name, value in variables.items()} | {"BACKOFFICE_BATCH_ROWS": "3"},
            check=False,
            timeout=60,
        )
        ends.add(done.returncode)
    assert ends in ({-signal.SIGKILL}, {0, -signal.SIGKILL})
    world.collect()
    assert Counter(row["id"] for row in world.rows()) == Counter(range(1, last + 1))


def test_what_a_source_s_file_must_say(world):
    for wrong, message in (
        ({"cursor": "changed"}, "belong together"),
        ({"cursor": "id", "cursor_param": "since", "overlap": "1 hours"}, "needs a cursor that is a date"),
        ({"path": ""}, "needs `path`"),
        ({"delete_mode": "always"}, "delete_mode"),
    ):
        world.write(wrong)
        with pytest.raises(MappingError, match=message):
            world.collector()
    world.write(paging={"type": "by_feel"})
    with pytest.raises(CollectError, match="the paging cannot be used"):
        world.collect()
    world.write()
    with pytest.raises(CollectError, match="full_every"):
        resync(world.settings, "crm", "ticket")
    with pytest.raises(CollectError, match="rows of a day"):
        backfill(world.settings, "crm", date(2026, 1, 1), date(2026, 1, 2))
