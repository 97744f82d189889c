"""LocalExecutor whose workers inherit the heavy libraries."""

from __future__ import annotations

import importlib
import time

from airflow.executors.local_executor import LocalExecutor  # noqa: TID253 (Airflow loads this class by its name)

from backoffice.airflow.sources import readable_sources
from backoffice.ops import cycle
from backoffice.settings import Settings, get_settings

# What a task imports to read its DAG file and to start working: 70 ms a task, five tasks a cycle.
_PRELOADED = (
    "airflow.dag_processing.dagbag",
    "airflow.dag_processing.importers",
    "airflow.providers.standard.decorators.python",
    "backoffice.airflow.assets",
    "backoffice.airflow.tasks",
    "backoffice.airflow.wake",
    "backoffice.collect.run",
    "backoffice.ops.follow",
    "backoffice.warehouse.lease",
)


class WarmLocalExecutor(LocalExecutor):  # type: ignore[misc]
    """Imports dbt, GX and DuckDB and parses the dbt project once, before the workers are forked.

    Every task is forked from a worker, and every worker from the scheduler: what is imported here is inherited
    copy-on-write. Without it each task of a refresh pays 6–18 s of imports.
    """

    def start(self) -> None:
        """Warm up, then fork the workers. A failed warm-up makes tasks slow, so it is logged and does not stop us."""
        started = time.monotonic()
        try:
            warm_up(get_settings())
            self.log.info("tasks inherit a warm process: took %.1f s", time.monotonic() - started)
        except Exception:
            self.log.exception("the warm-up failed: every task imports dbt and GX itself and is slow")
        super().start()

    def end(self) -> None:
        """Ask running tasks to end, then wait for them: collectors and following refreshes stop at once.

        A scheduler that lost its database ends, and comes back only after this: waiting for a task's own end would
        leave the marts without a refresh for as long as a collector streams.
        """
        for worker in self.workers.values():
            if worker.is_alive():
                worker.terminate()  # SIGTERM, which a worker passes on to its task
        super().end()


def warm_up(settings: Settings) -> None:
    """Import what tasks need, parse the dbt project and read the source files."""
    for name in _PRELOADED:
        importlib.import_module(name)
    readable_sources(settings)
    cycle.warm(settings)
