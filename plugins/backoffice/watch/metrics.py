"""``/metrics``: what the watcher saw last, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backoffice.errors import BackofficeError
from backoffice.watch.observe import Observation
from backoffice.watch.state import Alert

_BUCKETS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

Sample = tuple[tuple[str, ...], float]


class Metrics(Collector):
    """Gauges of the last look, and counters since the watcher started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._step_seconds = Histogram(
            "backoffice_step_seconds",
            "Time a step of a cycle took.",
            ["step"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self._cycle_seconds = Histogram(
            "backoffice_cycle_seconds", "Time all steps of a cycle took.", registry=self.registry, buckets=_BUCKETS
        )
        self._publications = Counter(
            "backoffice_publications", "Versions seen to be published.", registry=self.registry
        )
        self._failed_checks = Counter(
            "backoffice_watch_failed_checks", "Looks that failed.", ["check"], registry=self.registry
        )
        self._families: list[Metric] = []
        self._timed: int | None = None
        self._version: str | None = None
        self.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the families are known once something was seen."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The families of the last look."""
        return self._families

    def check_failed(self, check: str) -> None:
        """A look could not be made."""
        self._failed_checks.labels(check).inc()

    def take(self, seen: Observation, alerts: list[Alert], notices: list[tuple[str, str, int]]) -> None:
        """Take in one look; a part that cannot be read is left out of it."""
        families: list[Metric] = [
            _gauge("watch_last_pass_timestamp_seconds", "When the watcher last looked.", [((), seen.now)])
        ]
        for group in _GROUPS:
            try:
                families += group(seen)
            except Exception:  # the check of the same files raises too, and is told
                self.check_failed(f"metrics{group.__name__}")
        self._families = [*families, *_told(alerts, notices)]
        self._count(seen)

    def _count(self, seen: Observation) -> None:
        try:
            status = seen.status
        except (OSError, BackofficeError):  # told by the checks
            return
        if status is None:
            return
        if self._version is not None and status.version != self._version:
            self._publications.inc()
        self._version = status.version
        generation = status.generation
        # a withheld generation is timed too: its number is not the published one, its steps are
        if status.steps and (mark := hash((generation, tuple(status.steps.items())))) != self._timed:
            self._timed = mark
            for step, seconds in status.steps.items():
                self._step_seconds.labels(step).observe(seconds)
            self._cycle_seconds.observe(status.cycle_seconds)


def _gauge(name: str, text: str, samples: Iterable[Sample], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"backoffice_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _sources(seen: Observation) -> Iterator[Metric]:
    found = seen.sources
    now = seen.now
    yield _gauge(
        "source_event_lag_seconds",
        "From the newest change of the last batch to its landing.",
        (
            ((s.name,), (s.newest.landed_at - s.newest.event_at_max).total_seconds())
            for s in found
            if s.newest and s.newest.event_at_max
        ),
        "source",
    )
    yield _gauge(
        "source_ingest_lag_seconds",
        "Since the source was last known to be landed in full.",
        (((s.name,), now - s.fresh_at) for s in found if s.fresh_at is not None),
        "source",
    )
    yield _gauge(
        "source_freshness_limit_seconds",
        "The source is late past this lag.",
        (((s.name,), s.config.freshness_minutes * 60.0) for s in found),
        "source",
    )


def _backlog(seen: Observation) -> Iterator[Metric]:
    found = seen.backlog.items()
    yield _gauge(
        "landing_backlog_batches", "Batches landed and not published.", (((s,), b.batches) for s, b in found), "source"
    )
    yield _gauge(
        "landing_backlog_seconds",
        "Age of the oldest of them.",
        (((s,), seen.now - b.since if b.since else 0.0) for s, b in found),
        "source",
    )


def _slots(seen: Observation) -> Iterator[Metric]:
    for name, text in (
        ("retained", "Log the source keeps for the slot."),
        ("safe", "Log that can still be written before the slot is lost; absent without a limit."),
        ("lag", "Log written and not acknowledged."),
    ):
        sizes = (((slot.source,), getattr(slot, f"{name}_bytes")) for slot in seen.slots)
        yield _gauge(
            f"slot_{name}_bytes", text, ((labels, size) for labels, size in sizes if size is not None), "source"
        )


def _rows(seen: Observation) -> Iterator[Metric]:
    if seen.status is None:
        return
    fates = ("landed", "accepted", "quarantined", "waiting")
    yield _gauge(
        "rows",
        "Source rows by where they are, over all time: landed = accepted + quarantined + waiting.",
        (((s.source, fate), getattr(s, f"{fate}_rows")) for s in seen.status.sources for fate in fates),
        "source",
        "fate",
    )


def _quarantine(seen: Observation) -> Iterator[Metric]:
    yield _gauge(
        "quarantined_rows_in_window",
        "Rows a rule kept out in the alert window.",
        (((r.source, r.table, r.rule), r.quarantined) for r in seen.quarantine),
        "source",
        "table",
        "rule",
    )


def _marts(seen: Observation) -> Iterator[Metric]:
    lag = seen.marts_lag
    yield _gauge(
        "marts_lag_seconds", "Rows landed earlier than that ago are in the marts.", (((c,), s) for c, s in lag.items()),
        "channel",
    )  # fmt: skip
    limits = seen.mart_limits.items()
    yield _gauge(
        "mart_lag_seconds",
        "The same for each mart: all of a channel's marts are of one version.",
        (((mart, channel), s) for mart, _ in limits for channel, s in lag.items()),
        "mart",
        "channel",
    )
    yield _gauge(
        "mart_freshness_limit_seconds",
        "The mart is stale past this lag.",
        (((mart,), minutes * 60) for mart, minutes in limits),
        "mart",
    )


def _publication(seen: Observation) -> Iterator[Metric]:
    status = seen.status
    if status is None:
        return
    yield _gauge("status_age_seconds", "Since a cycle last wrote the status.", [((), _age(seen, status.checked_at))])
    yield _gauge(
        "publication_withheld", "1 while the audit withholds publication.", [((), float(status.state == "withheld"))]
    )
    versions = [("postgres", status.version, status.generation, status.published_at)]
    if seen.file:
        versions.append(("file", seen.file.version, seen.file.generation, seen.file.published_at))
    known = [(channel, version, generation, at) for channel, version, generation, at in versions if version and at]
    yield _gauge(
        "version_info",
        "1 for the version readers see.",
        (((c, v or ""), 1) for c, v, _, _ in known),
        "channel",
        "version",
    )
    yield _gauge("version_generation", "Its build.", (((c,), g or 0) for c, _, g, _ in known), "channel")
    yield _gauge(
        "version_age_seconds", "Since it was published.", (((c,), _age(seen, at)) for c, _, _, at in known), "channel"
    )


def _hold(seen: Observation) -> Iterator[Metric]:
    yield _gauge(
        "publication_held", "1 while a rollback's hold stops publishing.", [((), float(seen.hold is not None))]
    )


def _machine(seen: Observation) -> Iterator[Metric]:
    free, total = seen.disk
    yield _gauge("disk_free_bytes", "Free on the disk of the platform's home.", [((), free)])
    yield _gauge("disk_size_bytes", "Size of that disk.", [((), total)])
    state = seen.supervisor
    if state is not None:
        runs = state.process.alive()
        yield _gauge(
            "process_up",
            "1 for a supervised process that runs.",
            (((n,), float(runs and bool(c.process and c.process.alive()))) for n, c in state.components.items()),
            "process",
        )


_GROUPS: tuple[Callable[[Observation], Iterator[Metric]], ...] = (
    _sources,
    _backlog,
    _slots,
    _rows,
    _quarantine,
    _marts,
    _publication,
    _hold,
    _machine,
)


def _told(alerts: list[Alert], notices: list[tuple[str, str, int]]) -> Iterator[Metric]:
    yield _gauge(
        "alert_open",
        "1 for each open alert.",
        (((a.kind, a.subject, a.severity, str(bool(a.acked_by)).lower()), 1) for a in alerts),
        "kind",
        "subject",
        "severity",
        "acknowledged",
    )
    yield _gauge(
        "alert_notices",
        "Notices kept, by what became of them.",
        (((channel, state), count) for channel, state, count in notices),
        "channel",
        "state",
    )


def _age(seen: Observation, at: object) -> float:
    return seen.now - at.timestamp() if hasattr(at, "timestamp") else 0.0
