"""When did a rule first fail, how often, in which source: kept by what changed, equal to counting all verdicts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.warehouse import world as worlds

from backoffice.settings import Settings
from backoffice.validate.verdicts import JUDGED, VERDICT, land_tables
from backoffice.warehouse.connection import open_warehouse

DAILY = "SELECT * EXCLUDE (_generation) FROM marts.mart_rule_daily ORDER BY ALL"
HISTORY = "SELECT * FROM marts.mart_rule_history ORDER BY ALL"


@pytest.fixture
def world(small_project: Path, tmp_path: Path) -> worlds.World:
    return worlds.World(Settings(project_dir=small_project, home=tmp_path / "home"))


def _judged(world: worlds.World, day: str, rows: int, *verdicts: tuple[str, int]) -> None:
    """A landed batch, judged at noon of a day: (rule, row number) of what failed, as a warning."""
    landed = world.land(("product", "c", {"product_id": f"P{day}{rows}"}))
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    place = {"source": "mini", "table_name": "product", "gate": "landing", "suite": "p", "suite_version": "1"}
    judged = place | {"judged_rows": rows, "failed_rows": len(verdicts), "judged_at": noon}
    failed = [
        place
        | {"batch_id": landed.batch_id, "row_no": row_no, "rule": rule, "severity": "warning", "row_json": "{}"}
        | {"judged_at": noon}
        for rule, row_no in verdicts
    ]
    tables = {JUDGED: pa.Table.from_pylist([judged])} | ({VERDICT: pa.Table.from_pylist(failed)} if failed else {})
    land_tables(world.store, tables)
    world.cycle()


def test_history_is_kept_by_what_changed_and_equals_a_full_build(world: worlds.World) -> None:
    world.land(("product", "c", {"product_id": "P0"}))
    world.cycle()
    _judged(world, "2026-03-01", 10, ("a", 1), ("a", 2), ("b", 1))
    _judged(world, "2026-03-02", 4)
    _judged(world, "2026-03-03", 5, ("a", 1))
    _judged(world, "2026-03-03", 15)  # judged later on the same day: the day's rate falls
    days = "SELECT rule, judged_on::VARCHAR, failures, failed_rows, judged_rows, failure_rate::VARCHAR "
    assert world.query(f"{days} FROM marts.mart_rule_daily ORDER BY 2, 1") == [
        ("a", "2026-03-01", 2, 2, 10, "0.200000"),
        ("b", "2026-03-01", 1, 1, 10, "0.100000"),
        ("a", "2026-03-03", 1, 1, 20, "0.050000"),
    ]
    first: Any = "SELECT rule, first_failed_at::DATE::VARCHAR, last_failed_at::DATE::VARCHAR, failed_days, failed_rows "
    assert world.query(f"{first} FROM marts.mart_rule_history ORDER BY 1") == [
        ("a", "2026-03-01", "2026-03-03", 2, 3),
        ("b", "2026-03-01", "2026-03-01", 1, 1),
    ]
    written = world.query("SELECT count(DISTINCT _generation) FROM marts.mart_rule_daily")
    assert written == [(2,)], "an old day is not written again"
    before = [world.query(query) for query in (DAILY, HISTORY)]
    with open_warehouse(world.settings) as connection:
        connection.execute("DELETE FROM meta.project")  # another project: everything is built anew
    world.cycle()
    assert world.query("SELECT count(DISTINCT _generation) FROM marts.mart_rule_daily") == [(1,)]
    assert [world.query(query) for query in (DAILY, HISTORY)] == before
