"""Airflow's assets: what connects the DAGs. Their events are wake-ups; the work is found by watermark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backoffice.airflow.names import MARTS_ASSET_NAME, MARTS_ASSET_URI, landed_asset_name, landed_asset_uri

if TYPE_CHECKING:
    from airflow.sdk import Asset


def landed_asset(source: str) -> Asset:
    """What a source has landed."""
    from airflow.sdk import Asset

    return Asset(name=landed_asset_name(source), uri=landed_asset_uri(source), group="landing")


def marts_asset() -> Asset:
    """The published marts."""
    from airflow.sdk import Asset

    return Asset(name=MARTS_ASSET_NAME, uri=MARTS_ASSET_URI, group="marts")
