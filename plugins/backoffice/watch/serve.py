"""The watcher's small web server: ``/metrics`` and ``/health``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from backoffice.errors import ServerError

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """A line for each scrape would bury the others."""


@contextmanager
def serving(host: str, port: int, registry: CollectorRegistry, is_healthy: Callable[[], bool]) -> Iterator[int]:
    """Serve while the block runs; gives the port.

    Raises:
        ServerError: the port is taken.
    """
    try:
        server = make_server(
            host, port, _app(registry, is_healthy), server_class=ThreadingWSGIServer, handler_class=_Quiet
        )
    except OSError as error:
        raise ServerError(
            f"port {port} cannot be served: {error.strerror}",
            where=f"{host}:{port}",
            next_step="set BACKOFFICE_WATCH_PORT to a free one",
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _app(registry: CollectorRegistry, is_healthy: Callable[[], bool]) -> WsgiApp:
    metrics = cast(WsgiApp, make_wsgi_app(registry))

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start)
        if path == "/health":
            healthy = is_healthy()
            start("200 OK" if healthy else "503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"ok\n" if healthy else b"the last look failed or is long ago\n"]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics and /health\n"]

    return answer
