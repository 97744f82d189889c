"""The helpdesk's REST API: answers to surveys, page by page. ``GET /api/v1/surveys?limit=&after=&since=``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from backoffice.errors import ServerError
from backoffice.settings import Settings
from backoffice.simulate.company.helpdesk import Helpdesk

log = logging.getLogger(__name__)

PATH = "/api/v1/surveys"
_MOST = 500


class _Handler(BaseHTTPRequestHandler):
    helpdesk: Helpdesk
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A page of answers and where the next one begins."""
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        limit, after = query.get("limit", "100"), query.get("after", "0")
        if address.path != PATH:
            self._answer(404, {"error": f"there is no {address.path}"})
        elif not (limit.isdigit() and after.isdigit() and 0 < int(limit) <= _MOST):
            self._answer(400, {"error": f"limit is 1 to {_MOST}, after a number of an answer"})
        else:
            rows = self.helpdesk.surveys(int(after), int(limit), query.get("since", ""))
            self._answer(200, {"surveys": rows, "next": str(rows[-1]["id"]) if len(rows) == int(limit) else None})

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are told at debug level only."""
        log.debug(format, *args)


@contextmanager
def serving(settings: Settings, helpdesk: Helpdesk) -> Iterator[int]:
    """Serve while the block runs; gives the port.

    Raises:
        ServerError: the port is taken.
    """
    handler = type("Handler", (_Handler,), {"helpdesk": helpdesk})
    try:
        server = ThreadingHTTPServer((settings.listen_host, settings.demo_api_port), handler)
    except OSError as error:
        raise ServerError(
            f"the helpdesk's API cannot listen: {error.strerror}",
            where=f"{settings.listen_host}:{settings.demo_api_port}",
            next_step="free the port, or set BACKOFFICE_DEMO_API_PORT",
        ) from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="helpdesk-api", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
