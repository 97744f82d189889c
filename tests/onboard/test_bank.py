"""A bank statement that does not roll forward: it is out as a whole, the others are in."""

from __future__ import annotations

from tests.collect.files.camt import camt, entry

from backoffice.collect.files import FileCollector
from backoffice.contracts import load_contracts
from backoffice.landing import LocalBatchStore
from backoffice.settings import Settings
from backoffice.sources import load_source
from backoffice.validate import validate
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load


def test_a_statement_that_does_not_roll_forward_is_out_with_its_entries(settings: Settings) -> None:
    settings = settings.model_copy(update={"file_stable_seconds": 0.0})
    config = load_source(settings.sources_dir / "templates" / "bank.yaml")
    folder = settings.home / "inbox" / "bank"
    folder.mkdir(parents=True)
    (folder / "good.xml").write_text(camt(entry("150.00"), entry("50.00", "DBIT"), statement="GOOD"), "utf-8")
    (folder / "bad.xml").write_text(camt(entry("150.00"), entry("7.00"), statement="BAD"), "utf-8")
    store, sources = LocalBatchStore(settings.landing_dir), {"bank": config}
    FileCollector(config, store, settings).scan_once()
    contracts = load_contracts(settings.contracts_dir)
    with open_warehouse(settings) as connection:
        generation = load(connection, store, sources, fingerprint="f", holder="test").generation
        found = validate(connection, store, sources, contracts, settings=settings, generation=generation)
        assert found.by_rule == {"bank_statement.readable": 1}
        out = "FROM raw.bank__{0} AS r JOIN meta.quarantined AS q ON q.batch_id = r._batch_id AND q.row_no = r._row_no"
        rows = {
            read: connection.execute(f"SELECT statement_id, count(*) {out.format(read)} GROUP BY 1").fetchall()
            for read in ("statement", "entry")
        }
    assert rows == {"statement": [("BAD", 1)], "entry": [("BAD", 2)]}
