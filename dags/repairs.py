"""Making the warehouse again from landing, by hand after a change or a fault."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.repairs import rebuild_warehouse, replay_source
from backoffice.airflow.sources import readable_sources
from backoffice.airflow.tasks import release_lease
from backoffice.settings import get_settings

SOURCES = sorted(readable_sources(get_settings()))

REBUILD = """\
Builds the warehouse again from landing and verdicts, beside the one in use. Refreshes go on. Once the new one is
audited, what landed meanwhile is added, it takes the old one's place and is published by comparing every row. With the
same `as_of` every mart is as it was.
"""
REPLAY = """\
Loads landed batches of a source again, from `from_batch` on or from the first one landed `since`, builds everything and
publishes what differs; nothing is doubled. `rejudge` judges the rows with today's suites too: verdicts whose rule holds
now end, new breaks are quarantined, what a person released stays released.
"""
COMMON = {
    "start_date": datetime(2024, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["operations"],
    # a step that fails gives the lease up itself; this is for one that was killed
    "on_failure_callback": release_lease,
    "default_args": CALLBACKS | {"execution_timeout": timedelta(hours=6)},
}
INSTANT = {"type": ["null", "string"], "format": "date-time"}

with DAG(
    dag_id="rebuild",
    schedule=None,
    doc_md=REBUILD,
    params={
        "as_of": Param(None, **INSTANT, description="Point in time of the marts; the published version's if empty.")
    },
    **COMMON,
):
    task(task_id="rebuild")(rebuild_warehouse)()

with DAG(
    dag_id="replay",
    schedule=None,
    doc_md=REPLAY,
    params={
        "source": Param(SOURCES[0] if SOURCES else "", type="string", enum=SOURCES or [""]),
        "from_batch": Param(1, type="integer", minimum=1, description="First batch to load again."),
        "since": Param(None, **INSTANT, description="Instead: the first batch landed since then."),
        "rejudge": Param(False, type="boolean", description="Judge the rows with today's suites too."),
    },
    **COMMON,
):
    task(task_id="replay")(replay_source)()
