"""Reading rows again from a source, by hand, when they are missing or wrong in landing."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.names import COLLECTORS_POOL
from backoffice.airflow.repairs import backfill_source
from backoffice.airflow.sources import readable_sources
from backoffice.settings import get_settings

DOC = """\
Reads rows of some days again from a source: of a database by the column its file names as `cursor`, of files by the day
they were last written. Only rows that are not as they landed land once more, in the right place in the stream's order;
a running collector does it between two transactions.
"""
SOURCES = sorted(readable_sources(get_settings())) or [""]

with DAG(
    dag_id="backfill",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["operations"],
    doc_md=DOC,
    default_args=CALLBACKS | {"execution_timeout": timedelta(hours=6)},
    params={
        "source": Param(SOURCES[0], type="string", enum=SOURCES),
        "first": Param("2026-01-01", type="string", format="date", description="First day, in the source's zone."),
        "last": Param("2026-01-01", type="string", format="date", description="Last day, included."),
        "table": Param(None, type=["null", "string"], description="A name under its reads; all if empty."),
    },
):
    task(task_id="backfill", pool=COLLECTORS_POOL)(backfill_source)()
