"""A small platform for faults: a live PostgreSQL and a watched folder, landing, warehouse, marts, and people who work.

The database source has the canonical tables as they are; the files source brings customers only. Each call of
:meth:`World.change` changes every kind of thing once, a row that breaks a rule among them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql
from tests.e2e.deployment import ensure_reader
from tests.faults.kills.stages import DATABASE, FILES
from tests.faults.kills.zygote import Order, Zygote
from tests.warehouse.world import DEFAULTS, NUMBERED, source_yaml, workspace

from backoffice.contracts import Table, load_contracts
from backoffice.ops import cycle
from backoffice.settings import Settings
from backoffice.validate import write_suites
from backoffice.warehouse.generate import write_files

CHECKOUT = Path(__file__).parents[3]
STAGES = ("collect", "collect files", *cycle.STEPS)
URL_VARIABLE = "FAULTS_SOURCE_URL"
_ORDERS = 12  # in the first copy
_POSTGRES = {"VARCHAR": "text"}

_DESK = {
    "apiVersion": "backoffice/v1",
    "source": FILES,
    "source_relation": FILES,
    "description": "Customers in files.",
    "connection": {"kind": "files", "folder": "inbox/desk"},
    "reads": {
        "people": {
            "pattern": "people*.csv",
            "columns": {"id": "VARCHAR", "name": "VARCHAR", "region": "VARCHAR"},
            "primary_key": ["id"],
        }
    },
    "tables": {
        "crm.customer/customer": {
            "from": "people p",
            "columns": {
                "customer_id": "p.id",
                "customer_number": "p.id",
                "name": "p.name",
                "region": "p.region",
                "customer_type": "'company'",
                "country_code": "'DK'",
                "currency_code": "'DKK'",
                "payment_terms_days": "30",
                "status": "'active'",
                "created_at": "timestamptz '2026-01-01 00:00:00+00'",
            },
        }
    },
}


def make_project(folder: Path) -> Settings:
    """Settings of a project with the two sources; its home is only for warming up."""
    settings = workspace(CHECKOUT, folder)
    contracts = load_contracts(settings.contracts_dir)
    database = yaml.safe_load(source_yaml(contracts, DATABASE))
    database["connection"] = {"kind": "postgres", "url_env": URL_VARIABLE}
    for name, data in ((DATABASE, database), (FILES, _DESK)):
        (settings.sources_dir / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    write_files(settings)
    write_suites(contracts, settings.expectations_dir)
    return settings


@dataclass
class World:
    """One platform.

    Attributes:
        people: what the files amount to: customer → (name, region).
    """

    settings: Settings
    source_url: str
    zygote: Zygote
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    rounds: int = 0

    @property
    def log(self) -> Path:
        """What the children wrote."""
        return self.settings.home.parent / f"{self.settings.home.name}.log"

    @contextmanager
    def source(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection to the source; what it did is committed at the end."""
        with psycopg.connect(self.source_url, options="-c timezone=UTC") as connection:
            yield connection

    # stages

    def run(
        self, stage: str, *, before: tuple[str, ...] = (), name: str = "", point: str = "", points: str = ""
    ) -> int:
        """Exit code of a child that runs a stage, after others."""
        return self.zygote.run(
            Order(
                settings=self.settings.model_dump(mode="json"),
                environment={URL_VARIABLE: self.source_url},
                before=list(before),
                stage=stage,
                name=name,
                point=point,
                points=points,
                log=str(self.log),
            )
        )

    def must(self, stage: str, *, before: tuple[str, ...] = (), points: str = "", name: str = "") -> None:
        """Run a stage that must succeed."""
        code = self.run(stage, before=before, points=points, name=name)
        assert code == 0, f"{stage} ended with {code}\n{self.log.read_text()[-3000:]}"

    def kill(self, point: str, *, before: tuple[str, ...] = (), stage: str = "") -> None:
        """Run a stage and kill it at a point, which must be reached."""
        name = point.partition(":")[0]
        code = self.run(stage or name, before=before, name=name, point=point)
        assert code == -signal.SIGKILL, f"{point}: not reached, ended with {code}\n{self.log.read_text()[-3000:]}"

    def recover(self) -> None:
        """What the platform does by itself after a kill: collect, and one whole cycle."""
        self.must("refresh", before=("catch up",))

    # the people

    def change(self) -> None:
        """A day's work: new, changed and deleted rows, one bad one, two files of which one repeats the other."""
        self.rounds += 1
        number = self.rounds
        with self.source() as source:
            self._insert(source, "customer", customer_id=f"C{number}", region="North")
            self._insert(source, "product", product_id=f"P{number}", name=f"part {number}")
            self._order(source, number)
            source.execute("UPDATE customer SET region = %s WHERE customer_id = %s", (f"R{number}", f"C{number // 2}"))
        with self.source() as source:
            self._insert(source, "product", product_id=f"BAD{number}", status="no such status")
            line = f"L{max(number - 5, 1)}-2"
            source.execute("DELETE FROM sales_order_line WHERE order_line_id = %s", (line,))
            source.execute("UPDATE sales_order_line SET ordered_qty = 5 WHERE order_line_id = %s", (f"L{number}-1",))
            self._total(source, max(number - 5, 1))
            self._total(source, number)
        self._file(number)

    def scribble(self) -> None:
        """Log that holds nothing for the collector, after a change that does."""
        self.change()
        self.must("catch up")
        with self.source() as source:
            source.execute("CREATE TABLE IF NOT EXISTS scribble (n int)")
            source.execute("INSERT INTO scribble VALUES (1)")

    def _order(self, source: psycopg.Connection[Any], number: int) -> None:
        self._insert(
            source, "sales_order", order_id=f"O{number}", customer_id=f"C{number}", salesperson_id="E1", net_amount=0
        )
        for position in (1, 2):
            self._insert(
                source,
                "sales_order_line",
                order_line_id=f"L{number}-{position}",
                order_id=f"O{number}",
                product_id=f"P{number}",
                line_number=position,
            )

    def _total(self, source: psycopg.Connection[Any], number: int) -> None:
        source.execute(
            "UPDATE sales_order_line SET net_amount = ordered_qty * unit_price WHERE order_id = %s", (f"O{number}",)
        )
        source.execute(
            """UPDATE sales_order AS o SET net_amount = s.net, gross_amount = s.net
            FROM (SELECT coalesce(sum(net_amount), 0) AS net FROM sales_order_line WHERE order_id = %(o)s) AS s
            WHERE o.order_id = %(o)s""",
            {"o": f"O{number}"},
        )

    def _insert(self, source: psycopg.Connection[Any], table: str, **values: Any) -> None:
        row = DEFAULTS[table] | values
        if table in NUMBERED:
            row.setdefault(NUMBERED[table], next(iter(values.values())))
        source.execute(
            sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, row)),
                sql.SQL(", ").join(map(sql.Literal, row.values())),
            )
        )

    def _file(self, number: int) -> None:
        rows = {f"F{number}": (f"person {number}", "South"), f"F{number // 2}": ("renamed", f"R{number}")}
        text = "id,name,region\n" + "".join(f"{key},{name},{region}\n" for key, (name, region) in rows.items())
        folder = self.settings.home / "inbox" / "desk"
        folder.mkdir(parents=True, exist_ok=True)
        for turn, name in enumerate((f"people{number:05d}.csv", f"people{number:05d}-again.csv")):
            path = folder / name
            path.write_text(text, encoding="utf-8")
            os.utime(path, (number * 10 + turn, number * 10 + turn))
        self.people |= rows

    def prepare_source(self) -> None:
        """The tables and what stands in them before anybody collects."""
        with self.source() as source:
            for table in load_contracts(self.settings.contracts_dir):
                source.execute(_create(table))
            self._insert(
                source, "employee", employee_id="E1", original_hire_date="2026-01-01", last_hire_date="2026-01-01"
            )
            self._insert(source, "department", department_id="D1")
            self._insert(source, "employment", employment_id="J1", employee_id="E1", department_id="D1")
            self._insert(source, "compensation", compensation_id="W1", employee_id="E1")
        for _ in range(_ORDERS):
            self.change()


