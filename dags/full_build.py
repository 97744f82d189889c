"""The nightly proof that building what changed gives what building everything gives."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.repairs import compare_full_build
from backoffice.airflow.tasks import release_lease

DOC = """\
Builds everything in a copy of the warehouse and compares every mart's hash with what refreshes built by difference. A
refresh waits only while the file is copied. A mart that differs fails the run; `status/full_build.json` names its keys.
"""

with DAG(
    dag_id="full_build",
    schedule="23 2 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    on_failure_callback=release_lease,
    tags=["operations"],
    doc_md=DOC,
    default_args=CALLBACKS | {"execution_timeout": timedelta(hours=6)},
):
    task(task_id="compare", retries=2, retry_delay=timedelta(minutes=10))(compare_full_build)()
