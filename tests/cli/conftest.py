"""The ``backoffice`` command over a home folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from backoffice.airflow.environment import inherited_environment
from backoffice.cli.main import app
from backoffice.settings import Settings, get_settings


@pytest.fixture
def backoffice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    for name, value in inherited_environment(settings).items():
        if name.startswith("BACKOFFICE_"):
            monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(app, list(arguments))
    get_settings.cache_clear()
