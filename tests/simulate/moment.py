"""The instant and the seed the shop of the tests is made for."""

from __future__ import annotations

from datetime import UTC, datetime

NOW = datetime(2026, 6, 17, 11, 30, tzinfo=UTC)
SEED = 7
