"""What the tasks of ``dags/quarantine_review.py`` call."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from backoffice.settings import get_settings

log = logging.getLogger(__name__)

OPTIONS = ["Release", "Keep out"]
UNANSWERED = "Keep out"


def patience() -> timedelta:
    """How long a question stands: less than Airflow's own records are kept, or it would vanish unanswered."""
    return timedelta(hours=get_settings().airflow_keep_hours * 0.75)


def find_requests(params: Any = None) -> list[dict[str, Any]]:
    """The questions of this run: about what its parameters name, or about all that is new."""
    from backoffice.validate.review import open_requests, to_json

    found = open_requests(
        get_settings(),
        document=params["document"],
        key=params["key"],
        batch=params["batch"],
        row=params["row"],
        patience=patience(),
    )
    for request in found:
        log.info("asking: %s", request.subject)
    return [{"subject": item.subject, "body": item.body, "request": to_json(item)} for item in found]


def apply_answer(request: dict[str, Any], answer: dict[str, Any]) -> str:
    """Carry out what a person chose; who and why are kept with the decision."""
    from backoffice.validate import review

    user = answer.get("responded_by_user") or {}
    done = review.answer(
        get_settings(),
        review.Request(**request),
        answer["chosen_options"][0],
        str(user.get("name") or ""),
        str((answer.get("params_input") or {}).get("reason") or ""),
    )
    log.info("%s", done)
    return done
