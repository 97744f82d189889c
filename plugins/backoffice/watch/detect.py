"""Which causes hold now: one function a kind, from an observation alone.

A function that cannot judge yet returns None: alerts of its kind stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from backoffice.addresses import airflow_page
from backoffice.collect.slot import SlotHealth
from backoffice.publish import file_cadence
from backoffice.watch.causes import Cause, Kind
from backoffice.watch.observe import Observation, SourceSeen
from backoffice.watch.text import moment, seconds

_SETTLED_SECONDS = 120.0
_RESTARTS = 3

Found = list[Cause] | None


def task_failed(seen: Observation) -> Found:
    """A task whose tries are used up, or that failed several times in a row."""
    page = airflow_page(seen.settings)
    return [
        Cause(
            Kind.TASK_FAILED,
            f"{failure.dag}.{failure.task}",
            "critical" if failure.final else "warning",
            f"task {failure.task} of {failure.dag} failed",
            f"{failure.tries} tries in a row: {failure.error or 'it was ended from outside'}",
            f"read its log: {page}/dags/{failure.dag}/runs/{failure.run}",
            failure.since,
        )
        for failure in seen.failures
        if failure.final or failure.tries >= seen.settings.alert_task_failures
    ]


def source_late(seen: Observation) -> Found:
    """A source nobody has followed for longer than its file allows; a dead one raises no task failure."""
    if seen.in_grace:
        return None
    late = ((source, _fresh_at(source, seen)) for source in seen.sources)
    return [
        _late(source, fresh_at, seen)
        for source, fresh_at in late
        if seen.now - fresh_at > source.config.freshness_minutes * 60
    ]


def _fresh_at(source: SourceSeen, seen: Observation) -> float:
    """A source that never landed anything counts from when it could have."""
    return source.fresh_at or max(source.configured_at, seen.started_at)


def _late(source: SourceSeen, fresh_at: float, seen: Observation) -> Cause:
    never = "; nothing of it was ever landed" if source.newest is None else ""
    limit = f"{source.config.freshness_minutes} min"
    return Cause(
        Kind.SOURCE_LATE,
        source.name,
        "critical",
        f"source {source.name} is older than its limit of {limit}",
        f"last known to be landed in full {seconds(seen.now - fresh_at)} ago{never}",
        f"`backoffice status`; is the source up? Its task: {airflow_page(seen.settings)}/dags/{source.config.dag_id}",
        fresh_at,
    )


def marts_stale(seen: Observation) -> Found:
    """Marts that miss rows landed longer ago than their limit; a withheld or held publication is its own cause."""
    if seen.in_grace:
        return None
    if seen.hold or (seen.status and seen.status.state == "withheld"):
        return []
    found = [_stale(channel, lag, seen) for channel, lag in seen.marts_lag.items()]
    return [cause for cause in found if cause]


def _stale(channel: str, lag: float, seen: Observation) -> Cause | None:
    cadence = file_cadence(seen.settings, seen.file) if channel == "file" else 0.0
    stale = [name for name, minutes in sorted(seen.mart_limits.items()) if lag > minutes * 60 + cadence]
    if not stale:
        return None
    named = "every mart" if len(stale) == len(seen.mart_limits) else ", ".join(stale)
    version = seen.status.version if seen.status else None
    return Cause(
        Kind.MARTS_STALE,
        channel,
        "critical",
        f"{named} in {'PostgreSQL' if channel == 'postgres' else 'the DuckDB file'} is older than its limit",
        f"rows of the last {seconds(lag)} are missing; readers see version {version or 'none'}",
        f"see what refresh_marts waits for: {airflow_page(seen.settings)}/dags/refresh_marts; "
        "`backoffice refresh` runs a cycle by hand",
        seen.now - lag,
    )


def publication_withheld(seen: Observation) -> Found:
    """The audit found a break: readers keep the version before."""
    status = seen.status
    if status is None or status.state != "withheld":
        return []
    since = (status.published_at or status.checked_at).timestamp()
    return [
        Cause(
            Kind.PUBLICATION_WITHHELD,
            "marts",
            "critical",
            "publication is withheld: readers keep the version before",
            f"version {status.version or 'none'} of {moment(since)} stays; {status.reason}",
            "`backoffice status`, `backoffice quarantine list`; mend the rows or the model: the next cycle publishes",
            since,
        )
    ]


def publication_held(seen: Observation) -> Found:
    """A rollback's hold that nobody lifted for longer than such a thing takes."""
    hold = seen.hold
    if hold is None or seen.now - hold.since.timestamp() <= seen.settings.alert_hold_hours * 3600:
        return []
    return [
        Cause(
            Kind.PUBLICATION_HELD,
            "marts",
            "warning",
            f"publishing is held for more than {seen.settings.alert_hold_hours:g} hours",
            hold.sentence,
            "`backoffice publish --resume` lifts it once its cause is mended",
            hold.since.timestamp(),
        )
    ]


def slot_at_risk(seen: Observation) -> Found:
    """A slot the source is about to give up, or keeps so much log for that its own disk fills."""
    return [
        Cause(
            Kind.SLOT_AT_RISK,
            slot.source,
            "critical",
            risk,
            f"the source keeps {_gigabytes(slot.retained_bytes)} of log, {_gigabytes(slot.safe_bytes)} more is safe",
            f"does its collector run? {airflow_page(seen.settings)}/dags/collect_{slot.source}",
            slot.observed_at.timestamp(),
        )
        for slot in seen.slots
        if (risk := slot.risk or _keeps_much(slot, seen.settings.alert_slot_retained_gb))
    ]


