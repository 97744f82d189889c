"""The status is in every channel, also when nothing is published and when a channel is away."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator
from datetime import timedelta

import duckdb
import psycopg
import pytest
from tests.publish.support import START

from backoffice.errors import PublishError
from backoffice.publish import SourceStatus, Status, TableChange, write_status

pytestmark = pytest.mark.postgres

SHOP = SourceStatus(
    source="webshop",
    source_relation="shop_dk",
    last_event_at=START,
    last_landed_at=START + timedelta(seconds=1),
    landed_rows=10,
    accepted_rows=7,
    quarantined_rows=2,
    waiting_rows=1,
    freshness_minutes=15,
    is_late=True,
    published_seq=4,
)
STATUS = Status(
    state="withheld",
    reason="invariant I07 broke for 2 orders: it's withheld",
    checked_at=START + timedelta(minutes=20),
    version="000001-20260301T080000Z",
    generation=1,
    as_of=START,
    published_at=START + timedelta(seconds=2),
    sources=(SHOP, SHOP.model_copy(update={"source": "erp", "last_event_at": None, "is_late": False})),
    models=(TableChange("fct_sales_order_lines", 3, 2, 1, rows=10),),
)
ONE = "SELECT state, reason, version, as_of, checked_at, file_version, postgres_error FROM ops.status"
EXPECTED = [(STATUS.state, STATUS.reason, STATUS.version, STATUS.as_of, STATUS.checked_at, None, None)]


def in_file(settings, query):
    with duckdb.connect(str(settings.status_dir / "status.duckdb"), read_only=True) as file:
        file.execute("SET TimeZone = 'UTC'")
        return file.execute(query).fetchall()


def test_every_channel_says_the_same(marts, marts_settings):
    write_status(marts_settings, STATUS)
    for query in (ONE, "SELECT * FROM ops.source_status ORDER BY source", "SELECT * FROM ops.model_status"):
        assert (
            marts.query(query) == in_file(marts_settings, query) == in_file(marts_settings, query.replace("ops.", ""))
        )
    assert marts.query(ONE) == EXPECTED
    assert marts.query("SELECT source, landed_rows, is_late, last_event_at FROM ops.source_status ORDER BY 1") == [
        ("erp", 10, False, None),
        ("webshop", 10, True, START),
    ]
    written = json.loads((marts_settings.status_dir / "status.json").read_text())
    assert Status.model_validate(written) == STATUS
    assert written["postgres_error"] is None


def test_it_is_rewritten(marts, marts_settings):
    write_status(marts_settings, STATUS)
    later = STATUS.model_copy(
        update={"state": "published", "reason": "", "checked_at": START + timedelta(hours=1), "sources": (SHOP,)}
    )
    write_status(marts_settings, later)
    for channel in (marts.query, lambda query: in_file(marts_settings, query)):
        assert channel("SELECT state, checked_at FROM ops.status") == [("published", later.checked_at)]
        assert channel("SELECT source FROM ops.source_status") == [("webshop",)]


def test_before_the_first_publication(marts, marts_settings):
    write_status(marts_settings, Status(state="starting", reason="the first build runs", checked_at=START))
    assert marts.query("SELECT state, version, generation FROM ops.status") == [("starting", None, None)]
    assert in_file(marts_settings, "SELECT state, version FROM status") == [("starting", None)]


def test_a_reader_of_the_file_keeps_what_it_opened(marts, marts_settings):
    write_status(marts_settings, STATUS)
    with duckdb.connect(str(marts_settings.status_dir / "status.duckdb"), read_only=True) as reader:
        write_status(marts_settings, STATUS.model_copy(update={"state": "published"}))
        assert reader.execute("SELECT state FROM status").fetchall() == [("withheld",)]
    assert in_file(marts_settings, "SELECT state FROM status") == [("published",)]


def test_without_postgres_the_files_are_written_and_say_so(marts, marts_settings, free_port):
    write_status(marts_settings, STATUS)
    away = marts_settings.model_copy(update={"marts_url": f"postgresql://nobody:x@127.0.0.1:{free_port()}/marts"})
    later = STATUS.model_copy(update={"checked_at": START + timedelta(hours=1)})
    with pytest.raises(PublishError, match="cannot be reached"):
        write_status(away, later)
    ((checked_at, error),) = in_file(away, "SELECT checked_at, postgres_error FROM status")
    assert checked_at == later.checked_at
    assert "cannot be reached" in error
    written = json.loads((away.status_dir / "status.json").read_text())
    assert written["checked_at"] == "2026-03-01T09:00:00Z"
    assert "cannot be reached" in written["postgres_error"]
    assert marts.query(ONE) == EXPECTED  # the old one, and old by its checked_at
    write_status(marts_settings, later)
    assert in_file(away, "SELECT postgres_error FROM status") == [(None,)]


@contextlib.contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """No file may grow past ``size`` bytes, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_hides_the_status_from_nobody_else(marts, marts_settings):
    write_status(marts_settings, STATUS)
    later = STATUS.model_copy(update={"checked_at": START + timedelta(hours=1)})
    with disk_with_room_for(8192), pytest.raises(PublishError, match=r"not be written to status\.duckdb"):
        write_status(marts_settings, later)
    assert marts.query("SELECT checked_at FROM ops.status") == [(later.checked_at,)]
    written = json.loads((marts_settings.status_dir / "status.json").read_text())
    assert (written["checked_at"], written["postgres_error"]) == ("2026-03-01T09:00:00Z", None)
    assert "status.duckdb" in written["file_error"]
    assert in_file(marts_settings, "SELECT checked_at FROM status") == [(STATUS.checked_at,)]  # the old one, whole
    write_status(marts_settings, later)
    assert in_file(marts_settings, "SELECT checked_at FROM status") == [(later.checked_at,)]


def test_every_channel_that_failed_is_named(marts_settings, free_port):
    away = marts_settings.model_copy(update={"marts_url": f"postgresql://nobody:x@127.0.0.1:{free_port()}/marts"})
    with disk_with_room_for(10), pytest.raises(PublishError) as caught:
        write_status(away, STATUS)
    assert all(name in str(caught.value) for name in ("PostgreSQL", "status.duckdb", "status.json"))


def test_the_reader_cannot_write_it(marts, marts_settings):
    write_status(marts_settings, STATUS)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        marts.query("UPDATE ops.status SET state = 'published'")


def test_tables_of_an_earlier_release_are_replaced(marts, marts_settings):
    write_status(marts_settings, STATUS)
    marts.execute("ALTER TABLE ops.status DROP COLUMN file_version", "ALTER TABLE ops.source_status ADD COLUMN x int")
    write_status(marts_settings, STATUS)
    assert marts.query(ONE) == EXPECTED
    assert len(marts.query("SELECT * FROM ops.source_status")[0]) == 11


def test_what_a_killed_writer_left_is_cleared(marts, marts_settings):
    folder = marts_settings.status_dir
    folder.mkdir(parents=True)
    (folder / ".status.duckdb.building").write_bytes(b"half a file")
    (folder / ".status.duckdb.building.wal").write_bytes(b"half a log")
    write_status(marts_settings, STATUS)
    assert sorted(path.name for path in folder.iterdir()) == ["status.duckdb", "status.json"]
