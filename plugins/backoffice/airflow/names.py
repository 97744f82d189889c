"""Names shared by DAG files, tasks and the supervisor; importing this brings nothing of Airflow."""

from __future__ import annotations

from typing import NamedTuple

ADMIN = "admin"
SERVICE = "backoffice_service"
SERVICE_ROLE = "BackofficeService"

COLLECTORS_POOL = "collectors"
WAREHOUSE_POOL = "warehouse"

REFRESH_DAG = "refresh_marts"

# Sources that may be added while the platform runs: pool and worker slots are counted at start.
SPARE_COLLECTORS = 2
# A refresh uses one slot at a time, but a finished task holds its worker for min_heartbeat_interval (1 s).
REFRESH_SLOTS = 5


class Pool(NamedTuple):
    """An Airflow pool."""

    name: str
    slots: int
    description: str


def pools(sources: int) -> tuple[Pool, ...]:
    """The pools tasks name; one that is missing makes its tasks wait for ever without a word."""
    return (
        Pool(
            COLLECTORS_POOL, sources + SPARE_COLLECTORS, "One slot a source, so that a refresh always finds a worker."
        ),
        Pool(WAREHOUSE_POOL, 1, "The warehouse has one writer."),
    )


def landed_asset_name(source: str) -> str:
    """Name of the asset that stands for what a source has landed."""
    return f"landed/{source}"


def landed_asset_uri(source: str) -> str:
    """URI of the same asset."""
    return f"backoffice://landed/{source}"


MARTS_ASSET_NAME = "marts"
MARTS_ASSET_URI = "backoffice://published/marts"
