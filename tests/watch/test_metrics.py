"""/metrics: read by Prometheus' own parser, and every figure is the one that was seen."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families
from tests.watch.conftest import NOW, World
from tests.watch.test_detect import beat

from backoffice.collect.slot import SlotHealth, write_slot
from backoffice.watch.serve import serving
from backoffice.watch.state import AlertState
from backoffice.watch.watcher import Watcher


class Scrape:
    """Samples by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples["backoffice_" + name, tuple(sorted(labels.items()))]


def fetch(port: int, path: str = "/metrics", accept: str = "text/plain") -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


@pytest.fixture
def watcher(world: World) -> Watcher:
    return Watcher(world.settings, ["log"], NOW - 86_400)


def test_every_figure_is_what_the_files_say(world, watcher):
    world.land(NOW - 100)
    world.land(NOW - 40, rows=3)
    world.land(NOW - 20)
    beat(world, NOW - 5)
    world.tell(NOW - 30, published_seq=1, steps={"load": 0.2, "models": 0.5, "tests": 0.4, "build": 1.0}, generation=7)
    write_slot(
        world.settings,
        SlotHealth(
            source="shop", slot="s", observed_at=datetime.fromtimestamp(NOW, UTC), exists=True, retained_bytes=123
        ),
    )
    with (
        AlertState(world.settings) as state,
        serving("127.0.0.1", 0, watcher.metrics.registry, watcher.is_healthy) as port,
    ):
        with pytest.raises(urllib.error.HTTPError, match="503"):
            fetch(port, "/health")
        watcher.look(state, NOW)
        assert fetch(port, "/health") == "ok\n"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(port, "/")
        found = Scrape(fetch(port))
        open_metrics = fetch(port, accept="application/openmetrics-text; version=1.0.0")
    assert list(parse_open_metrics(open_metrics))
    assert all(family.documentation and family.type in ("gauge", "counter", "histogram") for family in found.families)
    assert found("source_event_lag_seconds", source="shop") == 2
    assert found("source_ingest_lag_seconds", source="shop") == pytest.approx(5)
    assert found("source_freshness_limit_seconds", source="shop") == 900
    assert found("landing_backlog_batches", source="shop") == 2
    assert found("landing_backlog_seconds", source="shop") == 40
    fates = {fate: found("rows", source="shop", fate=fate) for fate in ("accepted", "quarantined", "waiting")}
    assert fates == {"accepted": 7, "quarantined": 2, "waiting": 1}
    assert sum(fates.values()) == found("rows", source="shop", fate="landed")
    assert found("marts_lag_seconds", channel="postgres") == 40
    assert found("mart_lag_seconds", mart="mart_fast", channel="postgres") == 40
    assert found("mart_freshness_limit_seconds", mart="mart_fast") == 300
    assert found("version_age_seconds", channel="postgres") == 30
    assert found("version_generation", channel="postgres") == 7
    assert found("version_info", channel="postgres", version="000001-x") == 1
    assert found("publication_withheld") == found("publication_held") == 0
    assert found("status_age_seconds") == 30
    assert found("slot_retained_bytes", source="shop") == 123
    assert found("step_seconds_sum", step="build") == 1.0
    assert found("cycle_seconds_sum") == pytest.approx(1.2), "what a build is made of does not count beside it"
    assert found("cycle_seconds_count") == 1
    assert found("disk_free_bytes") > 0


def test_each_cycle_is_timed_and_each_version_counted_once(world, watcher):
    with AlertState(world.settings) as state:
        for number, state_of in enumerate(("published", "published", "withheld", "withheld", "published")):
            steps = {"load": 0.1 * (number + 1)}
            version = f"{(1, 2, 2, 2, 3)[number]:06d}-x"
            world.tell(NOW + number, state=state_of, version=version, steps=steps)
            for _ in range(3):
                watcher.look(state, NOW + number)
    from prometheus_client import generate_latest

    found = Scrape(generate_latest(watcher.metrics.registry).decode())
    assert found("cycle_seconds_count") == 5
    assert found("publications_total") == 2


def test_an_open_alert_is_a_metric(world, watcher):
    from prometheus_client import generate_latest

    world.tell(NOW, state="withheld")
    with AlertState(world.settings) as state:
        watcher.look(state, NOW)
    found = Scrape(generate_latest(watcher.metrics.registry).decode())
    assert found("publication_withheld") == 1
    labels = {"kind": "publication_withheld", "subject": "marts", "severity": "critical", "acknowledged": "false"}
    assert found("alert_open", **labels) == 1
    assert found("alert_notices", channel="log", state="pending") == 1


def test_an_unreadable_status_leaves_the_other_figures_and_is_told(world, watcher):
    from prometheus_client import generate_latest

    world.land(NOW)
    world.settings.status_dir.mkdir()
    (world.settings.status_dir / "status.json").write_text("{")
    with AlertState(world.settings) as state:
        watcher.look(state, NOW)
        (alert,) = state.alerts()  # several checks fail by it, and it is one cause
    assert alert.key == f"check_failed:{world.settings.status_dir}/status.json"
    found = Scrape(generate_latest(watcher.metrics.registry).decode())
    assert found("disk_free_bytes") > 0
    assert found("source_ingest_lag_seconds", source="shop") == 0  # a dead source is seen all the same
    assert found("watch_failed_checks_total", check="publication_withheld") == 1
