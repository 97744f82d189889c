"""One DAG a source, collecting without a pause: `sources/<name>.yaml` makes `collect_<name>`."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.assets import landed_asset
from backoffice.airflow.names import COLLECTORS_POOL
from backoffice.airflow.sources import readable_sources
from backoffice.airflow.tasks import collect_source
from backoffice.settings import get_settings
from backoffice.sources import SourceConfig

DOC = """\
Collects `{source}`: {description}

Each run reads the source for {seconds:.0f} s and lands immutable batches, rows and offset together; the next run goes
on from the last batch. Each landing wakes `refresh_marts`. A run that fails is tried again with growing pauses: look at
its log, mend the cause, and it goes on by itself. Nothing is lost or doubled by stopping it at any point.
"""


def collect_dag(source: SourceConfig) -> DAG:
    """The DAG of a source."""
    settings = get_settings()
    seconds = settings.collector_run_seconds
    with DAG(
        dag_id=source.dag_id,
        schedule="@continuous",
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["collect", source.connection.kind],
        doc_md=DOC.format(source=source.source, description=source.description, seconds=seconds),
    ) as dag:
        task(
            task_id="collect",
            pool=COLLECTORS_POOL,
            outlets=[landed_asset(source.source)],
            retries=8,
            retry_delay=timedelta(seconds=5),
            retry_exponential_backoff=2,
            max_retry_delay=timedelta(minutes=5),
            execution_timeout=timedelta(seconds=seconds + settings.collector_grace_seconds),
            **CALLBACKS,
        )(collect_source)(source.source)
    return dag


for _source in readable_sources(get_settings()).values():
    globals()[_source.dag_id] = collect_dag(_source)
