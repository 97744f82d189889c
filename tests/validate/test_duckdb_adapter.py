"""The adapter is needed, is put on once, and is for one version of GX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb_engine
import pytest
from tests.validate.conftest import World

from backoffice.errors import ValidationError
from backoffice.validate import duckdb_adapter
from backoffice.validate.checker import Checker, open_checker


def test_without_the_adapter_gx_cannot_read_duckdb(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails GX has learnt DuckDB, and that half of the adapter can go."""
    monkeypatch.setattr("backoffice.validate.checker.reader", duckdb_engine.ConnectionWrapper)
    with pytest.raises(ValidationError, match="could not be judged"):
        world.judge_rows(world.good())


def test_without_the_adapter_gx_knows_no_regex_of_duckdb(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex as metric

    duckdb_adapter.great_expectations()
    mended = metric.get_dialect_regex_expression
    monkeypatch.setattr(metric, "get_dialect_regex_expression", mended.original)
    with pytest.raises(ValidationError) as caught:
        world.judge_rows(world.good())
    assert caught.value.rule == "line.currency_code.pattern"


def test_putting_it_on_twice_changes_nothing() -> None:
    from great_expectations.expectations.metrics import util

    duckdb_adapter.great_expectations()
    before = util.get_dialect_regex_expression
    duckdb_adapter.great_expectations()
    assert util.get_dialect_regex_expression is before
    assert not hasattr(before.original, "original")


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_adapter, "GX_VERSION", "1.25.0")
    with pytest.raises(ValidationError, match=r"is for 1\.25\.0"):
        duckdb_adapter.great_expectations()


def test_nothing_is_left_open(world: World) -> None:
    world.connection.execute("ATTACH ':memory:' AS aside; CREATE TABLE aside.t AS SELECT 1 AS a")
    with open_checker(world.connection, "aside") as checker:
        assert isinstance(checker, Checker)
    world.connection.execute("DETACH aside")


_AS_AIRFLOW_DOES = """
import airflow, logging, os
from airflow import configuration, settings
logging.getLogger().setLevel(logging.INFO)
if not logging.getLogger().handlers: logging.basicConfig(level=logging.INFO)
from backoffice.validate import warm
warm()
child = os.fork()
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import duckdb
from backoffice.validate.checker import open_checker
from backoffice.validate.suites import Suite
rule = {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "c", "regex": "y"}, "meta": {"rule": "r"}}
connection = duckdb.connect()
connection.execute("ATTACH ':memory:' AS aside")
connection.execute("CREATE TABLE aside.t AS SELECT 'b' AS _batch_id, 7 AS _row_no, 'x' AS c")
with open_checker(connection, "aside") as checker:
    print([found.rows for found in checker.failures("t", 1, Suite("s", "1", (rule,)))], flush=True)
os._exit(0)  # as a forked task ends: importing duckdb starts a thread, and its owner's destructor aborts in a fork
"""


def test_warmed_after_airflow_and_forked_it_judges_without_noise(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _AS_AIRFLOW_DOES],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert run.stdout.splitlines()[-1] == "[[('b', 7)]]"
    assert [line for line in (run.stdout + run.stderr).splitlines() if "great_expectations" in line] == []
