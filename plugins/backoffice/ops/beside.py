"""A second warehouse beside the one readers' versions come from: built from landing alone, or a copy built in full.

Nothing here touches the warehouse itself; what is built lies in a folder of its own below the platform's home.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from backoffice.contracts import Contracts, load_contracts
from backoffice.durable import sync_folder
from backoffice.errors import WarehouseError
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig
from backoffice.sources.mapping import usable_sources
from backoffice.validate.documents import settle
from backoffice.validate.rounds import Gates
from backoffice.validate.verdicts import SOURCE as VERDICTS
from backoffice.validate.verdicts import apply_verdicts, validated_upto
from backoffice.warehouse import audit, build, dbt, meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.load import load


@dataclass(frozen=True, slots=True)
class Point:
    """What a build is made of: batches and verdicts up to these numbers, as of an instant.

    ``generation`` is the number of the build that was made of them first, 0 when it is not known.
    """

    generation: int
    as_of: datetime
    batches: dict[str, int]
    verdicts: int


def published_point(connection: duckdb.DuckDBPyConnection) -> Point | None:
    """What the version readers see was made of; None before the first publication."""
    generation = meta.published_generation(connection)
    as_of = meta.as_of(connection, generation)
    if as_of is None:
        return None
    batches = connection.execute(
        "SELECT source, max(batch_seq) FROM meta.batch WHERE generation <= ? GROUP BY source", [generation]
    ).fetchall()
    verdicts = connection.execute(
        "SELECT coalesce(max(batch_seq), 0) FROM meta.verdict_batch WHERE generation <= ?", [generation]
    ).fetchone()
    return Point(generation, as_of, {str(name): int(seq) for name, seq in batches}, int(verdicts[0]) if verdicts else 0)


def landed_point(settings: Settings) -> Point:
    """Everything landed and judged, as of now: what is left to build from when there is no warehouse."""
    store = LocalBatchStore(settings.landing_dir)
    last = {name: found.seq for name in store.sources() if (found := store.last(name))}
    return Point(0, datetime.now(UTC), last | validated_upto(store), last.get(VERDICTS, 0))


class StoreUpTo(LocalBatchStore):
    """Landing as it was at a point: later batches are not there."""

    def __init__(self, root: Path, point: Point) -> None:
        super().__init__(root)
        self._upto = point.batches | {VERDICTS: point.verdicts}

    def batches(self, source: str, after: int = 0) -> Iterator[Manifest]:
        """Manifests after a number, up to the point."""
        for manifest in super().batches(source, after):
            if manifest.seq > self._upto.get(source, 0):
                return
            yield manifest


def second_home(settings: Settings, name: str) -> Settings:
    """Settings of an empty folder with a warehouse of its own, and the platform's landing and secrets."""
    folder = settings.home / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "landing").symlink_to(settings.landing_dir, target_is_directory=True)
    (folder / settings.secrets_path.name).symlink_to(settings.secrets_path)
    return settings.model_copy(update={"home": folder})


def build_from_landing(second: Settings, point: Point, holder: str) -> int:
    """Load what a point names into an empty warehouse, build it in full and audit it; returns its generation.

    Nothing is judged: landing has the verdicts.

    Raises:
        WarehouseError: a model failed, or a source that had landed cannot be used now.
        AuditError: the audit found a break.
    """
    store = StoreUpTo(second.landing_dir, point)
    sources, contracts = _configured(second)
    with open_warehouse(second) as connection:
        meta.create(connection)
        _count_from(connection, point)
        load(connection, store, sources, fingerprint=dbt.fingerprint(second), holder=holder)
        generation = meta.current_generation(connection)
        connection.execute("UPDATE meta.generation SET as_of = ? WHERE generation = ?", [point.as_of, generation])
        connection.execute("DELETE FROM meta.generation WHERE generation < ?", [generation])
        apply_verdicts(connection, store, generation)
        settle(connection, sources, contracts, generation)
        planned = build.plan(connection)
    _audit(second, planned, build.build(second, planned))
    return generation


def build_through_gates(second: Settings) -> None:
    """Build and audit the newest generation of a second warehouse; what its gates name is quarantined, in landing too.

    Raises:
        WarehouseError: a model failed.
        AuditError: the audit found a break.
    """
    sources, contracts = _configured(second)
    with open_warehouse(second) as connection:
        planned = build.plan(connection)
    gated = Gates(second, LocalBatchStore(second.landing_dir), sources, contracts).build(planned)
    _audit(second, planned, gated.built)


def _audit(second: Settings, planned: build.BuildPlan, built: build.Built) -> None:
    with open_warehouse(second) as connection:
        build.record_built(connection, planned, dbt.fingerprint(second))
        checks = audit.test_checks(connection, built.tests) + audit.check_books(connection, planned.generation)
        audit.record(connection, planned.generation, checks)


def _configured(second: Settings) -> tuple[dict[str, SourceConfig], Contracts]:
    contracts = load_contracts(second.contracts_dir)
    sources, errors = usable_sources(second.sources_dir, contracts)
    if errors:
        raise WarehouseError(
            f"a source cannot be used, and its rows would be missing: {errors[0].what}",
            where=errors[0].where,
            next_step="mend its file; `backoffice contracts check` names the line",
        )
    return sources, contracts


def copy_warehouse(source: Path, target: Path) -> None:
    """Copy a closed warehouse file; the caller holds its lease."""
    target.parent.mkdir(parents=True, exist_ok=True)
    require_closed(source)
    shutil.copyfile(source, target)


def require_closed(path: Path) -> None:
    """Everything of a warehouse is in its one file.

    Raises:
        WarehouseError: there is a write-ahead log beside it, which would be left behind.
    """
    log = path.with_name(path.name + ".wal")
    if log.exists():
        raise WarehouseError(
            "the warehouse has a write-ahead log", where=str(log), next_step="run `backoffice refresh`"
        )


def put_in_place(second: Settings, settings: Settings) -> None:
    """Make the second warehouse the warehouse, in one step; the caller holds the lease."""
    require_closed(second.warehouse_path)
    require_closed(settings.warehouse_path)
    with second.warehouse_path.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(second.warehouse_path, settings.warehouse_path)
    sync_folder(settings.warehouse_path.parent)


def _count_from(connection: duckdb.DuckDBPyConnection, point: Point) -> None:
    """Numbers of generations go on where they were: a version's number never comes back with other rows."""
    if point.generation:
        connection.execute(
            "INSERT INTO meta.generation (generation, as_of, started_at, is_full, holder) VALUES (?, ?, ?, false, '')",
            [point.generation, point.as_of, point.as_of],
        )
