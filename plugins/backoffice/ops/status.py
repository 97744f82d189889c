"""The platform's status, told every cycle in every channel: what readers see, how old it is, and why."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import duckdb

from backoffice.collect.heartbeat import last_caught_up
from backoffice.errors import BackofficeError
from backoffice.publish import SourceStatus, Status, current_file
from backoffice.publish import write_status as write
from backoffice.settings import Settings
from backoffice.validate.outstanding import write_outstanding
from backoffice.warehouse import meta

logger = logging.getLogger(__name__)

_SOURCES = """
SELECT
    s.source, any_value(s.source_relation), any_value(s.freshness_minutes),
    (SELECT max(event_at_max) FROM meta.batch AS b WHERE b.source = s.source),
    (SELECT max(landed_at) FROM meta.batch AS b WHERE b.source = s.source),
    (SELECT coalesce(sum(landed_rows), 0) FROM meta.batch_table AS t WHERE t.source = s.source),
    (SELECT count(DISTINCT (q.batch_id, q.row_no)) FROM meta.quarantined AS q WHERE q.source = s.source),
    (SELECT count(DISTINCT (w.batch_id, w.row_no)) FROM meta.waiting AS w
        WHERE w.batch_id IN (SELECT b.batch_id FROM meta.batch_table AS b WHERE b.source = s.source)),
    (SELECT coalesce(max(b.batch_seq), 0) FROM meta.batch AS b WHERE b.source = s.source AND b.generation <= (
        SELECT max(g.generation) FROM meta.generation AS g WHERE g.published_at IS NOT NULL))
FROM meta.source_table AS s
GROUP BY s.source
ORDER BY s.source
"""


def write_status(settings: Settings, connection: duckdb.DuckDBPyConnection, *, withheld: str = "") -> None:
    """Rewrite the status, and what is out of the marts for those who look after it.

    Args:
        settings: where the channels are.
        connection: the warehouse.
        withheld: why the newest generation is not published; empty when it is.

    Raises:
        BackofficeError: a channel could not be written; the others were.
    """
    try:
        write(settings, _status(settings, connection, withheld))
    finally:
        write_outstanding(settings, connection)


def say_withheld(settings: Settings, connection: duckdb.DuckDBPyConnection, error: BackofficeError) -> None:
    """Say in every channel why the newest generation is not published.

    A channel that cannot be told is named in the log: the error that withheld publication is the one to be raised.
    """
    try:
        write_status(settings, connection, withheld=str(error))
    except BackofficeError as failure:
        logger.error("not every channel says that publication is withheld: %s", failure)


def _status(settings: Settings, connection: duckdb.DuckDBPyConnection, withheld: str) -> Status:
    now = datetime.now(UTC)
    row = connection.execute(
        "SELECT version, generation, as_of, published_at FROM meta.generation WHERE generation = ?",
        [meta.published_generation(connection)],
    ).fetchone()
    version, generation, as_of, published_at = row or (None, None, None, None)
    file = current_file(settings)
    return Status(
        state="withheld" if withheld else "published" if row else "starting",
        reason=withheld,
        checked_at=now,
        version=version,
        generation=generation,
        as_of=as_of,
        published_at=published_at,
        file_version=file.version if file else None,
        steps=_steps(connection),
        sources=tuple(_source(settings, found, now) for found in connection.execute(_SOURCES).fetchall()),
    )


def _steps(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    rows = connection.execute(
        "SELECT step, seconds FROM meta.step_time WHERE generation = ? ORDER BY started_at",
        [meta.current_generation(connection)],
    ).fetchall()
    return {str(step): round(float(seconds), 3) for step, seconds in rows}


def _source(settings: Settings, row: tuple[object, ...], now: datetime) -> SourceStatus:
    source, relation, minutes, event_at, landed_at, landed, quarantined, waiting, published = row
    assert isinstance(minutes, int) and isinstance(landed, int)
    assert isinstance(quarantined, int) and isinstance(waiting, int) and isinstance(published, int)
    # a quiet source is as fresh as its collector's last look that found nothing
    seen = [moment for moment in (landed_at, last_caught_up(settings, str(source))) if isinstance(moment, datetime)]
    late = not seen or now - max(seen) > timedelta(minutes=minutes)
    return SourceStatus(
        source=str(source),
        source_relation=str(relation),
        last_event_at=event_at if isinstance(event_at, datetime) else None,
        last_landed_at=landed_at if isinstance(landed_at, datetime) else None,
        landed_rows=landed,
        accepted_rows=landed - quarantined - waiting,
        quarantined_rows=quarantined,
        waiting_rows=waiting,
        freshness_minutes=minutes,
        is_late=late,
        published_seq=published,
    )
