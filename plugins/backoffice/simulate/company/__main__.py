"""The company's process: ``python -m backoffice.simulate.company`` until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from backoffice.errors import BackofficeError
from backoffice.settings import get_settings
from backoffice.simulate.company.start import prepare_company, run_company


def main() -> None:
    """Fill the systems and live; SIGTERM and Ctrl-C end it after the transaction at hand."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = get_settings()
    try:
        prepare_company(settings)
        run_company(settings, stop)
    except BackofficeError as error:
        logging.getLogger(__name__).error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
