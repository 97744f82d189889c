"""Payroll in a small world: two runs of thirteen people, every row worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.finance import breaks
from tests.finance import world as books
from tests.finance.world import BANK, Change, Row
from tests.warehouse.world import World

NET_PAY, PAY_TAX, WAGES, WAGE_COST = "2300", "2310", "6000", "6010"
AS_OF = "2026-03-01 09:00:00+00"
HOME = {**{f"E{n}": "D1" for n in range(1, 6)}, "E6": "D2", "E7": "D2", **{f"E{n}": "D3" for n in range(8, 15)}}
"""Five people in D1, two in D2, seven in D3; E14 is hired in February, E3 leaves at the end of January."""


def _people() -> list[Change]:
    """Accounts of payroll, departments, people, what they are entitled to a month."""
    changes: list[Change] = []
    for number, name, kind, account_type, controls in (
        (NET_PAY, "Net pay", "liability", "payroll_liability", "payroll"),
        (PAY_TAX, "Withheld", "liability", "payroll_liability", None),
        (WAGES, "Salaries", "expense", "payroll_expense", None),
        (WAGE_COST, "Employer cost", "expense", "payroll_expense", None),
    ):
        row: Row = {"account_id": f"DK-{number}", "account_number": number, "account_name": name, "account_class": kind}
        row |= {"account_type": account_type, "normal_balance": "debit", "control_for": controls}
        changes.append(("gl_account", "c", row))
    changes += [("department", "c", {"department_id": d, "name": d, "company_id": "DK"}) for d in ("D1", "D2", "D3")]
    for who, department in HOME.items():
        left = {"termination_date": "2026-02-01", "status": "terminated"} if who == "E3" else {}
        hired = "2026-02-01" if who == "E14" else "2024-02-01"
        changes.append(
            ("employee", "c", {"employee_id": who, "original_hire_date": hired, "last_hire_date": hired} | left)
        )
        job: Row = {"employment_id": f"J{who}", "employee_id": who, "company_id": "DK", "department_id": department}
        job |= {"effective_from": hired} | ({"effective_to": "2026-02-01"} if who == "E3" else {})
        changes.append(("employment", "c", job))
        pay: Row = {"employee_id": who, "amount": 100, "effective_from": hired}
        raised = {"effective_to": "2026-02-01"} if who == "E1" else {}
        changes.append(("compensation", "c", {"compensation_id": f"C{who}"} | pay | raised))
    raise_ = {"compensation_id": "CE1-2", "employee_id": "E1", "amount": 110, "effective_from": "2026-02-01"}
    return [*changes, ("compensation", "c", raise_)]


def _run(name: str, month: int, pay_day: str, slips: dict[str, list[tuple[str, int, int | None]]]) -> list[Change]:
    """A paid run, its slips of (component, amount, hours), its journal, its bank file and the journal of that.

    Tax is 30 % and the employer pays 10 % on top.
    """
    last = {1: "2026-01-31", 2: "2026-02-28"}[month]
    run = {"payroll_run_id": name, "period_start": f"2026-{month:02d}-01", "period_end": last, "pay_date": pay_day}
    changes: list[Change] = [("payroll_run", "c", run | {"journal_id": f"J-{name}"})]
    totals = dict.fromkeys(("gross", "tax", "net", "employer"), Decimal(0))
    for who, earned in slips.items():
        gross = Decimal(sum(amount for _, amount, _ in earned))
        own = {"gross": gross, "tax": gross * 30 / 100, "net": gross * 70 / 100, "employer": gross / 10}
        totals = {part: totals[part] + own[part] for part in totals}
        changes += _slip(name, who, pay_day, earned, own)
    cost = [(WAGES, totals["gross"]), (WAGE_COST, totals["employer"])]
    owed = [(NET_PAY, -totals["net"]), (PAY_TAX, -totals["tax"] - totals["employer"])]
    changes += books.journal(f"J-{name}", pay_day, [*cost, *owed], ("payslip", name), journal_type="payroll")
    changes += books.journal(
        f"K-{name}", pay_day, [(NET_PAY, totals["net"]), (BANK, -totals["net"])], ("payment", name)
    )
    return changes


def _slip(
    run: str, who: str, pay_day: str, earned: list[tuple[str, int, int | None]], own: dict[str, Decimal]
) -> list[Change]:
    slip, payment = f"{run}-{who}", f"P-{run}-{who}"
    file: Row = {"direction": "outbound", "party_type": "employee", "party_id": who, "method": "payroll_file"}
    file |= {"payment_id": payment, "payment_date": pay_day, "run_id": run, "amount": own["net"]}
    row: Row = {"payslip_id": slip, "payroll_run_id": run, "employee_id": who, "payment_id": payment}
    row |= {
        "gross_pay": own["gross"],
        "employee_tax": own["tax"],
        "net_pay": own["net"],
        "employer_cost": own["employer"],
    }
    lines: list[tuple[str, str, Decimal, int | None]] = [
        *((component, "earning", Decimal(amount), hours) for component, amount, hours in earned),
        ("income_tax", "employee_tax", own["tax"], None),
        ("pension_employer", "employer_contribution", own["employer"], None),
    ]
    changes: list[Change] = [("payment", "c", file | {"amount_base": own["net"]}), ("payslip", "c", row)]
    for position, (component, kind, amount, hours) in enumerate(lines, 1):
        line: Row = {"payslip_line_id": f"{slip}-{position}", "payslip_id": slip, "component": component}
        changes.append(("payslip_line", "c", line | {"line_type": kind, "amount": amount, "quantity": hours}))
    return changes


def _months() -> list[Change]:
    """Everybody earns 100 for 160 hours in January.

    In February E1 has 110 a month, E2 20 for overtime, E4 a bonus of 50, E5 half the month, E6 three more that nothing
    says why.
    """
    base = ("base_salary", 100, 160)
    january = {who: [base] for who in HOME if who != "E14"}
    february = {who: [base] for who in HOME if who != "E3"}
    february["E1"] = [("base_salary", 110, 160)]
    february["E2"] = [base, ("overtime", 20, 10)]
    february["E4"] = [base, ("bonus", 50, None)]
    february["E5"] = [("base_salary", 50, 80)]
    february["E6"] = [("base_salary", 103, 160)]
    return _run("JAN", 1, "2026-01-30", january) + _run("FEB", 2, "2026-02-27", february)


@pytest.fixture(scope="module")
def payroll(framed: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world with its people and two runs, built once."""
    world = books.copy_of(framed, tmp_path_factory.mktemp("payroll") / "home")
    world.land(*_people(), *_months())
    world.cycle()
    return world


