"""Keeping Airflow's own database and logs small, and landing in few files."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.tasks import clean_up, compact_landing
from backoffice.settings import get_settings

DOC = f"""\
Removes Airflow's finished runs and task logs older than {get_settings().airflow_keep_hours:.0f} hours
(`BACKOFFICE_AIRFLOW_KEEP_HOURS`). A refresh every few seconds is tens of thousands of runs a day, so this is done every
hour. What was collected and published is kept elsewhere and not touched.

Rewrites landed batches that readers already see, a thousand at a time, into a few files, verified row for row; the
files they replace are removed {get_settings().compact_grace_seconds / 60:.0f} minutes later.
"""

with DAG(
    dag_id="maintenance",
    schedule="17 * * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["operations"],
    doc_md=DOC,
    default_args=CALLBACKS,
):
    task(
        task_id="clean_up",
        retries=2,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(minutes=50),
    )(clean_up)()
    task(
        task_id="compact_landing",
        retries=2,
        retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(minutes=50),
    )(compact_landing)()
