"""The endpoint's process: ``python -m backoffice.push`` until SIGTERM; what it began to accept it answers before."""

from __future__ import annotations

import logging
import sys

import uvicorn

from backoffice.landing import LocalBatchStore
from backoffice.push.endpoint import make_app
from backoffice.settings import get_settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; the exit code is not 0 when it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = get_settings()
    config = uvicorn.Config(
        make_app(settings, LocalBatchStore(settings.landing_dir)),
        host=settings.listen_host,
        port=settings.push_port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=20,
    )
    server = uvicorn.Server(config)
    server.run()
    sys.exit(0 if server.started else 1)


if __name__ == "__main__":
    main()
