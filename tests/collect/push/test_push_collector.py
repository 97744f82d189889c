"""Accepted events as landed rows: each once, whatever is sent again or killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from tests.push.world import NOTE, TICKET, PushWorld, event

from backoffice.collect.heartbeat import last_caught_up
from backoffice.collect.lock import source_lock
from backoffice.collect.run import backfill, collect, resync
from backoffice.errors import CollectError, SourceLockedError


@pytest.fixture
def world(tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> PushWorld:
    monkeypatch.delenv("BACKOFFICE_HOME", raising=False)
    return PushWorld(tmp_path, free_port())


def test_an_event_is_a_row_in_the_declared_types(world):
    sent = event(7, subject="Blåbær", customer={"id": 12}, value=12.5, urgent=True, due="2026-12-01", colour="red")
    with world.endpoint():
        before = datetime.now(UTC)
        assert world.push(sent).status_code == 202
        assert world.push(event(8, "crm.ticket.deleted", customer={"id": 12}) | {"time": None}).status_code == 202
    (manifest,) = world.collect()
    version, deletion = world.landed()
    received = version.pop("_ingested_at")
    assert before <= received <= manifest.landed_at
    assert version == {
        "id": 7,
        "subject": "Blåbær",
        "customer": "12",
        "value": Decimal("12.50"),
        "urgent": True,
        "due": date(2026, 12, 1),
        "changed": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
        "_batch_id": "crm-0000000001",
        "_row_no": 1,
        "_op": "u",
        "_event_id": "https://crm.example.com#7",
        "_event_at": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
        "_source_file": None,
        "_unchanged": None,
        "_defect": None,
        "_event": json.dumps(sent),
    }
    assert (deletion["_op"], deletion["_row_no"], deletion["id"], deletion["customer"]) == ("d", 2, 8, None)
    assert deletion["_event_at"] == deletion["_ingested_at"]
    assert manifest.kind == "push" and manifest.notes == {"events": 2, "duplicates": 0}
    assert manifest.offset == {"segment": 1, "byte": manifest.offset["byte"]}
    assert world.collect() == [] and last_caught_up(world.settings, "crm") is not None


def test_an_event_several_reads_take_is_a_row_in_each(world):
    world.write_source({"ticket": TICKET, "note": NOTE})
    with world.endpoint():
        world.push([event(1), event(2, "crm.ticket.changed")])
    world.collect()
    assert [(row["id"], row["_row_no"]) for row in world.landed()] == [(1, 1), (2, 3)]
    assert [(row["event"], row["ticket"], row["_row_no"]) for row in world.landed("note")] == [("2", 2, 2)]


def test_a_thousand_events_with_replays_land_once_each(world):
    """Eight senders, fifty replays, some beside their original, while the collector runs."""
    chance = random.Random(5)
    order = [*range(1000), *chance.sample(range(1000), 50)]
    chance.shuffle(order)
    collector = world.collector()
    running = threading.Thread(target=collector.run, args=(None, lambda _: None))
    with world.endpoint():
        running.start()
        with ThreadPoolExecutor(8) as senders:
            answers = list(senders.map(lambda number: world.push(event(number, subject=f"s{number}")).json(), order))
    assert Counter(answer["accepted"] for answer in answers) == {1: 1000, 0: 50}
    collector.stop.set()
    running.join()
    world.collect()
    assert sorted((row["id"], row["subject"]) for row in world.landed()) == [(n, f"s{n}") for n in range(1000)]


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_the_endpoint_killed_under_load_loses_nothing_acknowledged_and_doubles_nothing(world, kills):
    """Six senders send each event until it is acknowledged; the endpoint is killed, the collector runs meanwhile."""
    chance = random.Random(11)
    numbers = iter(range(100_000))
    lock, enough = threading.Lock(), threading.Event()
    acknowledged: set[int] = set()
    sent: set[int] = set()

    def send() -> None:
        while not enough.is_set():
            with lock:
                number = next(numbers)
                sent.add(number)
            while not enough.is_set():
                try:
                    answer = world.push(event(number))
                except httpx.TransportError:
                    enough.wait(0.05)
                    continue
                assert answer.status_code in (202, 503), answer.text
                if answer.status_code == 202:
                    acknowledged.add(number)
                    break

    process = world.start()
    with ThreadPoolExecutor(6) as senders:
        work = [senders.submit(send) for _ in range(6)]
        process = _kill(world, process, kills, chance)
        enough.set()
        for one in work:
            one.result()
    process.terminate()
    process.wait(30)
    world.collect()
    landed = [row["id"] for row in world.landed()]
    assert len(acknowledged) > 100 and len(landed) == len(set(landed))
    assert acknowledged <= set(landed) <= sent


def _kill(
    world: PushWorld, process: subprocess.Popen[bytes], times: int, chance: random.Random
) -> subprocess.Popen[bytes]:
    for _ in range(times):
        time.sleep(chance.uniform(0.2, 0.8))
        process.send_signal(signal.SIGKILL)
        process.wait()
        world.collect()
        process = world.start()
    time.sleep(0.3)
    return process


_KILLED = """
import os, signal, sys
from pathlib import Path
from backoffice.collect.push import PushCollector
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

