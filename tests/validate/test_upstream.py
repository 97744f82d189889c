"""Which of the tests that fail together are believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from backoffice.validate.upstream import believed


def node(*models: str) -> Any:
    return SimpleNamespace(
        depends_on=SimpleNamespace(nodes=[*(f"model.b.{name}" for name in models), "source.b.meta.waiting"]),
        config=SimpleNamespace(meta={"locator": {"document": "d"}}),
    )


def result(status: str, *models: str, locator: bool = True) -> Any:
    made = node(*models)
    if not locator:
        made.config.meta = {}
    return SimpleNamespace(status=status, node=made)


NODES = {
    "model.b.base_entry": node(),
    "model.b.base_invoice": node(),
    "model.b.fct_entries": node("base_entry"),
    "model.b.fct_invoices": node("base_invoice"),
    "model.b.movements": node("fct_entries", "fct_invoices"),
}


def test_what_fails_on_the_marts_waits_for_what_fails_below() -> None:
    tests = {
        "balanced": result("fail", "base_entry"),
        "balanced in its currency": result("fail", "base_entry"),
        "invoice sums up": result("fail", "fct_invoices"),
        "posted once": result("fail", "movements", "fct_invoices"),
        "total": result("fail", "movements", locator=False),
        "holds": result("pass", "movements"),
    }
    assert set(believed(tests, NODES)) == set(tests) - {"posted once"}


def test_marts_do_not_wait_for_each_other() -> None:
    tests = {"invoice sums up": result("fail", "fct_invoices"), "posted once": result("fail", "movements")}
    assert set(believed(tests, NODES)) == set(tests)


def test_a_test_below_that_passes_or_warns_keeps_nobody_waiting() -> None:
    for status in ("pass", "warn", "skipped"):
        tests = {"balanced": result(status, "base_entry"), "posted once": result("fail", "movements")}
        assert set(believed(tests, NODES)) == set(tests)


def test_tests_of_the_same_models_are_all_believed() -> None:
    tests = {"one": result("fail", "movements"), "two": result("fail", "movements")}
    assert set(believed(tests, NODES)) == set(tests)


def test_what_names_rows_comes_before_what_is_made_of_them() -> None:
    misapplied = result("fail", "base_entry", "fct_invoices")
    misapplied.node.config.meta = {"locator": {"entity": "entry"}}
    tests = {"misapplied": misapplied, "open": result("fail", "movements"), "sums up": result("fail", "fct_invoices")}
    assert set(believed(tests, NODES)) == {"misapplied", "sums up"}
    misapplied.node.config.meta = {"locator": {"document": "d"}}
    assert set(believed(tests, NODES)) == set(tests)
