"""Accepting without HTTP: what is durable when, what is known for ever, and what happens when the disk says no."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading

import pytest
from tests.faults.disks import full, small_disk
from tests.push.world import TICKET, event

from backoffice.errors import PushError
from backoffice.landing import LocalBatchStore
from backoffice.push.events import Event, EventReader
from backoffice.push.inbox import Accepted, BusyError, ConflictError, Inbox, index_path
from backoffice.push.seen import Seen
from backoffice.push.segments import Position, SegmentWriter, framed, read_segment, records, segment_path, segments
from backoffice.sources import ReadTable

READER = EventReader({"ticket": ReadTable.model_validate(TICKET)}, {})


def made(*numbers: int, **data: object) -> list[Event]:
    return [READER.events(json.dumps(event(number, **data)).encode(), batch=False)[0] for number in numbers]


@pytest.fixture
def world(push_world):
    push_world.inboxes = []

    def open_inbox(**values):
        settings = push_world.settings.model_copy(update=values)
        inbox = Inbox(settings, "crm", LocalBatchStore(settings.landing_dir))
        push_world.inboxes.append(inbox)
        return inbox

    push_world.open_inbox = open_inbox
    yield push_world
    for inbox in push_world.inboxes:
        inbox.close()


def on_disk(world) -> list[int]:
    found = records(world.settings.push_dir / "crm", Position())
    return [int(json.loads(record.raw)["id"]) for record in found]


def test_many_requests_share_an_fsync(world, monkeypatch):
    inbox = world.open_inbox()
    inbox.submit(made(0)).result()
    synced = []
    entered, go_on = threading.Event(), threading.Event()
    append = SegmentWriter.append

    def slow_append(self, events, received):
        entered.set()
        go_on.wait(10)
        synced.append(len(events))
        return append(self, events, received)

    monkeypatch.setattr(SegmentWriter, "append", slow_append)
    first = inbox.submit(made(1))
    entered.wait(10)
    others = [inbox.submit(made(number)) for number in range(2, 40)]
    assert not any(answer.done() for answer in [first, *others])
    go_on.set()
    assert [answer.result(10) for answer in [first, *others]] == [Accepted(1, 0)] * 39
    assert synced == [1, 38] and on_disk(world) == list(range(40))


def test_nothing_is_acknowledged_or_landed_before_its_fsync(world, monkeypatch):
    inbox = world.open_inbox()
    inbox.submit(made(1)).result(10)
    fsync = os.fsync

    def failing(_: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(BusyError, match="Input/output error"):
        inbox.submit(made(2)).result(10)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        read_segment(world.settings.push_dir / "crm", Position(1, 0), 1 << 20)


def test_a_replay_that_waits_beside_its_original_is_told_from_it(world, monkeypatch):
    inbox = world.open_inbox()
    answers = [inbox.submit(events) for events in (made(1), made(1), made(1, subject="x"), made(2, 1, 2))]
    assert [answers[n].result(10) for n in (0, 1, 3)] == [Accepted(1, 0), Accepted(0, 1), Accepted(1, 2)]
    with pytest.raises(ConflictError):
        answers[2].result(10)
    assert on_disk(world) == [1, 2]


def test_known_for_ever_after_a_restart_after_landing_and_after_the_index_is_lost(world):
    world.open_inbox().submit(made(*range(10))).result(10)
    world.inboxes.pop().close()
    world.collect()
    world.open_inbox().submit(made(*range(10, 15))).result(
        10
    )  # a new segment: the first one is gone with the next batch
    world.inboxes.pop().close()
    path = index_path(world.settings, "crm")
    for damage in (path.unlink, lambda: path.write_bytes(b"no database" * 1000), lambda: None):
        damage()
        inbox = world.open_inbox()
        assert inbox.submit(made(*range(15))).result(10) == Accepted(0, 15)
        with pytest.raises(ConflictError):
            inbox.submit(made(3, subject="x")).result(10)
        world.inboxes.pop().close()
    world.collect()
    assert segments(world.settings.push_dir / "crm") == [2]
    assert [row["id"] for row in world.landed()] == list(range(15))


def test_an_index_that_lags_behind_what_landed_learns_from_it(world):
    world.open_inbox().submit(made(1, 2)).result(10)
    world.inboxes.pop().close()
    path = index_path(world.settings, "crm")
    old = path.read_bytes()
    world.open_inbox().submit(made(3, 4)).result(10)
    world.inboxes.pop().close()
    world.collect()
    world.collect()
    for segment in segments(world.settings.push_dir / "crm"):
        segment_path(world.settings.push_dir / "crm", segment).unlink()
    path.write_bytes(old)  # what a power cut may leave
    assert world.open_inbox().submit(made(1, 2, 3, 4, 5)).result(10) == Accepted(1, 4)
    world.collect()
    assert [row["id"] for row in world.landed()] == [1, 2, 3, 4, 5]


def test_what_was_written_and_not_indexed_is_known_after_a_kill(world):
    world.open_inbox().submit(made(1)).result(10)
    world.inboxes.pop().close()
    writer = SegmentWriter(world.settings.push_dir / "crm", 2)
    writer.append([found.raw for found in made(2, 3)], 0)
    writer.close()
    assert world.open_inbox().submit(made(1, 2, 3)).result(10) == Accepted(0, 3)


@pytest.mark.parametrize("cut", [1, 15, 16, 40])
def test_a_torn_end_is_passed_by(world, cut):
    folder = world.settings.push_dir / "crm"
    world.open_inbox().submit(made(1, 2)).result(10)
    world.inboxes.pop().close()
    with segment_path(folder, 1).open("ab") as file:
        file.write(framed(made(3)[0].raw, 0)[:cut])
    assert len(read_segment(folder, Position(1, 0), 1 << 20)) == 2
    assert [manifest.rows for manifest in world.collect()] == [2]
    assert world.open_inbox().submit(made(3)).result(10) == Accepted(1, 0)
    assert [manifest.rows for manifest in world.collect()] == [1]
    assert [path.name for path in folder.glob("*.torn")] == ["000000000001.torn"]


def test_a_byte_that_changed_is_found(world):
    folder = world.settings.push_dir / "crm"
    world.open_inbox().submit(made(1)).result(10)
    path = segment_path(folder, 1)
    path.write_bytes(path.read_bytes().replace(b"crm.ticket", b"crm.tocket"))
    assert read_segment(folder, Position(1, 0), 1 << 20) == []
    path.write_bytes(bytes(64))  # what some file systems leave after a power cut
    assert read_segment(folder, Position(1, 0), 1 << 20) == []


def test_segments_are_closed_past_their_size_and_removed_once_landed(world):
    inbox = world.open_inbox(push_segment_mb=0)
    for number in range(5):
        inbox.submit(made(number)).result(10)
    assert segments(world.settings.push_dir / "crm") == [1, 2, 3, 4, 5]
    world.collect()
    assert segments(world.settings.push_dir / "crm") == [5]
    assert [row["id"] for row in world.landed()] == list(range(5))


def test_a_second_endpoint_is_refused(world):
    world.open_inbox()
    with pytest.raises(PushError, match="another process accepts"):
        world.open_inbox()


def test_senders_wait_while_too_much_is_not_landed(world):
    inbox = world.open_inbox(push_waiting_mb=0)
    assert inbox.submit(made(1)).result(10) == Accepted(1, 0)
    _until(lambda: inbox.problem == "too many accepted events wait to be landed")
    world.collect()
    _until(lambda: inbox.problem == "")


def test_senders_wait_while_the_disk_is_nearly_full(world):
    inbox = world.open_inbox(push_disk_free_mb=1 << 30)
    _until(lambda: inbox.problem == "the disk is nearly full")


def test_a_full_disk_loses_and_doubles_nothing(world):
    with small_disk(world.settings.push_dir, 8) as disk:
        inbox = world.open_inbox()
        assert inbox.submit(made(1)).result(10) == Accepted(1, 0)
        with full(disk, spare=4096):
            large = made(*range(2, 40), subject="x" * 1000)
            with pytest.raises(BusyError, match="No space left"):
                inbox.submit(large).result(10)
        _until(lambda: inbox.problem == "")
        answer = inbox.submit(large).result(10)
        assert answer.accepted + answer.duplicates == 38
        world.collect()
        assert [row["id"] for row in world.landed()] == list(range(1, 40))
        world.inboxes.pop().close()


def test_an_index_that_fails_after_the_fsync_makes_the_retry_a_duplicate(world, monkeypatch):
    inbox = world.open_inbox()
    add = Seen.add

    def failing(self, events, reached):
        monkeypatch.setattr(Seen, "add", add)
        raise sqlite3.OperationalError("disk I/O error")

    inbox.submit(made(1)).result(10)
    monkeypatch.setattr(Seen, "add", failing)
    with pytest.raises(BusyError, match="disk I/O error"):
        inbox.submit(made(2)).result(10)
    _until(lambda: inbox.problem == "")
    assert inbox.submit(made(2)).result(10) == Accepted(0, 1)
    assert on_disk(world) == [1, 2]


def _until(holds, seconds=10.0):
    waited = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        waited.wait(0.05)
    raise AssertionError("it did not come to hold")
