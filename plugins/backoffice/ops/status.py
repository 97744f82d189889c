"""The platform's status, told every cycle in every channel: what readers see, how old it is, and why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import duckdb

from backoffice.collect.heartbeat import last_caught_up, last_seen
from backoffice.errors import AuditError, BackofficeError, LeaseHeldError, StatusError
from backoffice.publish import (
    GenerationStatus,
    Hold,
    HoldStatus,
    InvariantStatus,
    SourceStatus,
    Status,
    current_file,
    last_status,
    read_hold,
)
from backoffice.publish import write_status as write
from backoffice.publish.status import State
from backoffice.settings import Settings
from backoffice.validate.outstanding import write_outstanding
from backoffice.warehouse import invariants, meta

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
    (SELECT coalesce(max(b.batch_seq), 0) FROM meta.batch AS b WHERE b.source = s.source AND b.generation <= $shown)
FROM meta.source_table AS s
GROUP BY s.source
ORDER BY s.source
"""
_GENERATIONS = """
SELECT
    g.generation, g.version, g.as_of, g.published_at, g.held_at, g.audit_passed, coalesce((
        SELECT string_agg(DISTINCT r.check_name || ' (' || r.failures || ' rows)', '; ')
        FROM meta.audit_result AS r WHERE r.generation = g.generation AND NOT r.passed), '')
FROM meta.generation AS g
ORDER BY g.generation DESC
LIMIT 20
"""
_VERSION = ("version", "generation", "as_of", "published_at")


def write_status(settings: Settings, connection: duckdb.DuckDBPyConnection, *, withheld: str = "") -> None:
    """Rewrite the status, and what is out of the marts for those who look after it.

    Args:
        settings: where the channels are.
        connection: the warehouse.
        withheld: why the newest generation is not published; empty when it is, or when a hold says why.

    Raises:
        BackofficeError: a channel could not be written; the others were.
    """
    failures = [
        _failure(lambda: write(settings, _status(settings, connection, withheld))),
        _failure(lambda: write_outstanding(settings, connection)),
    ]
    found = [failure for failure in failures if failure]
    if found:
        raise StatusError(
            "; ".join(failure.what for failure in found),
            where=", ".join(failure.where for failure in found if failure.where),
            rule="the status stands beside the data in every channel",
            next_step=found[0].next_step,
        ) from found[0]


def _failure(write_one: Callable[[], object]) -> BackofficeError | None:
    try:
        write_one()
    except BackofficeError as error:
        return error
    return None


def say_withheld(settings: Settings, connection: duckdb.DuckDBPyConnection, error: BackofficeError) -> None:
    """Say in every channel why the newest generation is not published.

    A channel that cannot be told is named in the log: the error that withheld publication is the one to be raised.
    """
    try:
        write_status(settings, connection, withheld=str(error))
    except BackofficeError as failure:
        logger.error("not every channel says that publication is withheld: %s", failure)


@contextmanager
def failures_told(settings: Settings) -> Iterator[None]:
    """Around a step of a refresh: when it fails, every channel says that publication is withheld, and why.

    The warehouse may be what failed, so the rest of the status is that of the cycle before. A warehouse held by
    somebody else is no failure, and a failed audit has been told by the audit itself. A channel that could not be
    written withholds nothing: told from what was written last, the others would show the version before.
    """
    try:
        yield
    except (LeaseHeldError, AuditError, StatusError):
        raise
    except Exception as error:
        tell(settings, str(error) if isinstance(error, BackofficeError) else f"{type(error).__name__}: {error}")
        raise


def tell(settings: Settings, withheld: str = "") -> None:
    """Rewrite the status without the warehouse: what readers see and why, the rest as it was written last.

    A channel that cannot be told is named in the log, and the next cycle tells it.
    """
    try:
        hold = read_hold(settings)
        before = last_status(settings) or Status(state="starting", reason="", checked_at=datetime.now(UTC))
        if not withheld and before.generations and before.generations[0].state == "withheld":
            withheld = before.generations[0].reason
        write(settings, before.model_copy(update=_retold(settings, before, hold, withheld)))
    except BackofficeError as failure:
        logger.error("not every channel says what readers see: %s", failure)


