"""The watcher's process: ``python -m backoffice.watch`` until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from backoffice.errors import BackofficeError
from backoffice.settings import get_settings
from backoffice.watch.watcher import watch


def main() -> None:
    """Watch until SIGTERM or Ctrl-C; the exit code is 1 when it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in ("httpx", "apprise"):  # a line for each request would show addresses with their keys
        logging.getLogger(name).setLevel(logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        watch(get_settings(), stop)
    except BackofficeError as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
