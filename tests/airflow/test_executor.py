"""The executor's end: tasks are asked to end, not waited for until their time is up."""

from __future__ import annotations

import multiprocessing
import signal
import time
from multiprocessing import SimpleQueue

import pytest


@pytest.mark.airflow
def test_running_tasks_are_asked_to_end() -> None:
    from backoffice.airflow.executor import WarmLocalExecutor

    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,))
    worker.start()
    assert worker.pid is not None
    codes: list[int | None] = []
    executor = WarmLocalExecutor(parallelism=1)
    executor.activity_queue, executor.result_queue = SimpleQueue(), SimpleQueue()
    executor.workers = {worker.pid: worker}
    close = worker.close
    worker.close = lambda: (codes.append(worker.exitcode), close())  # type: ignore[method-assign]
    executor.end()
    assert codes == [-signal.SIGTERM]
