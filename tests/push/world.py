"""A pushed source ``crm`` in a project of its own, its endpoint as a real server, and a sender that signs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import yaml

from backoffice.collect.push import PushCollector
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.push.events import BATCH, SINGLE
from backoffice.push.keys import push_keys
from backoffice.push.signature import signed_headers
from backoffice.settings import Settings
from backoffice.sources import load_source

CHECKOUT = Path(__file__).parents[2]
TICKET = {
    "events": ["crm.ticket.created", "crm.ticket.changed"],
    "deletes": ["crm.ticket.deleted"],
    "columns": {
        "id": "BIGINT",
        "subject": "VARCHAR",
        "customer": "VARCHAR",
        "value": "DECIMAL(9,2)",
        "urgent": "BOOLEAN",
        "due": "DATE",
        "changed": "TIMESTAMPTZ",
    },
    "paths": {"customer": "customer.id", "changed": "$time"},
    "primary_key": ["id"],
}
NOTE = {
    "events": "crm.ticket.changed",
    "columns": {"event": "VARCHAR", "ticket": "BIGINT"},
    "paths": {"event": "$id", "ticket": "id"},
    "primary_key": ["event"],
}


def event(number: int | str, type_: str = "crm.ticket.created", **data: Any) -> dict[str, Any]:
    """An event; its number is its id, and the ticket's unless the data says otherwise."""
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "https://crm.example.com",
        "type": type_,
        "time": "2026-11-20T08:30:00Z",
        "data": {"id": number} | data,
    }


class PushWorld:
    """The project, its home and what landed."""

    def __init__(self, folder: Path, port: int, **values: Any) -> None:
        project = folder / "project"
        (project / "sources").mkdir(parents=True)
        shutil.copytree(CHECKOUT / "contracts", project / "contracts")
        self.settings = Settings(
            project_dir=project, home=folder / "home", push_port=port, push_disk_free_mb=0, batch_seconds=0.02, **values
        )
        self.store = LocalBatchStore(self.settings.landing_dir)
        self.write_source({"ticket": TICKET})
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def write_source(self, reads: dict[str, Any], name: str = "crm") -> None:
        """The source's file."""
        content = {
            "apiVersion": "backoffice/v1",
            "source": name,
            "source_relation": name,
            "description": "A customer system.",
            "connection": {"kind": "push"},
            "reads": reads,
            "tables": {},
        }
        (self.settings.sources_dir / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """Of a process that has these settings."""
        names = ("project_dir", "home", "push_port", "push_disk_free_mb", "push_waiting_mb", "push_segment_mb")
        ours = {f"BACKOFFICE_{name.upper()}": str(getattr(self.settings, name)) for name in (*names, "batch_seconds")}
        return {name: value for name, value in os.environ.items() if not name.startswith("BACKOFFICE_")} | ours

    def start(self) -> subprocess.Popen[bytes]:
        """Start the endpoint; it answers on return."""
        with (self.settings.home.parent / "endpoint.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "backoffice.push"], env=self.environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while not self._healthy():
            assert process.poll() is None, (self.settings.home.parent / "endpoint.log").read_text()
            assert time.monotonic() < deadline, "the endpoint does not answer"
            time.sleep(0.05)
        return process

    def _healthy(self) -> bool:
        try:
            return self.client.get("/health").is_success
        except httpx.TransportError:
            return False

    @contextmanager
    def endpoint(self) -> Iterator[subprocess.Popen[bytes]]:
        """The endpoint, until the block ends."""
        process = self.start()
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def headers(self, body: bytes, *, batch: bool = False, **changes: str) -> dict[str, str]:
        """Of a signed request; ``changes`` replace some, with underscores for hyphens."""
        key = push_keys(self.settings, "crm")[0]
        signed = signed_headers(key, body, "m1") | {"content-type": BATCH if batch else SINGLE}
        return signed | {name.replace("_", "-"): value for name, value in changes.items()}

    def push(self, content: Any, source: str = "crm", **changes: str) -> httpx.Response:
        """Send an event, or a batch when it is a list."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = self.headers(body, batch=isinstance(content, list), **changes)
        return self.client.post(f"/push/{source}", content=body, headers=headers)

    def collector(self) -> PushCollector:
        """A collector of the source as its file is now."""
        return PushCollector(load_source(self.settings.sources_dir / "crm.yaml"), self.store, self.settings)

    def collect(self) -> list[Manifest]:
        """Land what was accepted."""
        landed: list[Manifest] = []
        self.collector().run(0, landed.append)
        return landed

    def landed(self, read: str = "ticket") -> list[dict[str, Any]]:
        """Every landed row, in order."""
        rows: list[dict[str, Any]] = []
        for manifest in self.store.batches("crm"):
            if read in {table.name for table in manifest.tables}:
                rows += pq.read_table(self.store.uri(manifest, read)).to_pylist()
        return rows
