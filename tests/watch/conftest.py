"""What the watcher looks at, written as the platform writes it; and a real mail server and web server to tell."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiosmtpd.controller import Controller

from backoffice.durable import write_text
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.publish import SourceStatus, Status
from backoffice.settings import Settings

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()

SOURCE = """\
apiVersion: backoffice/v1
source: shop
source_relation: shop
description: A shop.
freshness_minutes: 15
connection: {connection}
reads:
  orders: {{{read}, columns: {{id: VARCHAR}}, primary_key: [id]}}
tables: {{}}
"""
POSTGRES = SOURCE.format(connection="{kind: postgres, database: shop}", read="table: public.orders")
FILES = SOURCE.format(connection="{kind: files, folder: drop}", read="pattern: '*.csv'")


class World:
    """A home folder with one source, ``shop``, at a clock of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = LocalBatchStore(settings.landing_dir)
        settings.home.mkdir(parents=True, exist_ok=True)

    def land(self, at: float, source: str = "shop", rows: int = 1, **tables: pa.Table) -> Manifest:
        """A batch, landed at that time."""
        batch = self.store.begin(source)
        for name, table in (tables or {"orders": pa.table({"id": ["1"] * rows})}).items():
            pq.write_table(table, batch.path(name))
        event_at = datetime.fromtimestamp(at - 2, UTC)
        kind: Any = "verdict" if tables else "stream"
        manifest = batch.commit(kind=kind, offset={}, event_at_min=event_at, event_at_max=event_at)
        path = self.settings.landing_dir / source / "0000000" / f"{manifest.seq:010d}" / "manifest.json"
        aged = manifest.model_copy(update={"landed_at": datetime.fromtimestamp(at, UTC)})
        path.write_text(aged.to_json())
        return aged

    def tell(self, at: float, state: str = "published", version: str = "000001-x", **changes: Any) -> None:
        """A cycle's status, written at that time."""
        moment = datetime.fromtimestamp(at, UTC)
        source: dict[str, Any] = {
            "source": "shop",
            "source_relation": "shop",
            "last_event_at": None,
            "last_landed_at": None,
            "landed_rows": 10,
            "accepted_rows": 7,
            "quarantined_rows": 2,
            "waiting_rows": 1,
            "freshness_minutes": 15,
            "is_late": False,
        }
        known = {name: changes.pop(name) for name in list(changes) if name in SourceStatus.model_fields}
        told = Status(
            state=state,  # type: ignore[arg-type]
            reason="invariant I07 broke for 2 orders" if state == "withheld" else "",
            checked_at=moment,
            version=version,
            published_at=moment,
            sources=(SourceStatus(**{**source, **known}),),
            **{"generation": 1, **changes},
        )
        write_text(self.settings.status_dir / "status.json", told.model_dump_json())


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    project = tmp_path / "project"
    (project / "sources").mkdir(parents=True)
    (project / "sources" / "shop.yaml").write_text(POSTGRES)
    (project / "dbt_project" / "models").mkdir(parents=True)
    models = {"fct_orders": {"publish": {"key": "k"}}, "mart_fast": {"publish": {"key": "k"}, "freshness_minutes": 5}}
    listed = [{"name": name, "config": {"meta": meta}} for name, meta in models.items()]
    (project / "dbt_project" / "models" / "m.yml").write_text(json.dumps({"models": listed}))
    return World(settings.model_copy(update={"project_dir": project}))


class Receiver:
    """A web server that keeps what it is sent; ``status`` is its answer, ``open`` lets it answer at all."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.attempts = 0
        self.status = 204
        self.open = threading.Event()
        self.open.set()
        self.url = ""


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.attempts += 1
            made.open.wait(30)
            if made.status == 204:
                made.received.append(body)
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/hook?key=s3cret"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.open.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


class Mailbox:
    """Mails a real SMTP server took."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content.decode())
        return "250 taken"


@pytest.fixture
def mailbox(free_port: Callable[[], int]) -> Iterator[Mailbox]:
    made = Mailbox()
    server = Controller(made, hostname="127.0.0.1", port=free_port())
    made.url = f"mailto://127.0.0.1:{server.port}?from=backoffice@example.com&to=ops@example.com&mode=insecure"
    server.start()
    try:
        yield made
    finally:
        server.stop()
