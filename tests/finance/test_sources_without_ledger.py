"""A shop without a ledger and councils that publish payments alone: every mart builds, and rules say where they end.

Northwind comes from a live PostgreSQL, the payments of two English councils from folders, all by the shipped mappings,
through collecting, loading, judging, building and publishing.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.data import shared_data
from tests.e2e import deployment

from backoffice.collect.files import FileCollector
from backoffice.collect.postgres import PostgresCollector
from backoffice.contracts import load_contracts
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import SourceConfig, load_sources

COUNCILS = {"salford": "Gross", "harrogate": "Net Amount"}
"""Each council, and the column that says what was paid."""
MONTHS = {"salford": ("2013-07", "2013-08"), "harrogate": ("2017-09", "2017-10")}
DOCUMENTS_OR_LEDGER = (
    *("mart_ar_aging", "mart_ap_aging", "mart_collections", "mart_credit_exposure", "mart_vendor_performance"),
    *("mart_three_way_match", "mart_trial_balance", "mart_profit_and_loss", "mart_balance_sheet", "mart_vat_return"),
    *("mart_cash_flow_statement", "mart_bank_reconciliation", "mart_cash_flow", "mart_payroll_summary"),
)
"""Marts of what none of the three sources tells."""


@dataclass(frozen=True)
class Published:
    """What was published, and the files it came from by council."""

    settings: Settings
    files: dict[str, dict[str, bytes]]

    def marts(self, query: str) -> list[tuple[Any, ...]]:
        """Rows as the read-only login sees them."""
        return deployment.read_marts(self.settings, query)


@pytest.fixture(scope="module", params=["two months", pytest.param("all months", marks=pytest.mark.slow)])
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pg_server: Any
) -> Iterator[Published]:
    """All three, collected, built and published once."""
    folder = tmp_path_factory.mktemp("without_ledger")
    files = {council: _files(council, whole=request.param == "all months") for council in COUNCILS}
    connections: dict[str, dict[str, Any]] = {council: {"folder": str(folder / council)} for council in COUNCILS}
    northwind, marts = pg_server.create_database(), pg_server.create_database()
    with psycopg.connect(pg_server.url(northwind)) as connection:
        connection.execute(shared_data("northwind/northwind.sql").read_text(encoding="utf-8"))
    settings = Settings(
        project_dir=deployment.make_project(folder, connections | {"northwind": {"database": northwind}}),
        home=folder / "home",
        source_url=pg_server.url(northwind),
        marts_url=pg_server.url(marts),
        file_stable_seconds=0.0,
    )
    deployment.ensure_reader(pg_server.url(marts), settings)
    _collect(settings, pg_server.url(northwind), folder, files)
    deployment.refresh(settings)
    yield Published(settings, files)
    for name in (northwind, marts):
        pg_server.drop_database(name)


def _files(council: str, whole: bool) -> dict[str, bytes]:
    with zipfile.ZipFile(shared_data(f"uk-council-spend/{council}.zip")) as archive:
        names = {name.rpartition("/")[2]: name for name in archive.namelist() if name.endswith(".csv")}
        return {
            name: archive.read(member)
            for name, member in sorted(names.items())
            if whole or name.startswith(MONTHS[council])
        }


def _collect(settings: Settings, url: str, folder: Path, files: dict[str, dict[str, bytes]]) -> None:
    sources, store = load_sources(settings.sources_dir), LocalBatchStore(settings.landing_dir)
    for council, contents in files.items():
        (folder / council).mkdir()
        for name, content in contents.items():
            (folder / council / name).write_bytes(content)
        FileCollector(sources[council], store, settings).scan_once()
    PostgresCollector(sources["northwind"], url, store, settings).run(0, lambda _: None)


def test_what_they_tell_is_there_and_nothing_else(published: Published) -> None:
    found = dict(published.marts("SELECT source_relation, count(*) FROM marts.fct_payments GROUP BY 1"))
    accepted = dict(published.marts("SELECT source, accepted_rows FROM ops.source_status WHERE source <> 'northwind'"))
    assert found == accepted and set(found) == set(COUNCILS) and min(found.values()) > 1000
    assert published.marts("SELECT count(*) FROM marts.fct_sales_order_lines") == [(2155,)]
    empty = " UNION ALL ".join(f"SELECT '{mart}', count(*) FROM marts.{mart}" for mart in DOCUMENTS_OR_LEDGER)
    assert {mart: rows for mart, rows in published.marts(empty) if rows} == {}
    assert published.marts("SELECT state, reason FROM ops.status") == [("published", "")]


@pytest.mark.parametrize("council", COUNCILS)
def test_payments_of_a_council_are_its_files_to_the_penny(published: Published, council: str) -> None:
    """Of the months named above, as Python's own reader counts them; lines with broken bytes are in quarantine."""
    wanted = [
        Decimal((row[COUNCILS[council]] or "0").replace(",", ""))
        for name, content in published.files[council].items()
        if name.startswith(MONTHS[council])
        for row in csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
        if "\ufffd" not in "".join(row.values())
    ]
    ((lines, paid),) = published.marts(
        f"""SELECT count(*), sum(CASE direction WHEN 'outbound' THEN amount ELSE -amount END) FROM marts.fct_payments
        WHERE source_relation = '{council}' AND to_char(payment_date, 'YYYY-MM') IN {MONTHS[council]}"""
    )
    assert (lines, paid) == (len(wanted), sum(wanted))


def test_rules_say_where_they_do_not_apply_and_why(published: Published) -> None:
    contracts = load_contracts(published.settings.contracts_dir)
    of_table = {table.name: table.contract for table in contracts}
    sources = load_sources(published.settings.sources_dir).values()
    tells = {source.source_relation: _contracts_of(source, of_table) for source in sources}
    rows = published.marts("SELECT test, contracts, state, source_relations, reason FROM ops.invariant_status")
    assert len(rows) > 40
    for test, compared, state, relations, reason in rows:
        wanted = set(compared.split(", "))
        where = sorted(relation for relation, told in tells.items() if wanted <= told)
        assert (state, relations) == ("holds" if where else "not applicable", ", ".join(where)), test
        partly = {relation: ", ".join(sorted(wanted - told)) for relation, told in tells.items() if wanted & told}
        lacks = "; ".join(f"{relation} has no {missing}" for relation, missing in sorted(partly.items()))
        assert reason == ("" if where else lacks or "no source has any of them"), test
    states = [state for _, _, state, _, _ in rows]
    assert states.count("not applicable") > 30 and states.count("holds") >= 1


def _contracts_of(source: SourceConfig, of_table: dict[str, str]) -> set[str]:
    return {of_table[key.rpartition("/")[2]] for key in source.tables}
