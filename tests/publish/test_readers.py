"""Twelve readers while versions are published, one of them with other columns: no error and no mixed state."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from tests.publish import readers as kinds
from tests.publish.support import LINES, TOTALS, MartsDatabase, Warehouse, with_columns

from backoffice.errors import PublishError
from backoffice.ops.psql import psql_program
from backoffice.publish import PublishedColumn, PublishedModel, postgres, publish
from backoffice.settings import Settings

pytestmark = pytest.mark.postgres

STAMPED = with_columns(TOTALS, *TOTALS.columns, PublishedColumn("build", "BIGINT", "Build."))
WIDER = with_columns(
    LINES,
    *LINES.columns[:3],
    PublishedColumn("discount", "DECIMAL(18,4)", "Discount."),
    *(column for column in LINES.columns[3:] if column.name != "ratio"),
)


class Publisher:
    """Publishes a generation in which every row of both marts carries its number, and the totals agree."""

    def __init__(self, warehouse: Warehouse, settings: Settings, lines: int) -> None:
        self.warehouse, self.settings, self.lines = warehouse, settings, lines
        self.models: list[PublishedModel] = [LINES, STAMPED]
        self.waited = 0
        warehouse.create(STAMPED)

    def publish(self) -> None:
        now, lines = self.warehouse.build(), self.models[0].relation
        g, n = now.number, self.lines + now.number % 7
        self.warehouse.connection.execute(
            f"""INSERT INTO meta.removed_row SELECT 'fct_sales_order_lines', line_key, {g} FROM {lines};
            DELETE FROM {lines}; DELETE FROM {STAMPED.relation};
            INSERT INTO {lines} BY NAME
            SELECT 'k' || i AS line_key, {g} AS line_no, i * {g} % 97 AS amount, {g} AS _generation
            FROM range({n}) AS t(i);
            INSERT INTO {STAMPED.relation} BY NAME
            SELECT DATE '2026-03-01' + CAST(substr(line_key, 2) AS INTEGER) % 2 AS day, sum(amount) AS amount,
                'DKK' AS currency_code, {g} AS build FROM {lines} GROUP BY 1"""
        )
        self._until_done(now.values)

    def change_columns(self) -> None:
        """The lines get a column, lose one, and others move."""
        self.models[0] = WIDER
        self.warehouse.create(WIDER)
        self.publish()

    def _until_done(self, values: dict[str, Any]) -> None:
        while True:
            try:
                publish(self.warehouse.connection, self.models, self.settings, **values)
            except PublishError as error:
                assert "stayed locked" in str(error)  # a long report is waited for, cycle after cycle
                self.waited += 1
            else:
                return


def twelve(marts: MartsDatabase, settings: Settings, report_seconds: float) -> kinds.Readers:
    """The readers: nine of PostgreSQL and three of files."""
    url, folder, found = marts.reader_url, settings.marts_dir, kinds.Readers()
    for number in range(4):
        found.add(f"statement {number}", kinds.read_committed(url, kinds.ONE_STATEMENT))
    for number in range(2):
        found.add(f"prepared {number}", kinds.read_committed(url, kinds.ONE_STATEMENT, prepared=True))
    found.add("user's views", kinds.read_committed(url, kinds.BY_VIEWS))
    found.add("report", kinds.repeatable_read(url, report_seconds))
    found.add("psql", kinds.psql(psql_program(settings), url))
    found.add("stable name", kinds.stable_name(folder))
    found.add("manifest", kinds.by_manifest(folder))
    found.add("file kept open", kinds.kept_open(folder, 20))
    return found


def run(warehouse: Warehouse, marts: MartsDatabase, settings: Settings, publications: int, seconds: float) -> Any:
    settings = settings.model_copy(update={"marts_file_seconds": 0.0})
    publisher = Publisher(warehouse, settings, 40)
    publisher.publish()
    marts.execute(
        "CREATE VIEW public.my_lines AS SELECT line_no, amount FROM marts.fct_sales_order_lines",
        "CREATE VIEW public.my_totals AS SELECT * FROM marts.mart_sales_by_day",
        *(f"ALTER VIEW public.my_{name} OWNER TO marts_publisher" for name in ("lines", "totals")),
        "GRANT SELECT ON public.my_lines, public.my_totals TO reader",
    )
    with twelve(marts, settings, seconds) as found:
        for number in range(publications):
            publisher.change_columns() if number == publications // 2 else publisher.publish()
    return found, publisher


def test_twelve_readers_see_whole_versions(warehouse, marts, marts_settings):
    found, _ = run(warehouse, marts, marts_settings, publications=8, seconds=1.0)
    assert found.wrong == []
    assert len(found.reads) == 12 and all(found.reads.values()), found.reads
    assert marts.query("SELECT count(*) FROM marts.publication") == [(9,)]


@pytest.mark.slow
def test_twelve_readers_over_a_hundred_publications(warehouse, marts, marts_settings):
    found, publisher = run(warehouse, marts, marts_settings, publications=100, seconds=60.0)
    print(f"{sum(found.reads.values())} reads {found.reads}, {len(found.wrong)} wrong, {publisher.waited} waits")
    assert found.wrong == []
    assert len(found.reads) == 12 and all(found.reads.values()), found.reads
    assert marts.query("SELECT count(*) FROM marts.publication") == [(101,)]


def test_a_report_that_has_read_one_mart_holds_up_other_columns_of_another(
    warehouse, marts, marts_settings, monkeypatch
):
    """Else it would find the second mart empty: that was made after the instant the report keeps."""
    monkeypatch.setattr(postgres, "SWAP_SECONDS", 0.0)
    publisher = Publisher(warehouse, marts_settings, 5)
    publisher.publish()
    with psycopg.connect(marts.reader_url) as pg:
        pg.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert pg.execute("SELECT max(build) FROM marts.mart_sales_by_day").fetchone() == (warehouse.now.number,)
        changing = threading.Thread(target=publisher.change_columns)
        changing.start()
        while not publisher.waited:
            changing.join(0.01)
        assert pg.execute("SELECT count(*) > 0 FROM marts.fct_sales_order_lines").fetchone() == (True,)
    changing.join(60)
    assert marts.query("SELECT count(*) FROM marts.fct_sales_order_lines WHERE discount IS NULL")[0][0] > 0
