"""Loading landed batches again, and judging them again, without doubling anything.

A batch is loaded again together with every later one of its source: a value the source did not resend is carried over
from the version before, and a full image deletes what it does not hold, so later rows depend on earlier ones. Raw rows
are taken away and put back in the same transaction as the watermark; from there it is an ordinary refresh that builds
everything, which a kill leaves to the next refresh.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb

from backoffice.contracts import load_contracts
from backoffice.errors import LandingError
from backoffice.landing import BatchStore, LocalBatchStore, fixes_of
from backoffice.ops import cycle
from backoffice.ops.publication import recover_publication
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import raw_name, usable_sources
from backoffice.validate.again import rejudge as rejudge_source
from backoffice.validate.step import GateResult
from backoffice.warehouse import meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease
from backoffice.warehouse.load import transaction


def replay(
    settings: Settings, source: str, holder: str, *, from_batch: int = 1, rejudge: bool = False, wait: float = 0.0
) -> dict[str, Any]:
    """Load the source's batches from a number on again, build everything and publish.

    Args:
        settings: where everything is.
        source: name of a file under ``sources/``.
        holder: who replays, for the lease.
        from_batch: the first batch to load again.
        rejudge: judge them with today's suites too: new breaks are quarantined, verdicts whose rule holds now end, and
            what a person released stays released.
        wait: seconds to wait for the lease.

    Raises:
        LandingError: the source has no such batch, or its file cannot be used.
        LeaseHeldError: another build holds the warehouse.
        AuditError: the audit failed; the version before stays published.
    """
    store, sources = LocalBatchStore(settings.landing_dir), _sources(settings)
    last = store.last(source)
    if source not in sources or last is None or not 1 <= from_batch <= last.seq:
        raise LandingError(
            f"there is no batch {from_batch} of source {source!r} to replay",
            where=str(settings.landing_dir),
            next_step=f"it has 1 to {last.seq}" if last else "`backoffice status` lists the sources",
        )
    with Lease(settings).held(holder, wait=wait, release=False), open_warehouse(settings) as connection:
        meta.create(connection)
        recover_publication(settings, connection)
        first = take_back(connection, sources[source], from_batch)
    loaded = cycle.load(settings, holder)
    judged = _rejudge(settings, holder, source, first) if rejudge else None
    cycle.validate(settings, holder)
    cycle.build(settings, holder)
    published = cycle.publish(settings, holder)
    return {
        "from_batch": first,
        "batches": loaded["batches"],
        "loaded_rows": loaded["rows"],
        "judged": judged.judged if judged else 0,
        "quarantined": judged.quarantined if judged else 0,
        **published,
    }


def first_batch_since(store: BatchStore, source: str, since: datetime) -> int:
    """Number of the source's first batch that landed at an instant or later.

    Raises:
        LandingError: none did.
    """
    last = store.last(source)
    low, high = 1, last.seq + 1 if last else 1
    while low < high:
        middle = (low + high) // 2
        found = store.manifest(source, middle)
        if found is not None and found.landed_at < since:
            low = middle + 1
        else:
            high = middle
    if last is None or low > last.seq:
        raise LandingError(
            f"no batch of {source!r} landed since {since.isoformat()}", next_step="take an earlier --since"
        )
    return low


def take_back(connection: duckdb.DuckDBPyConnection, config: SourceConfig, from_batch: int) -> int:
    """Forget that batches from a number on were loaded, and their rows; the next load does it again, in full.

    Rows a person corrected stand among those they correct, so all of them are taken back too.

    Returns:
        the first batch taken back: an earlier one than asked for when a row before it was corrected.
    """
    fixes = fixes_of(config.source)
    row = connection.execute(
        "SELECT min(root_seq) FROM meta.fix WHERE source = ? HAVING count(*) > 0", [config.source]
    ).fetchone()
    first = min(from_batch, int(row[0])) if row else from_batch
    with transaction(connection):
        for read in config.reads:
            connection.execute(f"DELETE FROM raw.{raw_name(config.source, read)} WHERE _batch_seq >= ?", [first])
        gone = "SELECT batch_id FROM meta.batch WHERE (source = $s AND batch_seq >= $n) OR source = $f"
        values = {"s": config.source, "n": first, "f": fixes}
        connection.execute(f"DELETE FROM meta.batch_table WHERE batch_id IN ({gone})", values)
        connection.execute("DELETE FROM meta.fix WHERE source = ?", [config.source])
        connection.execute(f"DELETE FROM meta.batch WHERE batch_id IN ({gone})", values)
        connection.execute("DELETE FROM meta.project")  # asks the next load for a full build
    return first


def _sources(settings: Settings) -> dict[str, SourceConfig]:
    return usable_sources(settings.sources_dir, load_contracts(settings.contracts_dir))[0]


def _rejudge(settings: Settings, holder: str, source: str, first: int) -> GateResult:
    with Lease(settings).held(holder, release=False), open_warehouse(settings) as connection:
        return rejudge_source(
            connection,
            LocalBatchStore(settings.landing_dir),
            _sources(settings),
            load_contracts(settings.contracts_dir),
            settings=settings,
            generation=meta.current_generation(connection),
            source=source,
            after=first - 1,
        )
