"""Durable events a second that the push endpoint accepts, and how fast they are landed.

    make bench-push

Starts an endpoint of its own below a temporary folder. Signed events are sent over kept connections, one in a request,
then a hundred; each request is answered once its events are on the disk. Then the collector lands them, and every
acknowledged event must have landed once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import yaml

from backoffice.collect.push import PushCollector
from backoffice.landing import LocalBatchStore
from backoffice.push.events import BATCH, SINGLE
from backoffice.push.keys import push_keys
from backoffice.push.signature import signed_headers
from backoffice.settings import Settings
from backoffice.sources import load_source
from lab import free_port
from results import Result, percentile, record, show

SECTION = "Push: durable events a second"
_SOURCE = {
    "apiVersion": "backoffice/v1",
    "source": "bench",
    "source_relation": "bench",
    "description": "Events of the benchmark.",
    "connection": {"kind": "push"},
    "reads": {
        "ticket": {
            "events": "crm.ticket.changed",
            "primary_key": ["id"],
            "columns": {
                "id": "BIGINT",
                "subject": "VARCHAR",
                "customer": "VARCHAR",
                "status": "VARCHAR",
                "value": "DECIMAL(12,2)",
                "urgent": "BOOLEAN",
                "changed": "TIMESTAMPTZ",
            },
            "paths": {"customer": "customer.id", "changed": "$time"},
        }
    },
    "tables": {},
}


@dataclass(frozen=True)
class Sent:
    """A load: events acknowledged, seconds it took, and the seconds each request waited."""

    events: int
    seconds: float
    waits: list[float]

    @property
    def rate(self) -> float:
        """Acknowledged events a second."""
        return self.events / self.seconds


@contextlib.contextmanager
def endpoint(folder: Path) -> Iterator[Settings]:
    """An endpoint with one source, until the block ends."""
    (folder / "project" / "sources").mkdir(parents=True)
    port = free_port()
    settings = Settings(project_dir=folder / "project", home=folder / "home", push_port=port, push_waiting_mb=100_000)
    (settings.sources_dir / "bench.yaml").write_text(yaml.safe_dump(_SOURCE), encoding="utf-8")
    names = ("project_dir", "home", "push_port", "push_waiting_mb")
    ours = {f"BACKOFFICE_{name.upper()}": str(getattr(settings, name)) for name in names}
    process = subprocess.Popen([sys.executable, "-m", "backoffice.push"], env=os.environ | ours)
    try:
        while not _answers(port):
            if process.poll() is not None:
                sys.exit("the endpoint did not start")
            time.sleep(0.1)
        yield settings
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").is_success
    except httpx.TransportError:
        return False


def requests(settings: Settings, first: int, count: int, together: int) -> list[bytes]:
    """Signed requests as they go over the wire, with so many events in each."""
    key = push_keys(settings, "bench")[0]
    made = []
    for number in range(first, first + count, together):
        events = [_event(one) for one in range(number, min(number + together, first + count))]
        body = json.dumps(events if together > 1 else events[0]).encode()
        headers = signed_headers(key, body, f"m{number}") | {
            "host": f"127.0.0.1:{settings.push_port}",
            "content-type": BATCH if together > 1 else SINGLE,
            "content-length": str(len(body)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        made.append(f"POST /push/bench HTTP/1.1\r\n{head}\r\n".encode() + body)
    return made


def _event(number: int) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "https://crm.example.com/tickets",
        "type": "crm.ticket.changed",
        "time": "2026-11-20T08:30:00Z",
        "data": {
            "id": number,
            "subject": f"Ticket {number} about a delivery that has not come",
            "customer": {"id": f"C{number % 5000}", "name": "Acme"},
            "status": "open",
            "value": 12.5,
            "urgent": number % 7 == 0,
        },
    }


async def send(port: int, made: list[bytes], connections: int, together: int) -> Sent:
    """Send all requests over kept connections, each as soon as the one before it is answered."""
    waits: list[float] = []
    left = iter(made)

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in left:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b" 202 " not in head.partition(b"\r\n")[0] or b'"duplicates":0' not in body:
                sys.exit(f"an event was not accepted: {head!r} {body!r}")
            waits.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    return Sent(len(made) * together, time.perf_counter() - began, waits)


def land(settings: Settings, sent: int) -> float:
    """Land everything; events a second.

    Raises:
        SystemExit: an event is missing, or landed twice.
    """
    store = LocalBatchStore(settings.landing_dir)
    began = time.perf_counter()
    PushCollector(load_source(settings.sources_dir / "bench.yaml"), store, settings).run(0, lambda _: None)
    seconds = time.perf_counter() - began
    landed: Counter[int] = Counter()
    for manifest in store.batches("bench"):
        landed.update(pq.read_table(store.uri(manifest, "ticket"), columns=["id"])["id"].to_pylist())
    if landed != Counter(range(sent)):
        sys.exit(f"{sent} events were acknowledged and {landed.total()} landed, {len(landed)} of them different")
    return sent / seconds


def main() -> None:
    """Run, keep and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=40_000, help="sent one by one, and again in batches")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--dry", action="store_true", help="print the figures and keep none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backoffice-bench-") as folder, endpoint(Path(folder)) as settings:
        loads = {}
        for name, first, together in (("single", 0, 1), ("batch", arguments.events, 100)):
            made = requests(settings, first, arguments.events, together)
            loads[name] = asyncio.run(send(settings.push_port, made, arguments.connections, together))
        rate = land(settings, 2 * arguments.events)
    results = [Result("push.landed", round(rate), "events/s")]
    for name, found in loads.items():
        goal = ">= 2000" if name == "single" else ""
        results.append(Result(f"push.{name}.durable", round(found.rate), "events/s", goal))
        results.append(Result(f"push.{name}.wait.p95", round(percentile(found.waits, 0.95) * 1000, 1), "ms"))
    notes = [
        f"{arguments.events:,} events one in a request, then as many a hundred in one; {arguments.connections} kept "
        "connections from the same machine, one endpoint process; every acknowledged event landed once."
    ]
    if not arguments.dry:
        record(SECTION, results, notes)
    show(results, notes)


if __name__ == "__main__":
    main()