def test_small_departments_are_not_told_nor_given_away(payroll: World) -> None:
    found = payroll.query(
        """SELECT payroll_run_id, department_id, is_suppressed, heads,
            cast(gross_pay AS INTEGER), cast(payroll_cost AS INTEGER)
        FROM marts.mart_payroll_summary ORDER BY ALL"""
    )
    assert found == [
        # D1: four are too few to be told, and with D2's two they are six: enough
        ("FEB", "D1", True, None, None, None),
        ("FEB", "D2", True, None, None, None),
        ("FEB", "D3", False, 7, 700, 770),
        # D1: five could be told, but the total of the run would then tell D2's two
        ("JAN", "D1", True, None, None, None),
        ("JAN", "D2", True, None, None, None),
        ("JAN", "D3", False, 6, 600, 660),
    ]


def test_each_crown_of_a_difference_has_a_reason(payroll: World) -> None:
    found = payroll.query(
        """SELECT payroll_run_id, previous_payroll_run_id, previous_cost, joiners, leavers, rate_changes,
            hours_overtime, one_off, unexplained, current_cost, heads, hours_overtime_heads
        FROM marts.mart_payroll_variance"""
    )
    # the cost of 100 is 110: E14 joins and E3 leaves with 110; E1's ten are 11; E2's twenty and E5's fifty less are
    # 22 - 55 = -33; E4's fifty are 55; E6's three are 3.30; 1430 + 110 - 110 + 11 - 33 + 55 + 3.30 = 1466.30
    amounts = [Decimal(value) for value in ("1430", "110", "-110", "11", "-33", "55", "3.3", "1466.3")]
    assert found == [("FEB", "JAN", *amounts, 13, 2)]


