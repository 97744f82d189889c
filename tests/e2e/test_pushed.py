"""An event pushed over HTTP until it is read from the marts, and until it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.ops.world import in_marts, small_world
from tests.push.world import PushWorld, event

from backoffice.collect.run import collect
from backoffice.ops import cycle
from backoffice.validate.outstanding import SUPERSEDED, outstanding
from backoffice.warehouse.generate import write_files

pytestmark = pytest.mark.postgres

_PERSON = {
    "events": ["crm.customer.created", "crm.customer.changed"],
    "deletes": ["crm.customer.deleted"],
    "primary_key": ["no"],
    "columns": {"no": "BIGINT", "name": "VARCHAR", "land": "VARCHAR", "since": "TIMESTAMPTZ", "days": "INTEGER"},
    "paths": {"land": "address.country"},
}
_CUSTOMER = {
    "from": "person p",
    "columns": {
        "customer_id": "p.no",
        "customer_number": "p.no",
        "name": "p.name",
        "customer_type": "'company'",
        "country_code": "p.land",
        "currency_code": "'DKK'",
        "payment_terms_days": "p.days",
        "status": "'active'",
        "acquired_date": "cast(p.since as date)",
        "created_at": "p.since",
    },
}


class Pushed(PushWorld):
    """The small world's project, with a pushed source beside its own."""

    def __init__(self, world: Any, port: int) -> None:
        self.world = world
        super().__init__(world.settings.project_dir.parent / "pushed", port)
        self.settings = world.settings.model_copy(update={"push_port": port, "push_disk_free_mb": 0})
        self.write_source({"person": _PERSON})
        write_files(self.settings)

    def write_source(self, reads: dict[str, Any], name: str = "crm") -> None:
        super().write_source(reads, name)
        path = self.settings.sources_dir / f"{name}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        content["tables"] = {"crm.customer/customer": _CUSTOMER} if "person" in reads else {}
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    def refresh(self) -> None:
        collect(self.settings, "crm", 0, lambda _: None)
        cycle.refresh(self.settings, "test")

    def customers(self) -> list[tuple[Any, ...]]:
        """Those readers see now."""
        query = "SELECT customer_id, customer_name, country_code FROM marts.dim_customer WHERE is_current "
        return in_marts(self.settings, query + "AND NOT is_deleted AND source_relation = 'crm' ORDER BY 1")


def person(number: int, type_: str = "crm.customer.created", *, no: int, **data: Any) -> dict[str, Any]:
    known = {"no": no, "name": "Acme", "address": {"country": "DK"}, "since": "2026-01-01T00:00:00Z", "days": 30}
    return event(number, type_) | {"data": known | data}


@pytest.mark.own_project
def test_a_pushed_event_reaches_a_mart(
    small_project: Path, tmp_path: Path, pg_server: Any, pg_database: str, free_port: Callable[[], int]
) -> None:
    pushed = Pushed(small_world(small_project, tmp_path / "home", pg_server.url(pg_database)), free_port())
    with pushed.endpoint():
        assert pushed.push([person(1, no=1), person(2, no=2, name="Bolt")]).json()["accepted"] == 2
        assert pushed.push(person(3, no=3, address={"country": "Denmark"})).status_code == 202
        pushed.refresh()
        assert pushed.customers() == [("1", "Acme", "DK"), ("2", "Bolt", "DK")]
        (out,) = outstanding(pushed.settings, pushed.store)
        assert (out.source, out.rule) == ("crm", "customer.country_code.pattern")

        pushed.push(person(4, "crm.customer.changed", no=1, name="Acme A/S"))
        pushed.push(person(5, "crm.customer.changed", no=3))
        pushed.push(person(6, "crm.customer.deleted", no=2))
        pushed.push(person(1, no=1))  # a replay of the first version
        pushed.refresh()
    assert pushed.customers() == [("1", "Acme A/S", "DK"), ("3", "Acme", "DK")]
    (settled,) = outstanding(pushed.settings, pushed.store)
    assert settled.next == SUPERSEDED
    freshness = in_marts(
        pushed.settings,
        "SELECT landed_rows, accepted_rows, quarantined_rows FROM marts.mart_data_freshness WHERE source = 'crm'",
    )
    assert freshness == [(6, 5, 1)]
