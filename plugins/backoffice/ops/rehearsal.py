"""Rehearsing a build in the process that tasks are forked from.

dbt compiles its macros on first use and keeps them; a task forked afterwards inherits them and builds faster. The
rehearsal builds an empty warehouse in a temporary folder; nothing of the platform is touched.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from backoffice.contracts import load_contracts
from backoffice.settings import Settings
from backoffice.sources.mapping import usable_sources
from backoffice.warehouse import build, meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import prepare


def rehearse(settings: Settings) -> None:
    """Build an empty warehouse twice, in full and by difference, and test it.

    Raises:
        WarehouseError: the dbt project does not build.
    """
    with tempfile.TemporaryDirectory(prefix="backoffice-rehearsal-") as folder:
        scratch = settings.model_copy(update={"home": Path(folder)})
        build.build(scratch, _begin(scratch, 1, is_full=True))
        build.build(scratch, _begin(scratch, 2, is_full=False))


def _begin(scratch: Settings, generation: int, *, is_full: bool) -> build.BuildPlan:
    sources, _ = usable_sources(scratch.sources_dir, load_contracts(scratch.contracts_dir))
    now = datetime.now(UTC)
    with open_warehouse(scratch) as connection:
        meta.create(connection)
        prepare(connection, sources)
        connection.execute("UPDATE meta.generation SET published_at = ?", [now])
        connection.execute(
            "INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder) VALUES (?, ?, ?, ?, ?)",
            [generation, now, now, is_full, "rehearsal"],
        )
        for name, config in sources.items():
            for read in config.reads:
                connection.execute(
                    "INSERT INTO meta.batch_table VALUES (?, ?, ?, 0, ?)", [name, "rehearsal", read, generation]
                )
        return build.plan(connection)