def test_metrics_of_payroll(payroll: World) -> None:
    cost = payroll.query("SELECT payroll_run_id, value, reimbursements FROM marts.m45_payroll_cost ORDER BY 1")
    assert cost == [("FEB", Decimal("1466.3"), 0), ("JAN", Decimal(1430), 0)]
    total = payroll.query("SELECT value FROM marts.m46_payroll_variance WHERE term = 'total'")
    terms = payroll.query("SELECT sum(value) FROM marts.m46_payroll_variance WHERE term <> 'total'")
    assert total == terms == [(Decimal("36.3"),)]
    right = payroll.query(
        "SELECT period_start::VARCHAR, numerator, denominator, value FROM marts.m47_payroll_accuracy ORDER BY 1"
    )
    assert right == [("2026-01-01", 13, 13, 100), ("2026-02-01", 13, 13, 100)]


BREAKS: list[tuple[str, str, list[str]]] = [
    (
        "payslip_adds_up_to_net_pay",
        "UPDATE marts.fct_payslips SET net_pay = 71 WHERE payslip_id = 'JAN-E2'",
        ["JAN-E2"],
    ),
    (
        "payslip_is_the_sum_of_its_lines",
        "DELETE FROM marts.fct_payslip_lines WHERE payslip_line_id = 'FEB-E2-2'",
        ["FEB-E2"],
    ),
    # the journal has 910 for salaries of January, and 70 of them are not in the slips
    (
        "payroll_run_is_its_journal_and_bank_file",
        "DELETE FROM marts.fct_payslips WHERE payslip_id = 'JAN-E2'",
        ["JAN"] * 3,
    ),
    (
        "payslip_is_paid_as_it_says",
        "UPDATE marts.fct_payments SET party_id = 'E9' WHERE payment_id = 'P-JAN-E2'",
        ["JAN-E2"],
    ),
    ("net_pay_is_cleared_by_the_run", "DELETE FROM marts.fct_gl_entries WHERE entry_id = 'K-FEB-1'", ["FEB"]),
    (
        "only_the_employed_are_paid_once",
        "DELETE FROM base.base_employment WHERE employee_id = 'E9'",
        ["FEB-E9", "JAN-E9"],
    ),
]


@pytest.fixture(scope="module")
def queries(payroll: World) -> dict[str, str]:
    """The invariants of payroll, all of which hold in the small world."""
    return breaks.queries_of(payroll, AS_OF, *(test for test, _, _ in BREAKS))


@pytest.mark.parametrize(("test", "change", "named"), BREAKS, ids=[test for test, _, _ in BREAKS])
def test_a_planted_break_is_named(
    payroll: World, queries: dict[str, str], test: str, change: str, named: list[str]
) -> None:
    rows = breaks.broken_by(payroll, queries[test], change)
    assert sorted(str(row.get("payslip_id") or row["payroll_run_id"]) for row in rows) == named


def test_a_ghost_is_taken_out_and_the_run_published(payroll: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Through the whole pipeline: a slip of somebody who left is named; the run is not judged without it."""
    world = books.copy_of(payroll, tmp_path_factory.mktemp("ghost") / "home")
    own = {"gross": Decimal(100), "tax": Decimal(30), "net": Decimal(70), "employer": Decimal(10)}
    world.land(*_slip("FEB", "E3", "2026-02-27", [("base_salary", 100, 160)], own))
    generation = world.cycle()
    verdicts = "SELECT document_key, rule FROM meta.verdict WHERE gate = 'mart'"
    assert world.query(verdicts) == [("FEB-E3", "only_the_employed_are_paid_once")]
    assert world.query("SELECT count(*) FROM marts.fct_payslips WHERE payroll_run_id = 'FEB'") == [(13,)]
    failed = f"SELECT * FROM meta.audit_result WHERE generation = {generation} AND NOT passed"
    assert world.query(failed) == []
