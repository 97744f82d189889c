"""What the tasks of ``dags/publication.py`` call."""

from __future__ import annotations

import logging
from typing import Any

from backoffice.airflow.tasks import holder_of
from backoffice.settings import get_settings

log = logging.getLogger(__name__)

_LEASE_WAIT_SECONDS = 3600.0


def roll_back_marts(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Publish an earlier version in every channel and hold it there, in the name of whoever started the run."""
    from airflow.sdk.exceptions import AirflowFailException

    from backoffice.ops import publication

    if not params["confirm"]:
        raise AirflowFailException("nothing was done: start it again with the confirmation switched on")
    result = publication.roll_back(
        get_settings(), params["version"], actor=_actor(dag_run), reason=str(params["reason"])
    )
    log.info("%s", result["sentence"])
    return result


def publish_marts(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
    """Bring every channel to the newest audited version, lifting a hold first when asked to."""
    from backoffice.ops import publication

    settings = get_settings()
    if params["resume"]:
        lifted = publication.lift(settings, actor=_actor(dag_run), reason=str(params["reason"]))
        log.info("%s", lifted["sentence"])
    holder = holder_of(dag_run.dag_id, dag_run.run_id)
    return publication.publish_now(settings, holder, wait=_LEASE_WAIT_SECONDS)


def _actor(dag_run: Any) -> str:
    """The Airflow user who started the run."""
    return str(getattr(dag_run, "triggering_user_name", None) or f"run {dag_run.run_id}")
