"""A small HTTP server that stands where Airflow's API does and remembers what it was told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeAirflow:
    """Answers the three calls a wake-up makes; :attr:`status` and :attr:`open` make it fail or hang."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.received: list[float] = []
        self.attempts = 0
        self.logins = 0
        self.lookups = 0
        self.status = 200
        self.expired: set[str] = set()
        self.open = threading.Event()
        self.open.set()
        self.changed = threading.Condition()
        self.url = ""

    def wait_for(self, reached: Any) -> None:
        """Block until the condition holds; a test that waits for ever is a failed one."""
        with self.changed:
            assert self.changed.wait_for(lambda: reached(self), timeout=30), "Airflow was not told"

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
        if path == "/auth/token":
            self.logins += 1
            return 201, {"access_token": f"token{self.logins}"}
        if token in self.expired:
            return 401, {"detail": "expired"}
        if method == "GET":
            self.lookups += 1
            return 200, {"assets": [{"id": 6, "uri": "backoffice://landed/shop2"}, {"id": 7, "uri": ASSET}]}
        self.open.wait(30)
        with self.changed:
            self.attempts += 1
            if self.status == 200:
                self.events.append(body)
                self.received.append(time.monotonic())
            self.changed.notify_all()
        return self.status, {}


ASSET = "backoffice://landed/shop"


@contextmanager
def fake_airflow() -> Iterator[FakeAirflow]:
    fake = FakeAirflow()

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, answer = fake.answer(self.command, self.path.split("?")[0], body, token)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _respond

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
