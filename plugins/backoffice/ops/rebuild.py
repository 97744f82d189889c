"""Dropping the warehouse and building it again from landing and verdicts, while readers keep what they see.

The new warehouse is built and audited beside the old one, which goes on being refreshed. Then, under the lease, what
landed meanwhile is added, the file takes the old one's place and is published by comparing every row.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb

from backoffice.ops import beside, cycle
from backoffice.ops.publication import publish_generation, recover_publication
from backoffice.ops.status import write_status
from backoffice.publish.record import newest
from backoffice.settings import Settings
from backoffice.warehouse import meta
from backoffice.warehouse.connection import open_warehouse
from backoffice.warehouse.lease import Lease

logger = logging.getLogger(__name__)

FOLDER = "rebuild"


def rebuild(
    settings: Settings,
    holder: str,
    *,
    as_of: datetime | None = None,
    wait: float = 0.0,
    say: Callable[[str], None] = logger.info,
) -> dict[str, Any]:
    """Build the warehouse again and publish it.

    With nothing landed meanwhile and the same ``as_of``, every mart has the hash it had, but for
    :data:`backoffice.publish.compare.RUN_LOG_MARTS`.

    Args:
        settings: where everything is.
        holder: who rebuilds, for the lease.
        as_of: point in time the marts are built for; that of the published version by default.
        wait: seconds to wait for the lease, each of the two times it is held.
        say: called with a sentence on each step.

    Raises:
        LeaseHeldError: another build holds the warehouse.
        WarehouseError: a model failed; the old warehouse is as it was.
        AuditError: the audit found a break; the old warehouse is as it was.
        PublishError: the new warehouse is in place and could not be published; the next refresh does it.
    """
    point = _point(settings, holder, as_of, wait)
    say(f"building beside: {sum(point.batches.values())} batches of {len(point.batches)} sources as of {point.as_of}")
    second = beside.second_home(settings, FOLDER)
    beside.build_from_landing(second, point, holder)
    with Lease(settings).held(holder, wait=wait):
        say("built and audited; adding what landed meanwhile")
        generation = _catch_up(settings, second, holder)
        beside.put_in_place(second, settings)
        say(f"the new warehouse is in place: generation {generation}")
        with open_warehouse(settings) as connection:
            result = publish_generation(settings, connection, idle=False)
            write_status(settings, connection)
    shutil.rmtree(second.home)
    return {"generation": generation, "as_of": point.as_of.isoformat(), **result}


def _point(settings: Settings, holder: str, as_of: datetime | None, wait: float) -> beside.Point:
    point = None
    if settings.warehouse_path.exists():
        with Lease(settings).held(holder, wait=wait), open_warehouse(settings) as connection:
            meta.create(connection)
            recover_publication(settings, connection)
            point = beside.published_point(connection)
    if point is None:
        point, record = beside.landed_point(settings), newest(settings)
        generation = record.generation if record else 0
        point = beside.Point(generation, point.as_of, point.batches, point.verdicts)
    return beside.Point(point.generation, as_of or point.as_of, point.batches, point.verdicts)


def _catch_up(settings: Settings, second: Settings, holder: str) -> int:
    """Give the build a number after the old warehouse's, and add what came since; returns the newest generation."""
    with open_warehouse(settings) as connection:  # also brings what a killed writer left into the one file
        meta.create(connection)
        recover_publication(settings, connection)
        current = meta.current_generation(connection)
    with open_warehouse(second) as connection:
        _renumber(connection, current + 1)
    if cycle.load(second, holder)["idle"]:
        with open_warehouse(second) as connection:
            connection.execute("UPDATE meta.generation SET published_at = NULL")  # it is published now, row by row
            return meta.current_generation(connection)
    cycle.validate(second, holder)
    beside.build_through_gates(second)
    with open_warehouse(second) as connection:
        return meta.current_generation(connection)


def _renumber(connection: duckdb.DuckDBPyConnection, at_least: int) -> None:
    """The number counts as published while more is added to it, so that only that is built."""
    generation = max(at_least, meta.current_generation(connection))
    connection.execute("UPDATE meta.generation SET generation = ?, published_at = ?", [generation, datetime.now(UTC)])
    connection.execute("UPDATE meta.project SET generation = ?", [generation])
