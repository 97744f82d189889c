"""Which source files may stand beside each other."""

from __future__ import annotations

import shutil

import pytest
import yaml

from backoffice.errors import MappingError
from backoffice.settings import Settings
from backoffice.sources import load_sources

COMPANY = Settings().sources_dir


def test_systems_that_know_each_others_keys_share_a_relation():
    sources = load_sources(COMPANY)
    shared = [name for name, config in sources.items() if config.source_relation == "nordlys"]
    assert {"erp", "hris", "bank", "carrier", "timesheets", "archive"} <= set(shared)


def test_no_table_is_mapped_by_two_of_them(tmp_path):
    for name in ("erp", "einvoices"):
        shutil.copy(COMPANY / f"{name}.yaml", tmp_path)
    path = tmp_path / "einvoices.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8")) | {"source_relation": "nordlys"}
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    with pytest.raises(MappingError, match="both map finance"):
        load_sources(tmp_path)