for name in ("fsync", "link", "unlink", "rename", "mkdir"):
    setattr(os, name, killing(getattr(os, name)))
source = load_source(settings.sources_dir / "crm.yaml")
PushCollector(source, LocalBatchStore(settings.landing_dir), settings).run(0, lambda _: None)
print(left)
"""


def _collect_and_kill(world: PushWorld, point: int) -> int:
    """Run the collector and kill it before or after its n-th write; gives what was left to count when it was not."""
    command = [sys.executable, "-c", _KILLED, str(point)]
    done = subprocess.run(command, env=world.environment(), stdout=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL)
    return int(done.stdout) if done.returncode == 0 else 0


def _kill_at(world: PushWorld, points: range) -> int:
    number = killed = 0
    with world.endpoint():
        for point in points:
            assert world.push([event(number + n) for n in range(3)]).status_code == 202
            number += 3
            if _collect_and_kill(world, point):
                break
            killed += 1
    assert killed
    world.collect()
    assert [row["id"] for row in world.landed()] == list(range(number))
    assert [manifest.seq for manifest in world.store.batches("crm")] == list(
        range(1, len(list(world.store.batches("crm"))) + 1)
    )
    return point


def test_the_collector_killed_around_its_writes(world):
    _kill_at(world, range(14, 20, 3))


@pytest.mark.slow
def test_the_collector_killed_before_and_after_each_of_its_writes(world):
    world.settings = world.settings.model_copy(
        update={"push_segment_mb": 0}
    )  # a segment a request: they are removed too
    assert _kill_at(world, range(1, 200)) > 12


def test_an_event_whose_type_was_taken_away_holds_the_collector(world):
    with world.endpoint():
        world.push([event(1), event(2, "crm.ticket.changed")])
    world.write_source({"ticket": TICKET | {"events": "crm.ticket.created"}})
    with pytest.raises(CollectError, match=r"no read takes events of type crm.ticket.changed any more"):
        world.collect()
    assert world.landed() == []
    world.write_source({"ticket": TICKET})
    world.collect()
    assert len(world.landed()) == 2


def test_a_value_that_no_longer_fits_lands_with_its_defect(world):
    with world.endpoint():
        world.push(event(1, subject="x", value=9.99))
    world.write_source({"ticket": TICKET | {"columns": TICKET["columns"] | {"subject": "DATE", "value": "INTEGER"}}})
    world.collect()
    (row,) = world.landed()
    assert row["subject"] is None and row["value"] is None
    defect = json.loads(row["_defect"])
    assert (defect["rule"], defect["column"], defect["value"]) == ("type", "subject", "x")
    assert [more["column"] for more in defect["more"]] == ["value"]


def test_two_collectors_and_what_cannot_be_read_again(world):
    with source_lock(world.settings, "crm"), pytest.raises(SourceLockedError):
        world.collect()
    with pytest.raises(CollectError, match="only tables of a database"):
        resync(world.settings, "crm", "ticket")
    with pytest.raises(CollectError, match="rows of a day"):
        backfill(world.settings, "crm", date(2026, 1, 1), date(2026, 1, 2))
    collect(world.settings, "crm", 0, lambda _: None)
