"""The helpdesk's sender: pushes what waits in the outbox, signed, in order, until it is accepted.

An event that was accepted without our hearing of it is sent again with the same id: the endpoint lands it once.
"""

from __future__ import annotations

import json
import logging
import threading

import httpx

from backoffice.addresses import push_address
from backoffice.push.keys import push_keys
from backoffice.push.signature import signed_headers
from backoffice.settings import Settings
from backoffice.simulate.company.helpdesk import Event, Helpdesk

log = logging.getLogger(__name__)

SOURCE = "helpdesk"
_BATCH = 200
_IDLE_SECONDS = 1.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 30.0
_TIMEOUT_SECONDS = 30.0
_BATCH_TYPE = "application/cloudevents-batch+json"


def send(settings: Settings, helpdesk: Helpdesk, stop: threading.Event) -> None:
    """Push until ``stop`` is set; an endpoint that is away or refuses is asked again after a growing pause."""
    backoff = _FIRST_BACKOFF
    with httpx.Client(timeout=_TIMEOUT_SECONDS) as client:
        while not stop.is_set():
            events = helpdesk.unsent(_BATCH)
            if not events:
                stop.wait(_IDLE_SECONDS)
                continue
            refused = _post(client, settings, events)
            if refused:
                log.warning("%d events wait: %s; sending again in %.0f s", helpdesk.waiting(), refused, backoff)
                stop.wait(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            else:
                helpdesk.accepted(events)
                backoff = _FIRST_BACKOFF


def _post(client: httpx.Client, settings: Settings, events: list[Event]) -> str:
    """Send a batch; says why it was not accepted, nothing when it was."""
    body = json.dumps([cloud_event(event) for event in events], ensure_ascii=False).encode()
    key = push_keys(settings, SOURCE)[0]
    headers = signed_headers(key, body, f"outbox-{events[0].place}") | {"content-type": _BATCH_TYPE}
    try:
        answer = client.post(f"{push_address(settings)}/push/{SOURCE}", content=body, headers=headers)
    except httpx.TransportError as error:
        return f"the endpoint is out of reach ({type(error).__name__})"
    return "" if answer.is_success else f"{answer.status_code} {answer.text[:300]}"


def cloud_event(event: Event) -> dict[str, object]:
    """The event as CloudEvents 1.0 has it."""
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "https://helpdesk.nordlys.example",
        "type": event.type,
        "time": event.time,
        "data": event.data,
    }
