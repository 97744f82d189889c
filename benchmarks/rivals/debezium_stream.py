"""Reads a replication slot with Debezium's embedded engine into an empty handler: prints {changes, seconds}.

Seconds run from the first batch of changes to the last expected one: the start of the Java machine is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

from pydbzengine import BasePythonChangeHandler, DebeziumJsonEngine


class Count(BasePythonChangeHandler):
    """Counts and does nothing else."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.changes = 0
        self.first = self.last = 0.0
        self.done = threading.Event()

    def handleJsonBatch(self, records: object) -> None:
        """A batch has come."""
        self.first = self.first or time.monotonic()
        self.changes += len(records)  # type: ignore[arg-type]
        if self.changes >= self.expected:
            self.last = time.monotonic()
            self.done.set()


def properties(url: str, slot: str, publication: str, folder: str, batch: int) -> dict[str, str]:
    """The engine's configuration: messages without schemas, large batches and queues."""
    parts = urlsplit(url)
    return {
        "name": "engine",
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": parts.hostname or "",
        "database.port": str(parts.port),
        "database.user": unquote(parts.username or ""),
        "database.password": unquote(parts.password or ""),
        "database.dbname": parts.path.lstrip("/"),
        "topic.prefix": "bench",
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": publication,
        "publication.autocreate.mode": "disabled",
        "snapshot.mode": "no_data",
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": f"{folder}/offsets.dat",
        "offset.flush.interval.ms": "1000",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "max.batch.size": str(batch),
        "max.queue.size": str(batch * 4),
        "poll.interval.ms": "10",
    }


def main() -> None:
    """Arguments: URL, slot, publication, expected changes, folder, batch size."""
    url, slot, publication, expected, folder, batch = sys.argv[1:]
    handler = Count(int(expected))
    engine = DebeziumJsonEngine(properties=properties(url, slot, publication, folder, int(batch)), handler=handler)
    threading.Thread(target=engine.run, daemon=True).start()
    reached = handler.done.wait(900)
    found = {"changes": handler.changes, "seconds": (handler.last or time.monotonic()) - handler.first}
    print(json.dumps(found), flush=True)
    os._exit(0 if reached else 1)  # the engine's own threads do not end


if __name__ == "__main__":
    main()
