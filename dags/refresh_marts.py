"""The way from landed batches to published marts."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, chain, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.assets import landed_asset, marts_asset
from backoffice.airflow.names import REFRESH_DAG, WAREHOUSE_POOL
from backoffice.airflow.sources import readable_sources
from backoffice.airflow.tasks import REFRESH_STEPS, follow_landings, refresh_step, release_lease
from backoffice.settings import get_settings

DOC = """\
Brings what was landed into the published marts: **load → validate → build → publish**.

Woken by every landing, and once a minute. Each run works on everything landed and not yet published, whatever woke it,
so a run that was missed or failed costs time and no data. The steps of a run share one generation and the warehouse's
lease. **build** runs models and tests together: documents that a test names are quarantined and the rest is built
again; a break that names nothing stops the run before **publish**. Readers then keep the last audited version, and
`backoffice status` says why. Then **follow** goes on refreshing for some minutes in one process, in which a cycle takes
half the time; a cycle that fails there ends it, and the next run shows the failing step.
"""

EVERY_MINUTE = CronTriggerTimetable("* * * * *", timezone="UTC")
LANDED = [landed_asset(source) for source in readable_sources(get_settings())]

with DAG(
    dag_id=REFRESH_DAG,
    schedule=AssetOrTimeSchedule(timetable=EVERY_MINUTE, assets=AssetAny(*LANDED)) if LANDED else EVERY_MINUTE,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    # A step that fails gives the lease up itself; this is for one that was killed. Runs in the DAG processor.
    on_failure_callback=release_lease,
    tags=["refresh"],
    doc_md=DOC,
    default_args={
        "pool": WAREHOUSE_POOL,
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(hours=2),
        **CALLBACKS,
        "do_xcom_push": False,  # the log has the result; pushing it takes five requests and 0.1 s a task
    },
):
    steps = [
        task(task_id=step, outlets=[marts_asset()] if step == "publish" else [])(refresh_step)(step)
        for step in REFRESH_STEPS
    ]
    # Not in the warehouse's pool: between two cycles the lease is free for whoever waits for it.
    chain(*steps, task(task_id="follow", pool="default_pool", retries=0)(follow_landings)())
