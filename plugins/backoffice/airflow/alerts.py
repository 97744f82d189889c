"""Callbacks of every task: the watcher, who runs beside Airflow, is told what failed and what works again.

They leave a file and tell nobody themselves, so that a mail server that hangs holds no task up.
"""

from __future__ import annotations

import logging
from typing import Any

from backoffice.errors import AuditError
from backoffice.settings import get_settings
from backoffice.watch.failures import clear_failure, record_failure

log = logging.getLogger(__name__)


def task_failed(context: Any) -> None:
    """The task failed and is not tried again by itself."""
    _record(context, final=True)


def task_retried(context: Any) -> None:
    """The task failed and is tried again."""
    _record(context, final=False)


def task_succeeded(context: Any) -> None:
    """The task works."""
    task = context["ti"]
    clear_failure(get_settings(), task.dag_id, task.task_id)


CALLBACKS = {
    "on_failure_callback": task_failed,
    "on_retry_callback": task_retried,
    "on_success_callback": task_succeeded,
}


def _record(context: Any, *, final: bool) -> None:
    task = context["ti"]
    error = context.get("exception")
    if isinstance(error, AuditError):  # a withheld publication is told by the status, once
        return
    text = " ".join(str(error).split()) if error else ""
    failure = record_failure(get_settings(), task.dag_id, task.task_id, task.run_id, text, final=final)
    log.info("the watcher is told: %s.%s failed %d times in a row", task.dag_id, task.task_id, failure.tries)
