"""The adapter is needed, is put on once, and is for one version of GX."""

from __future__ import annotations

import subprocess
import sys

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


_IMPORT_AFTER_AIRFLOW = """
import airflow
from airflow import configuration, settings
import logging
logging.getLogger().setLevel(logging.INFO)
if not logging.getLogger().handlers: logging.basicConfig(level=logging.INFO)
from backoffice.validate.duckdb_adapter import great_expectations
great_expectations()
"""


def test_import_after_airflow_is_quiet(tmp_path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _IMPORT_AFTER_AIRFLOW],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path), "HOME": str(tmp_path)},
    )
    noise = [line for line in (run.stdout + run.stderr).splitlines() if "great_expectations" in line]
    assert noise == []
