"""Starting the company: its past, its present, and where its API is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from backoffice.addresses import LOOPBACK
from backoffice.settings import Settings
from backoffice.simulate.company import api, live
from backoffice.simulate.company.helpdesk import Helpdesk
from backoffice.simulate.company.history import Plan, helpdesk_path, prepare
from backoffice.simulate.company.sender import send

_SURVEYS_URL = "NORDLYS_SURVEYS_URL"


def plan_of(settings: Settings, today: date | None = None) -> Plan:
    """The history the settings ask for; it ends the day before ``today`` (UTC) and the days that are made up for."""
    lived_from = (today or datetime.now(UTC).date()) - timedelta(days=settings.demo_missed_days)
    return Plan(settings.demo_seed, lived_from, settings.demo_days)


def company_variables(settings: Settings) -> dict[str, str]:
    """Variables that say where the company's systems are, for ``url_env`` of its sources."""
    return {_SURVEYS_URL: f"http://{LOOPBACK}:{settings.demo_api_port}"}


def prepare_company(settings: Settings) -> None:
    """Fill the company's systems with their past, unless that is done.

    Raises:
        SettingsError: the source is an external server, or another company lives in this home.
    """
    prepare(settings, plan_of(settings))


def run_company(settings: Settings, stop: threading.Event) -> None:
    """Live until ``stop`` is set, with the helpdesk's sender and its API beside.

    Raises:
        BackofficeError: as of :func:`backoffice.simulate.company.live.run`, or the API's port is taken.
    """
    helpdesk = Helpdesk(helpdesk_path(settings))
    with api.serving(settings, helpdesk), _sending(settings, helpdesk):
        live.run(settings, stop)


@contextmanager
def _sending(settings: Settings, helpdesk: Helpdesk) -> Iterator[None]:
    stop = threading.Event()
    sender = threading.Thread(target=send, args=(settings, helpdesk, stop), name="helpdesk-sender", daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()
