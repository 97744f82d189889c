"""A small ticket system with a REST API: it pages, wants a token, and fails when a test has planned it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

TOKEN = "s3cret"


@dataclass
class Api:
    """What it has, what it was asked, and what it does next.

    Attributes:
        tickets: id → row.
        asked: path and query of each request that was answered with rows.
        planned: answers given to the next requests instead of rows; None answers as usual.
        before_page: called with the number of each page before it is made.
    """

    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    planned: deque[Response | None] = field(default_factory=deque)
    times: list[float] = field(default_factory=list)
    before_page: Callable[[int], None] = lambda _: None
    url: str = ""

    def put(self, number: int, changed: str = "2026-11-20T08:00:00Z", **values: Any) -> None:
        """Add or change a ticket."""
        row = {"id": number, "subject": f"s{number}", "customer": {"id": "C1"}, "value": 1.10, "changed": changed}
        self.tickets[number] = row | values

    def app(self) -> FastAPI:
        """Its web application."""
        app = FastAPI()

        @app.get("/api/tickets")
        def tickets(request: Request, page: int = 1, size: int = 3, since: str = "") -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return JSONResponse({"error": "who are you?"}, status_code=401)
            self.times.append(time.monotonic())
            planned = self.planned.popleft() if self.planned else None
            if planned is not None:
                return planned
            self.before_page(page)
            self.asked.append(f"page={page} since={since}")
            rows = [row for _, row in sorted(self.tickets.items()) if row["changed"] >= since]
            pages = -(-len(rows) // size)
            return JSONResponse({"items": rows[(page - 1) * size : page * size], "pages": pages})

        @app.get("/api/flat")
        def flat() -> Response:
            return Response('[{"id": 1, "value": 12345678901234567890.123456789}]', media_type="application/json")

        return app


@contextmanager
def serving(port: int) -> Iterator[Api]:
    """The API, until the block ends."""
    api = Api(url=f"http://127.0.0.1:{port}/api")
    server = uvicorn.Server(uvicorn.Config(api.app(), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield api
    finally:
        server.should_exit = True
        thread.join()