def _create(table: Table) -> sql.Composed:
    columns = [
        sql.SQL("{} {}").format(
            sql.Identifier(column.name), sql.SQL(_POSTGRES.get(column.physical_type, column.physical_type))
        )
        for column in table.columns
    ]
    key = sql.SQL("PRIMARY KEY ({})").format(sql.SQL(", ").join(sql.Identifier(c.name) for c in table.primary_key))
    return sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table.name), sql.SQL(", ").join([*columns, key]))


@contextmanager
def make_world(pg_server: Any, zygote: Zygote, project: Settings, folder: Path) -> Iterator[World]:
    """A world whose source holds something and from which nothing was collected."""
    source, marts = pg_server.create_database(), pg_server.create_database()
    settings = project.model_copy(
        update={
            "home": folder / "home",
            "marts_url": pg_server.url(marts),
            "lease_seconds": 0.5,
            "marts_file_seconds": 0.0,
            "batch_seconds": 0.05,
            "compact_grace_seconds": 0.0,
            "file_stable_seconds": 0.05,
            "file_poll_seconds": 0.05,
        }
    )
    ensure_reader(settings.marts_url, settings)
    world = World(settings, pg_server.url(source), zygote)
    world.prepare_source()
    try:
        yield world
    finally:
        for name in (source, marts):
            pg_server.drop_database(name)
