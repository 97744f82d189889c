"""Three planted breaks through the real publication: a document, a row, and a total that names nobody.

What can be named is out under its rule and the rest reaches readers in PostgreSQL; the total withholds the version, and
every channel says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.e2e.deployment import ensure_reader, read_marts, refresh
from tests.finance import trade
from tests.finance import world as books
from tests.finance.ledger import OWED_BY, account
from tests.finance.world import BANK, Change, invoice, journal, paid
from tests.warehouse.world import World

from backoffice.contracts import load_contracts
from backoffice.errors import AuditError
from backoffice.warehouse import dbt, invariants
from backoffice.warehouse.connection import open_warehouse

pytestmark = pytest.mark.postgres
DOCUMENT, ROW, TOTAL = (
    *("document_is_the_sum_of_its_lines", "payment_settles_documents_of_its_own_party"),
    "intercompany_balances_agree",
)
STATE = "SELECT state, version, reason FROM ops.status"
INVARIANT = "SELECT state, broken_rows FROM ops.invariant_status WHERE test = '{}'"
OUT = f"""SELECT rule, quarantined_rows FROM marts.mart_rule_history
    WHERE rule IN ('{DOCUMENT}', '{ROW}') AND quarantined_rows > 0 ORDER BY rule"""


def located() -> list[Change]:
    """A header of 100 over a line of 90; cash of C2 on an invoice of C1; and a sound invoice between them."""
    return [
        *invoice("S10", "2026-03-10", "2026-04-10", 100, [{"unit_price": 90, "net_amount": 90}]),
        *invoice("S23", "2026-03-23", "2026-04-23", 100, status="paid"),
        *paid("P23", "2026-03-23", 100, [("S23", 100)], party_id="C2"),
        *invoice("S50", "2026-03-30", "2026-04-30", 50),
    ]


def owed(number: str, amount: int) -> list[Change]:
    """Nobody owes what this firm is owed."""
    lines = [(OWED_BY, amount), (BANK, -amount)]
    return journal(number, "2026-03-20", lines, counterparty_company_id="US", is_reversal=amount < 0)


@pytest.fixture(scope="module")
def world(framed: World, tmp_path_factory: pytest.TempPathFactory, pg_server: Any) -> Iterator[World]:
    """Books with two breaks that can be named, published into a PostgreSQL of their own."""
    made = books.copy_of(framed, tmp_path_factory.mktemp("published") / "home")
    name = pg_server.create_database()
    made.settings = made.settings.model_copy(update={"marts_url": pg_server.url(name)})
    ensure_reader(pg_server.url(name), made.settings)
    _declare(made)
    made.land(account("DK", OWED_BY, "asset", "other_asset", control_for="intercompany"))
    made.land(*trade.receivables(), *trade.payables(), *located())
    refresh(made.settings)
    yield made
    pg_server.drop_database(name)


def _declare(world: World) -> None:
    """What the first full build of a platform does; this world was built without its cycle."""
    contracts = load_contracts(world.settings.contracts_dir)
    nodes = dbt.manifest(world.settings).nodes.values()
    with open_warehouse(world.settings) as connection:
        invariants.record_declared(connection, invariants.declared(nodes, contracts), contracts)


def test_what_can_be_named_is_out_and_the_rest_is_published(world: World) -> None:
    published = "SELECT invoice_id FROM marts.fct_invoices WHERE invoice_id IN ('S10', 'S23', 'S50') ORDER BY 1"
    assert read_marts(world.settings, published) == [("S23",), ("S50",)]
    applied = "SELECT allocation_id FROM marts.fct_payment_allocations WHERE allocation_id IN ('P1-1', 'P23-1')"
    assert read_marts(world.settings, applied) == [("P1-1",)]
    # a header, a line and no more; one application
    assert read_marts(world.settings, OUT) == [(DOCUMENT, 1), (ROW, 1)]
    named = f"SELECT rule, document_key, severity FROM meta.verdict WHERE rule IN ('{DOCUMENT}', '{ROW}') ORDER BY 1"
    assert world.query(named) == [(DOCUMENT, "S10", "error"), (ROW, None, "error")]
    ((state, _, reason),) = read_marts(world.settings, STATE)
    assert (state, reason) == ("published", "")
    for rule in (DOCUMENT, TOTAL):
        assert read_marts(world.settings, INVARIANT.format(rule)) == [("holds", 0)]


def test_a_total_that_names_nobody_keeps_readers_on_the_version_before(world: World) -> None:
    ((_, version, _),) = read_marts(world.settings, STATE)
    world.land(*owed("X1", 5), *invoice("S51", "2026-03-31", "2026-04-30", 51))
    with pytest.raises(AuditError, match=TOTAL):
        refresh(world.settings)
    seen = "SELECT (SELECT count(*) FROM marts.fct_invoices WHERE invoice_id = 'S51'), "
    seen += "(SELECT count(*) FROM marts.fct_gl_entries WHERE journal_id = 'X1')"
    assert read_marts(world.settings, seen) == [(0, 0)]
    for ask in (lambda query: read_marts(world.settings, query), lambda query: _in_file(world, query)):
        ((state, shown, reason),) = ask(STATE)
        assert (state, shown) == ("withheld", version) and TOTAL in reason
        assert ask(INVARIANT.format(TOTAL)) == [("broken", 1)]
        last = "SELECT state FROM ops.generation_status ORDER BY generation DESC LIMIT 1"
        assert ask(last) == [("withheld",)]

    world.land(*owed("X1R", -5))  # the source takes it back
    refresh(world.settings)
    assert read_marts(world.settings, seen) == [(1, 2)]
    ((state, shown, reason),) = read_marts(world.settings, STATE)
    assert (state, reason) == ("published", "") and shown != version
    assert read_marts(world.settings, INVARIANT.format(TOTAL)) == [("holds", 0)]


def _in_file(world: World, query: str) -> list[tuple[Any, ...]]:
    path: Path = world.settings.status_dir / "status.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()
