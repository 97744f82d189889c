"""A metric is the same by the ledger's own SQL, by its model, and by MetricFlow where it is defined there."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

BY_LEDGER = """
    SELECT e.company_id, cast(date_trunc('month', e.posting_date) AS DATE) AS month,
        sum(e.credit_base - e.debit_base) FILTER (a.account_type IN ('revenue', 'contra_revenue')) AS revenue,
        coalesce(sum(e.debit_base - e.credit_base) FILTER (a.account_type = 'cogs'), 0) AS costs,
        count(*) FILTER (e.source_document_type = 'manual') * 100.0 / count(*) AS manual
    FROM base.base_gl_entry AS e JOIN base.base_gl_account AS a USING (source_relation, account_id)
    WHERE e.status = 'posted' AND NOT e.is_deleted GROUP BY ALL HAVING revenue <> 0 ORDER BY ALL"""


def test_by_the_ledger_and_by_the_model(ledger: Any) -> None:
    models = ledger.query(
        """SELECT r.company_id, r.period_start, r.value, m.value, j.value
        FROM marts.m01_net_revenue AS r
        JOIN marts.m02_gross_margin_pct AS m USING (source_relation, company_id, period_start)
        JOIN marts.m27_manual_journal_pct AS j USING (source_relation, company_id, period_start)
        WHERE r.value <> 0 ORDER BY ALL"""
    )
    own = ledger.query(BY_LEDGER)
    assert len(own) >= 2
    assert models == [
        (company, month, revenue, (revenue - costs) * 100 / revenue, _rounded(manual))
        for company, month, revenue, costs, manual in own
    ]


def test_by_metricflow(ledger: Any, tmp_path: Path) -> None:
    own = {(company, str(month)): (revenue, manual) for company, month, revenue, _, manual in ledger.query(BY_LEDGER)}
    found = _asked(ledger, tmp_path, "net_revenue,manual_journal_pct", "metric_time__month,gl_entry__company_id")
    by_metricflow = {
        (row["gl_entry__company_id"], row["metric_time__month"][:10]): (
            Decimal(row["net_revenue"]),
            float(row["manual_journal_pct"]),
        )
        for row in found
        if float(row["net_revenue"] or 0)
    }
    assert by_metricflow.keys() == own.keys()
    for key, (revenue, manual) in own.items():
        assert by_metricflow[key][0] == revenue
        assert round(by_metricflow[key][1], 4) == round(float(manual), 4)


def _asked(world: Any, folder: Path, metrics: str, by: str) -> list[dict[str, str]]:
    """Rows of `mf query` over the world's warehouse, in the project it was built with."""
    answer = folder / "answer.csv"
    quiet = {"DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    env = os.environ | quiet | {"BACKOFFICE_WAREHOUSE": str(world.settings.warehouse_path)}
    env |= {"DBT_PROFILES_DIR": str(world.settings.dbt_dir)}
    tools = Path(sys.executable).parent
    for command in (
        [str(tools / "dbt"), "parse"],
        [str(tools / "mf"), "query", "--metrics", metrics, "--group-by", by, "--csv", str(answer)],
    ):
        done = subprocess.run(command, cwd=world.settings.dbt_dir, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    with answer.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _rounded(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.0001"))