def _retold(settings: Settings, before: Status, hold: Hold | None, withheld: str) -> dict[str, Any]:
    file = current_file(settings)
    values: dict[str, Any] = {
        "state": _state(hold, withheld, before.version),
        "reason": _reason(hold, withheld, before.generations),
        "checked_at": datetime.now(UTC),
        "file_version": file.version if file else None,
        "hold": HoldStatus.of(hold),
    }
    if hold and hold.state != "prepared":
        values |= dict(zip(_VERSION, _of_hold(hold), strict=True))
    return values


def _status(settings: Settings, connection: duckdb.DuckDBPyConnection, withheld: str) -> Status:
    now, hold = datetime.now(UTC), read_hold(settings)
    generations = tuple(_generation(row) for row in connection.execute(_GENERATIONS).fetchall())
    version, generation, as_of, published_at = _shown(connection, hold)
    file = current_file(settings)
    sources = connection.execute(_SOURCES, {"shown": generation}).fetchall()
    return Status(
        state=_state(hold, withheld, version),
        reason=_reason(hold, withheld, generations),
        checked_at=now,
        version=version,
        generation=generation,
        as_of=as_of,
        published_at=published_at,
        file_version=file.version if file else None,
        hold=HoldStatus.of(hold),
        steps=_steps(connection),
        sources=tuple(_source(settings, found, now) for found in sources),
        generations=generations,
        invariants=tuple(InvariantStatus(**found) for found in invariants.results(connection)),
    )


def _shown(connection: duckdb.DuckDBPyConnection, hold: Hold | None) -> tuple[Any, ...]:
    """Version, generation, as_of and the instant readers first saw it."""
    if hold and hold.state != "prepared":
        return _of_hold(hold)
    row = connection.execute(
        """SELECT version, generation, as_of, published_at FROM meta.generation WHERE published_at IS NOT NULL
           ORDER BY generation DESC LIMIT 1"""
    ).fetchone()
    return row or (None, None, None, None)


def _of_hold(hold: Hold) -> tuple[Any, ...]:
    return hold.version, hold.generation, hold.as_of, hold.since


def _state(hold: Hold | None, withheld: str, version: str | None) -> State:
    if hold and hold.stops:
        return "held"
    if withheld:
        return "withheld"
    return "published" if version else "starting"


def _reason(hold: Hold | None, withheld: str, generations: Sequence[GenerationStatus]) -> str:
    if hold is None or not hold.stops:
        return withheld
    newest = next((found for found in generations if found.state == "held"), None)
    text = hold.sentence + (f"; generation {newest.generation} was built and waits" if newest else "")
    return f"{text}\nthe newest generation is withheld besides: {withheld}" if withheld else text


def _generation(row: tuple[Any, ...]) -> GenerationStatus:
    generation, version, as_of, published_at, held_at, passed, failed = row
    state: Literal["published", "held", "withheld", "unfinished"] = "unfinished"
    if published_at is not None:
        state = "published"
    elif held_at is not None:
        state = "held"
    elif passed is False:
        state = "withheld"
    return GenerationStatus(
        generation=generation,
        version=version,
        as_of=as_of,
        state=state,
        reason=failed if state == "withheld" else "",
        published_at=published_at,
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
    last_landed = landed_at if isinstance(landed_at, datetime) else None
    seen = last_seen((last_landed, last_caught_up(settings, str(source))), now)
    late = seen is None or now - seen > timedelta(minutes=minutes)
    return SourceStatus(
        source=str(source),
        source_relation=str(relation),
        last_event_at=event_at if isinstance(event_at, datetime) else None,
        last_landed_at=last_landed,
        landed_rows=landed,
        accepted_rows=landed - quarantined - waiting,
        quarantined_rows=quarantined,
        waiting_rows=waiting,
        freshness_minutes=minutes,
        is_late=late,
        published_seq=published,
    )
