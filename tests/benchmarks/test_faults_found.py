"""Which finding belongs to which fault."""

from __future__ import annotations

import pytest

from faults_found import Fault, Finding, Score


def fault(kind: str, *names: tuple[str, ...]) -> Fault:
    return Fault(kind, f"what {kind} is", frozenset(names))


def finding(rule: str, *names: tuple[str, ...], warning: bool = False) -> Finding:
    return Finding(rule, frozenset(names), warning)


@pytest.fixture
def score() -> Score:
    faults = [
        fault("F06", ("erp", "invoice_line", "B1", "2"), ("invoice", "B1")),
        fault("F06", ("erp", "invoice_line", "B2", "1"), ("invoice", "B2")),
        fault("F35", ("vendor", "7")),
        fault("F40", ("timesheets", "hours", "1")),
        fault("F01", ("carrier", "scan", "1")),
    ]
    findings = [
        finding("document_is_the_sum_of_its_lines", ("invoice", "B1")),
        finding("bill_matches_order_and_receipt", ("invoice", "B1")),
        finding("bill_matches_order_and_receipt", ("settlement", "B2")),
        finding("new account", ("vendor", "7"), warning=True),
        finding("new account", ("vendor", "8"), warning=True),
    ]
    return Score(faults, findings)


def test_a_fault_is_found_by_what_shares_a_name_with_it(score):
    assert score.kinds() == [("F01", 1), ("F06", 2), ("F35", 1), ("F40", 1)]
    assert (score.found["F06"], score.found["F35"], score.found["F40"]) == (1, 1, 0)
    assert score.visible == 3, "what nothing can see, or need see, is not counted"
    assert score.recall == pytest.approx(2 / 3)
    assert [sorted(fault.names)[1] for fault in score.missed] == [("invoice", "B2")]
    assert score.rules_of("F06") == "bill_matches_order_and_receipt (1), document_is_the_sum_of_its_lines (1)"
    assert score.rules_of("F40") == "nothing"


def test_what_is_named_without_a_fault_is_false_and_a_warning_asks(score):
    assert [(found.rule, *found.names) for found in score.false] == [
        ("bill_matches_order_and_receipt", ("settlement", "B2"))
    ]
    assert score.asked == 1
    assert score.precision() == [("bill_matches_order_and_receipt", 0.5), ("document_is_the_sum_of_its_lines", 1.0)]
