from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.airflow.support import FakeAirflow, fake_airflow

from backoffice.airflow.api import AirflowApi
from backoffice.airflow.wake import Wake, asset_poster
from backoffice.errors import ServerError
from backoffice.landing import Manifest
from backoffice.landing.manifest import LandedTable


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    with fake_airflow() as fake:
        yield fake


def manifest(seq: int) -> Manifest:
    table = LandedTable(name="orders", file="orders.parquet", rows=2, bytes=1, sha256="")
    return Manifest(
        source="shop",
        seq=seq,
        batch_id=f"shop-{seq}",
        kind="stream",
        offset={},
        tables=(table,),
        landed_at=datetime.now(tz=UTC),
    )


def api_of(airflow: FakeAirflow) -> AirflowApi:
    return AirflowApi(airflow.url, "backoffice_service", "secret")


def wake(airflow: FakeAirflow, interval: float = 0.1) -> Wake:
    return Wake(asset_poster(api_of(airflow), "backoffice://landed/shop"), interval=interval, retry=0.01)


def test_a_burst_is_throttled_and_its_last_landing_is_told(airflow):
    with wake(airflow) as bell:
        for seq in range(1, 201):
            bell.landed(manifest(seq))
    assert airflow.events[-1]["extra"]["batch"] == "shop-200"
    assert sum(event["extra"]["rows"] for event in airflow.events) == 400
    assert len(airflow.events) < 200


def test_events_keep_their_distance(airflow):
    with wake(airflow, interval=0.2) as bell:
        for seq in range(1, 5):
            bell.landed(manifest(seq))
            airflow.wait_for(lambda fake, seq=seq: len(fake.events) >= seq)
    gaps = [later - earlier for earlier, later in itertools.pairwise(airflow.received)]
    assert len(gaps) == 3
    assert min(gaps) >= 0.2


def test_the_trailing_event_comes_without_closing(airflow):
    with wake(airflow) as bell:
        for seq in range(1, 51):
            bell.landed(manifest(seq))
        airflow.wait_for(lambda fake: fake.events and fake.events[-1]["extra"]["batch"] == "shop-50")


def test_a_slow_api_never_blocks_a_landing(airflow):
    airflow.open.clear()
    with wake(airflow) as bell:
        for seq in range(1, 1001):
            bell.landed(manifest(seq))  # returns though the server answers nothing
        assert not airflow.events
        airflow.open.set()
        airflow.wait_for(lambda fake: fake.events and fake.events[-1]["extra"]["batch"] == "shop-1000")


def test_a_failure_is_logged_once_and_tried_again(airflow, caplog):
    airflow.status = 503
    with caplog.at_level(logging.INFO, logger="backoffice"), wake(airflow) as bell:
        bell.landed(manifest(1))
        airflow.wait_for(lambda fake: fake.attempts >= 3)
        airflow.status = 200
        airflow.wait_for(lambda fake: fake.events)
    assert airflow.events[0]["extra"] == {"batch": "shop-1", "rows": 2}
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "503" in warnings[0].getMessage()
    assert any("told again" in record.getMessage() for record in caplog.records)


def test_an_unreachable_api_does_not_raise(caplog):
    post = asset_poster(AirflowApi("http://127.0.0.1:1", "u", "p"), "backoffice://landed/shop")
    with Wake(post, retry=60) as bell:
        bell.landed(manifest(1))
    assert "Airflow cannot be reached" in caplog.text


def test_the_asset_is_looked_up_once_by_its_exact_uri(airflow):
    post = asset_poster(api_of(airflow), "backoffice://landed/shop")
    post({"batch": "a"})
    post({"batch": "b"})
    assert [event["asset_id"] for event in airflow.events] == [7, 7]
    assert (airflow.lookups, airflow.logins) == (1, 1)


def test_an_expired_token_is_renewed(airflow):
    post = asset_poster(api_of(airflow), "backoffice://landed/shop")
    post({"batch": "a"})
    airflow.expired.add("token1")
    post({"batch": "b"})
    assert (len(airflow.events), airflow.logins) == (2, 2)


def test_a_refusal_names_the_address(airflow):
    airflow.status = 403
    with pytest.raises(ServerError, match=r"403") as caught:
        asset_poster(api_of(airflow), "backoffice://landed/shop")({})
    assert caught.value.where.endswith("/api/v2/assets/events")
