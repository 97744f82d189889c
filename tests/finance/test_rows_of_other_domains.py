"""Rules beside finance that name single rows, on a project with every contract: what breaks them and what may not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.finance import breaks
from tests.warehouse.world import World

EMPLOYED, CHECKED = "employments_at_once_are_one_post", "contract_in_force_passed_its_legal_check"
AS_OF = "2026-04-15 09:00:00+00"


@pytest.fixture(scope="module")
def queries(framed: World) -> dict[str, str]:
    """The rules, which hold in a world without people and papers."""
    return breaks.queries_of(framed, AS_OF, EMPLOYED, CHECKED)


def row(table: str, **values: Any) -> str:
    """A row of a base table, known to its source as number ``id``."""
    values = {"source_relation": "mini", "is_deleted": False, "_batch_id": "b", "_row_no": 1} | values
    return f"INSERT INTO base.base_{table} ({', '.join(values)}) VALUES {tuple(values.values())}".replace(
        "None", "NULL"
    )


def employment(number: str, person: str, first: str, until: str | None = None, share: int = 100, **values: Any) -> str:
    """An assignment of somebody, in force before ``until``."""
    dates = {"effective_from": first, "effective_to": until}
    return row("employment", employment_id=number, employee_id=person, fte_pct=share, **dates, **values)


def test_employments_at_once_are_no_more_than_one_post(framed: World, queries: dict[str, str]) -> None:
    rows = [
        employment("1", "E1", "2026-01-01", "2026-02-01"),
        employment("2", "E1", "2026-02-01"),  # the day after the one before
        employment("3", "E2", "2026-01-01", share=60),
        employment("4", "E2", "2026-01-15", share=40),  # a second post in what is left of the time
        employment("5", "E3", "2026-01-01", "2026-03-01"),
        employment("6", "E3", "2026-02-28", share=1),  # a day too early
        employment("7", "E4", "2026-03-01", "2026-03-01"),  # never in force
        employment("8", "E4", "2026-03-01"),
        employment("9", "E4", "2026-03-01", is_deleted=True),
        employment("10", "E3", "2026-02-28", source_relation="other"),  # somebody else of that number
    ]
    found = breaks.broken_by(framed, queries[EMPLOYED], *rows)
    assert [(broken["employment_id"], broken["value"], broken["column_name"]) for broken in found] == [
        ("6", "2026-02-28", "effective_from")
    ]


def document(number: str, kind: str = "contract", status: str = "approved", came: str = "2026-03-01") -> str:
    """A document, and the day it came."""
    return row("document", document_id=number, document_type=kind, status=status, _event_at=f"{came} 00:00:00+00")


def check(of: str, result: str | None = "pass", kind: str = "legal") -> str:
    """A check of a document."""
    came = "2026-03-02 00:00:00+00"
    return row("document_check", document_id=of, check_type=kind, result=result, _event_at=came)


def test_an_approved_contract_has_passed_its_legal_check(framed: World, queries: dict[str, str]) -> None:
    documents = [document(number) for number in ("GOOD", "NEVER", "FAILED", "PENDING", "OTHER")]
    others = [
        document("DRAFT", status="in_review"),
        document("LETTER", kind="correspondence"),
        document("NEW", came="2026-03-03"),  # its checks may be on their way
    ]
    assert breaks.broken_by(framed, queries[CHECKED], *documents, *others) == []
    checks = [check("GOOD"), check("FAILED", "fail"), check("PENDING", None), check("OTHER", kind="signature")]
    found = breaks.broken_by(framed, queries[CHECKED], *documents, *others, *checks)
    assert sorted(broken["document_id"] for broken in found) == ["FAILED", "NEVER", "OTHER", "PENDING"]