def _keeps_much(slot: SlotHealth, limit: float) -> str:
    much = slot.limit_bytes is None and (slot.retained_bytes or 0) > limit * 1e9
    return f"the source of {slot.source} keeps more than {limit:g} GB of log for its slot" if much else ""


def _gigabytes(size: int | None) -> str:
    return "any amount" if size is None else f"{size / 1e9:.2f} GB"


def quarantine_rate(seen: Observation) -> Found:
    """A rule that keeps out more of a source table than is usual."""
    settings = seen.settings
    return [
        Cause(
            Kind.QUARANTINE_RATE,
            f"{rate.source}.{rate.table}/{rate.rule}",
            "warning",
            f"rule {rate.rule} keeps out {rate.percent:.1f} % of {rate.source}.{rate.table}",
            f"{rate.quarantined} of {rate.judged} rows in {settings.alert_quarantine_minutes:.0f} min",
            f"`backoffice quarantine list --source {rate.source}`",
            rate.first_at,
        )
        for rate in seen.quarantine
        if rate.quarantined >= settings.alert_quarantine_rows and rate.percent > settings.alert_quarantine_percent
    ]


def rows_waiting(seen: Observation) -> Found:
    """Rows whose parents do not arrive."""
    limit = seen.settings.alert_waiting_rows
    return [
        Cause(
            Kind.ROWS_WAITING,
            found.source,
            "warning",
            f"rows of {found.source} wait for parents that do not arrive",
            f"{found.waiting_rows} rows wait, {limit} may",
            "see which table is missing: `backoffice psql -c 'SELECT * FROM marts.mart_data_freshness'`",
            seen.now,
        )
        for found in (seen.status.sources if seen.status else ())
        if found.waiting_rows >= limit
    ]


def file_set_aside(seen: Observation) -> Found:
    """A file that cannot be read as its layout says, as long as it lies there."""
    return [
        Cause(
            Kind.FILE_SET_ASIDE,
            f"{source}/{aside.file}",
            "warning",
            f"file {aside.file} of {source} was set aside",
            aside.what,
            aside.next_step or "correct the file and drop it again",
            aside.at,
        )
        for source, aside in seen.set_aside
    ]


def nightly_differs(seen: Observation) -> Found:
    """The newest full build has other rows than the incremental one, or a rule fails over all of it; the next
    comparison in which all is well ends it.
    """
    found = seen.full_build
    if found is None or found.equal:
        return []
    broken = [f"{test.test} fails" for test in found.broken]
    wrong = ", ".join([*broken, *(mart.model for mart in found.models if mart.incremental != mart.full)])
    return [
        Cause(
            Kind.NIGHTLY_DIFFERS,
            "marts",
            "critical",
            "the full build differs from the incremental one",
            f"generation {found.generation}: {wrong}",
            f"{seen.settings.status_dir / 'full_build.json'} names keys and rows; a full build publishes what is right",
            found.checked_at.timestamp(),
        )
    ]


def disk_nearly_full(seen: Observation) -> Found:
    """Little space is left where everything is kept."""
    free, total = seen.disk
    limit = seen.settings.alert_disk_free_gb
    if free >= limit * 1e9:
        return []
    return [
        Cause(
            Kind.DISK_NEARLY_FULL,
            "home",
            "critical",
            "the disk of the platform is nearly full",
            f"{free / 1e9:.1f} of {total / 1e9:.0f} GB are free, less than {limit:g} GB",
            f"`du -sh {seen.settings.home}/*`; free some, or move BACKOFFICE_HOME to a larger disk",
            seen.now,
        )
    ]


def process_down(seen: Observation) -> Found:
    """A supervised process that is away or ends again and again."""
    state = seen.supervisor
    if state is None or not state.process.alive():
        return []  # nobody supervises here, or `backoffice down` is under way
    if seen.in_grace:
        return None
    found = []
    for name, component in state.components.items():
        up = component.process is not None and component.process.alive()
        unsettled = component.restarts >= _RESTARTS and seen.now - component.since < _SETTLED_SECONDS
        if not up or unsettled:
            found.append(
                Cause(
                    Kind.PROCESS_DOWN,
                    name,
                    "critical",
                    f"process {name} {'ends again and again' if up else 'is down'}",
                    f"started {component.restarts + 1} times, last at {moment(component.since)}",
                    f"read {component.log}; it is started again by itself",
                    component.since,
                )
            )
    return found


class Check(NamedTuple):
    """The function that finds one kind of cause."""

    kind: Kind
    find: Callable[[Observation], Found]


CHECKS: tuple[Check, ...] = (
    Check(Kind.TASK_FAILED, task_failed),
    Check(Kind.SOURCE_LATE, source_late),
    Check(Kind.MARTS_STALE, marts_stale),
    Check(Kind.PUBLICATION_WITHHELD, publication_withheld),
    Check(Kind.PUBLICATION_HELD, publication_held),
    Check(Kind.SLOT_AT_RISK, slot_at_risk),
    Check(Kind.QUARANTINE_RATE, quarantine_rate),
    Check(Kind.ROWS_WAITING, rows_waiting),
    Check(Kind.FILE_SET_ASIDE, file_set_aside),
    Check(Kind.NIGHTLY_DIFFERS, nightly_differs),
    Check(Kind.DISK_NEARLY_FULL, disk_nearly_full),
    Check(Kind.PROCESS_DOWN, process_down),
)
