"""A publication goes from its record to done, and a kill anywhere on the way is made good by the next start."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import psycopg
import pytest
from tests.publish.support import LINES, MODELS, Warehouse

from backoffice.errors import PublishError
from backoffice.publish import (
    Publication,
    current_file,
    newest,
    publication,
    publish,
    record,
    recover,
    registry,
    version_id,
)
from backoffice.settings import Settings
from backoffice.warehouse.connection import open_warehouse

pytestmark = pytest.mark.postgres


def publish_now(warehouse: Warehouse, settings: Settings) -> Publication:
    return publish(warehouse.connection, MODELS, settings, **warehouse.now.values)


def put(warehouse: Warehouse, *keys: str) -> None:
    warehouse.put(LINES, *({"line_key": key, "amount": Decimal("1.0000")} for key in keys))


def mark(warehouse: Warehouse, found: Publication) -> None:
    warehouse.connection.execute(
        "UPDATE meta.generation SET published_at = now(), version = ? WHERE generation = ?",
        [found.version, found.generation],
    )


def test_version_ids_are_in_utc():
    as_of = datetime(2026, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert version_id(42, as_of) == "000042-20260130T233000Z"
    assert version_id(1_234_567, as_of.astimezone(UTC)) == "1234567-20260130T233000Z"


def test_both_channels_and_the_record_show_the_version(warehouse, marts, marts_settings):
    put(warehouse, "a")
    found = publish_now(warehouse, marts_settings)
    assert [change.action for change in found.changes] == ["created", "created"]
    assert found.file == marts_settings.marts_dir / f"marts-{warehouse.now.version}.duckdb"
    saved = newest(marts_settings)
    assert saved is not None
    assert (saved.state, saved.version, saved.changes) == ("done", found.version, found.changes)
    manifest = current_file(marts_settings)
    assert manifest is not None
    assert found.version == marts.current() == manifest.version == warehouse.now.version


def test_the_file_keeps_its_own_cadence(warehouse, marts, marts_settings):
    first = publish_now(warehouse, marts_settings)
    warehouse.build()
    second = publish_now(warehouse, marts_settings)
    assert second.file is None
    assert marts.current() == second.version
    manifest = current_file(marts_settings)
    assert manifest is not None
    assert manifest.version == first.version


@pytest.mark.parametrize("case", ["failed", "not judged", "older", "other as_of"])
def test_only_the_audited_generation_is_published(warehouse, marts, marts_settings, case):
    first = warehouse.now
    publish_now(warehouse, marts_settings)
    warehouse.build(audited=case == "other as_of")
    if case == "not judged":
        warehouse.connection.execute("UPDATE meta.generation SET audit_passed = NULL WHERE generation = 2")
    values = first.values if case == "older" else warehouse.now.values
    if case == "other as_of":
        values = {**values, "as_of": first.as_of}
    with pytest.raises(PublishError, match="did not pass its audit"):
        publish(warehouse.connection, MODELS, marts_settings, **values)
    assert marts.current() == first.version
    saved = newest(marts_settings)
    assert saved is not None
    assert saved.version == first.version


def test_when_postgres_is_away_the_publication_waits(warehouse, marts, marts_settings, free_port):
    away = marts_settings.model_copy(update={"marts_url": f"postgresql://nobody:x@127.0.0.1:{free_port()}/marts"})
    with pytest.raises(PublishError, match="cannot be reached"):
        publish_now(warehouse, away)
    saved = newest(marts_settings)
    assert saved is not None
    assert saved.state == "prepared"
    assert current_file(marts_settings) is None
    found = recover(warehouse.connection, MODELS, marts_settings)
    assert found is not None
    assert found.version == marts.current() == warehouse.now.version


@pytest.mark.parametrize("state", ["prepared", "postgres", "file", "done"])
@pytest.mark.parametrize("moved_on", [False, True])
def test_a_kill_before_a_state_is_recorded_is_rolled_forward(warehouse, marts, marts_settings, state, moved_on):
    put(warehouse, "a")
    warehouse.connection.close()
    child = os.fork()
    if child == 0:
        _publish_until(marts_settings, warehouse, state)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    seen = state != "prepared"
    with open_warehouse(marts_settings) as connection:
        warehouse.connection = connection
        if seen:
            assert [row[0] for row in marts.rows(LINES)] == ["a"]
        killed = warehouse.now
        if moved_on:  # the next build began before anybody looked
            warehouse.build(audited=False)
        found = recover(connection, MODELS, marts_settings)
        if seen:
            assert found is not None
            assert found.version == killed.version == marts.current()
            assert newest(marts_settings).state == "done"
            mark(warehouse, found)
        else:
            assert found is None
        assert recover(connection, MODELS, marts_settings) is None
        if seen and (state == "done" or not moved_on):
            assert current_file(marts_settings).version == killed.version
        warehouse.build()
        put(warehouse, "b")
        publish_now(warehouse, marts_settings)
        assert marts.rows(LINES) == warehouse.rows(LINES)


@pytest.mark.parametrize("moved_on", [False, True])
def test_a_kill_before_postgres_commits(warehouse, marts, marts_settings, moved_on, monkeypatch):
    put(warehouse, "a")
    monkeypatch.setattr(publication, "publish_postgres", _killed)
    with pytest.raises(KeyboardInterrupt):
        publish_now(warehouse, marts_settings)
    monkeypatch.undo()
    if moved_on:
        warehouse.build(audited=False)
    found = recover(warehouse.connection, MODELS, marts_settings)
    if moved_on:
        assert found is None
        assert newest(marts_settings).state == "abandoned"
    else:
        assert found is not None
        assert marts.rows(LINES) == warehouse.rows(LINES)
        assert [change.action for change in found.changes] == ["created", "created"]


def test_recovering_says_what_was_never_marked(warehouse, marts, marts_settings):
    """Published in every channel, and killed before the warehouse knew."""
    assert recover(warehouse.connection, MODELS, marts_settings) is None
    found = publish_now(warehouse, marts_settings)
    assert recover(warehouse.connection, MODELS, marts_settings) == found
    mark(warehouse, found)
    assert recover(warehouse.connection, MODELS, marts_settings) is None


def test_old_records_go(warehouse, marts, marts_settings, monkeypatch):
    monkeypatch.setattr(record, "_KEPT", 2)
    for _ in range(3):
        publish_now(warehouse, marts_settings)
        last = warehouse.now
        warehouse.build()
    names = sorted(path.name for path in marts_settings.publications_dir.iterdir())
    assert len(names) == 2
    assert names[-1] == f"{last.version}.json"


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _publish_until(settings: Settings, warehouse: Warehouse, state: str) -> None:
    """In a child process: publish, and be killed when a state is about to be recorded."""
    real = publication.save

    def save(settings: Settings, saved: record.PublicationRecord) -> record.PublicationRecord:
        if saved.state == state:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(settings, saved)

    publication.save = save
    try:
        with open_warehouse(settings) as connection:
            publish(connection, MODELS, settings, **warehouse.now.values)
    finally:
        os._exit(1)


def test_a_connection_lost_while_committing_is_found_out_by_the_record(warehouse, marts, marts_settings, monkeypatch):
    """The server committed, its answer never came: the next start asks it instead of guessing."""
    real = publication.publish_postgres

    def lost(*values: object, **named: object) -> None:
        real(*values, **named)
        raise PublishError("PostgreSQL refused the publication: connection lost")

    put(warehouse, "a")
    monkeypatch.setattr(publication, "publish_postgres", lost)
    with pytest.raises(PublishError, match="connection lost"):
        publish_now(warehouse, marts_settings)
    monkeypatch.setattr(publication, "publish_postgres", _killed)  # it must not be published a second time
    found = recover(warehouse.connection, MODELS, marts_settings)
    assert found is not None and found.version == marts.current()
    assert newest(marts_settings).state == "done"


def test_a_server_that_goes_away_in_the_middle_keeps_the_version_before(warehouse, marts, marts_settings, monkeypatch):
    publish_now(warehouse, marts_settings)
    before, real = marts.current(), registry.record
    warehouse.build()
    put(warehouse, "a")

    def cut_off(pg: psycopg.Connection, *values: object) -> None:
        real(pg, *values)
        marts.execute(f"SELECT pg_terminate_backend({pg.info.backend_pid}, 5000)")

    monkeypatch.setattr(registry, "record", cut_off)
    with pytest.raises(PublishError, match="refused the publication"):
        publish_now(warehouse, marts_settings)
    assert marts.current() == before
    monkeypatch.setattr(registry, "record", real)
    assert recover(warehouse.connection, MODELS, marts_settings) is not None
    assert marts.rows(LINES) == warehouse.rows(LINES)
    assert marts.current() == warehouse.now.version
