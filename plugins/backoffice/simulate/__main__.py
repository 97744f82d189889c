"""The demo shop's process: ``python -m backoffice.simulate`` until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from backoffice.errors import BackofficeError
from backoffice.settings import get_settings
from backoffice.simulate import prepare, run


def main() -> None:
    """Prepare the shop and keep it busy; SIGTERM and Ctrl-C end it after the transaction at hand."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = get_settings()
    try:
        prepare(settings)
        run(settings, stop)
    except BackofficeError as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
