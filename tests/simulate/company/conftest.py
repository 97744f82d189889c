"""Sixty days of the company, played once."""

from __future__ import annotations

import pytest
from tests.simulate.company import books


@pytest.fixture(scope="session")
def sixty_days():
    return books.keep(60, seed=5)
