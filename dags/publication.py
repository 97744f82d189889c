"""Publishing by hand: an earlier version for every reader, or the newest at once."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, task

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.publication import publish_marts, roll_back_marts

ROLLBACK_DOC = """\
Publishes an **earlier version** to every reader, in PostgreSQL and as DuckDB file, and **stops publishing** until the
hold is lifted (`publish_marts` with *resume*, or `backoffice publish --resume`). Builds and audits go on; nothing is
lost. While it is held, the step *publish* of `refresh_marts` is skipped and its log says who rolled back and why.
`backoffice versions` lists the versions that can be published again.
"""

PUBLISH_DOC = """\
Brings every channel to the newest audited version at once, the DuckDB file too. With **resume** the hold of a rollback
is lifted first.
"""

COMMON = {
    "schedule": None,
    "start_date": datetime(2024, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["publication"],
    # a person asked for it once: a person looks at what failed
    "default_args": {"retries": 0, "execution_timeout": timedelta(hours=2), **CALLBACKS},
}

with DAG(
    dag_id="rollback_marts",
    doc_md=ROLLBACK_DOC,
    params={
        "version": Param("", type="string", title="Version", description="Empty: the one before what readers see."),
        "reason": Param(type="string", minLength=3, title="Reason", description="Readers are told."),
        "confirm": Param(False, type="boolean", title="Readers go back to this version, and publishing stops"),
    },
    **COMMON,
):
    task(task_id="roll_back")(roll_back_marts)()

with DAG(
    dag_id="publish_marts",
    doc_md=PUBLISH_DOC,
    params={
        "resume": Param(False, type="boolean", title="Lift the hold of a rollback"),
        "reason": Param("", type="string", title="Reason", description="Why it is lifted; kept with the decision."),
    },
    **COMMON,
):
    task(task_id="publish")(publish_marts)()
