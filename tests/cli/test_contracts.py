"""What `backoffice contracts` says of a change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backoffice.cli.main import app
from backoffice.settings import get_settings

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("contracts", "sources", "dbt_project", "expectations", "docs"):
        shutil.copytree(CHECKOUT / name, tmp_path / name, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setenv("BACKOFFICE_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("BACKOFFICE_HOME", str(tmp_path / "var"))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def _without(path: Path, first: str, until: str) -> None:
    """The contract without the lines from one to another."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.strip() == first)
    end = next(number for number in range(start + 1, len(lines)) if lines[number].strip().startswith(until))
    path.write_text("".join(lines[:start] + lines[end:]), encoding="utf-8")


@pytest.mark.parametrize(
    ("first", "until", "said"),
    [
        ("- person", "- company", "crm.customer 1.0.0: breaking customer.customer_type: value removed: person"),
        ("- name: segment", "- name:", "crm.customer 1.0.0: breaking customer.segment: column removed"),
    ],
)
def test_a_breaking_change_is_told_before_what_does_not_follow_it(
    project: Path, first: str, until: str, said: str
) -> None:
    _without(project / "contracts" / "crm.customer.odcs.yaml", first, until)
    done = CliRunner().invoke(app, ["contracts", "check"])
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
