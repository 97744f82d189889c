from __future__ import annotations

from pathlib import Path

import pytest
from tests.airflow.test_environment import SOURCE

from backoffice.airflow.sources import check_sources, readable_sources
from backoffice.errors import MappingError
from backoffice.settings import Settings


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "east.yaml").write_text(SOURCE.format(name="east"))
    return folder


@pytest.fixture
def project(settings: Settings, sources: Path) -> Settings:
    return settings.model_copy(update={"project_dir": sources.parent})


def test_a_broken_file_does_not_hide_the_others(project, sources):
    (sources / "west.yaml").write_text("source: [west")
    assert list(readable_sources(project)) == ["east"]
    with pytest.raises(MappingError) as caught:
        check_sources(project)
    assert caught.value.where == str(sources / "west.yaml")


def test_every_broken_file_is_named(project, sources):
    (sources / "west.yaml").write_text("source: [west")
    (sources / "north.yaml").write_text(SOURCE.format(name="south"))
    with pytest.raises(MappingError, match=r"(?s)2 source files are broken.*north\.yaml.*west\.yaml"):
        check_sources(project)


def test_files_that_contradict_each_other_are_named(project, sources):
    mapped = "tables: {sales.order/sales_order: {from: orders o, columns: {order_id: o.id}}}"
    for name in ("east", "west"):
        text = SOURCE.format(name=name).replace("source_relation: west", "source_relation: east")
        (sources / f"{name}.yaml").write_text(text.replace("tables: {}", mapped))
    with pytest.raises(MappingError, match=r"east and west both map sales\.order/sales_order"):
        check_sources(project)


def test_a_changed_file_is_read_again(project, sources):
    assert readable_sources(project)["east"].description == "A shop."
    (sources / "east.yaml").write_text(SOURCE.format(name="east").replace("A shop.", "Two shops."))
    assert readable_sources(project)["east"].description == "Two shops."


def test_good_files_pass(project):
    check_sources(project)
