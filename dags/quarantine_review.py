"""People decide about what the gates keep out: one question a document, on Airflow's page or by its API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param, task, task_group

from backoffice.airflow.alerts import CALLBACKS
from backoffice.airflow.review import OPTIONS, UNANSWERED, apply_answer, find_requests, patience

DOC = """\
Asks about what is in quarantine: the rules that are broken, the rows, and whether to **release** it into the marts as
it is or to **keep it out**. Every ten minutes it opens one question for each document that is new (by rule when there
are many); a run with parameters asks about one document or row. Questions stand under *Required Actions*; who answered
and why is kept with the decision, and the next refresh applies it. What nobody answers is asked about again.
"""

with DAG(
    dag_id="quarantine_review",
    schedule="*/10 * * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    # a run is active as long as one of its questions stands
    max_active_runs=100,
    params={
        "document": Param("", type="string", description="Kind of document, such as sales_order; with its key."),
        "key": Param("", type="string", description="The document's key."),
        "batch": Param("", type="string", description="Batch id of a row; with its number."),
        "row": Param(0, type="integer", description="Row number in the batch."),
    },
    tags=["quarantine"],
    doc_md=DOC,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=5), **CALLBACKS},
):

    @task_group
    def review(subject: str, body: str, request: dict[str, Any]) -> None:
        """One question and what follows from its answer, whatever the others do."""
        ask = HITLOperator(
            task_id="ask",
            subject=subject,
            body=body,
            options=OPTIONS,
            defaults=UNANSWERED,
            params={"reason": Param("", type="string", description="Why; kept with the decision.")},
            response_timeout=patience(),
        )
        task(task_id="apply", execution_timeout=timedelta(minutes=5))(apply_answer)(request, ask.output)

    found = task(task_id="find", execution_timeout=timedelta(minutes=5))(find_requests)()
    review.expand_kwargs(found)
