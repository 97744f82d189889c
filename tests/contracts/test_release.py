"""Releasing contracts: a version says what changed since the last one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from backoffice.contracts.release import compared, parse, refuse_unsaid, release
from backoffice.errors import ContractError

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two contracts, released as they are."""
    for name in ("crm.customer", "crm.feedback"):
        shutil.copy(CHECKOUT / "contracts" / f"{name}.odcs.yaml", tmp_path)
    assert release(tmp_path) == ["crm.customer", "crm.feedback"]
    return tmp_path


def _edit(folder: Path, contract: str, version: str | None = None, drop: str | None = None, **new: Any) -> None:
    file = folder / f"{contract}.odcs.yaml"
    data = yaml.safe_load(file.read_text())
    data["version"] = version or data["version"]
    columns = data["schema"][0]["properties"]
    data["schema"][0]["properties"] = [column for column in columns if column["name"] != drop]
    if new:
        data["schema"][0]["properties"].append(new)
    file.write_text(yaml.safe_dump(data, sort_keys=False))


def test_nothing_is_compared_before_the_first_release(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / "contracts" / "crm.customer.odcs.yaml", tmp_path)
    assert compared(tmp_path) == []


def test_a_release_of_the_same_changes_nothing(folder: Path) -> None:
    assert compared(folder) == [] and release(folder) == []


def test_a_removed_column_needs_a_major_version(folder: Path) -> None:
    _edit(folder, "crm.customer", drop="region")
    with pytest.raises(ContractError) as caught:
        release(folder)
    assert "breaking  customer.region: column removed" in str(caught.value)
    assert "set the version of crm.customer to 2.0.0" in str(caught.value)
    _edit(folder, "crm.customer", version="1.4.0")
    with pytest.raises(ContractError):
        refuse_unsaid(compared(folder))
    _edit(folder, "crm.customer", version="2.0.0")
    assert release(folder) == ["crm.customer"] and compared(folder) == []


def test_an_added_column_needs_a_minor_version(folder: Path) -> None:
    new = {"name": "vip", "logicalType": "boolean", "physicalType": "BOOLEAN", "description": "Whether."}
    _edit(folder, "crm.customer", **new)
    ((comparison),) = compared(folder)
    assert (comparison.level, comparison.needed, comparison.is_said) == ("addition", "1.1.0", False)
    _edit(folder, "crm.customer", version="1.1.0")
    assert release(folder) == ["crm.customer"]


def test_a_contract_that_is_gone_is_named_to_be_released(folder: Path) -> None:
    (folder / "crm.feedback.odcs.yaml").unlink()
    with pytest.raises(ContractError, match=r"release --remove crm\.feedback"):
        release(folder)
    assert release(folder, ["crm.feedback"]) == ["crm.feedback"]
    assert not (folder / "released" / "crm.feedback.odcs.yaml").exists()


def test_a_new_contract_is_an_addition_of_its_own_version(folder: Path) -> None:
    shutil.copy(CHECKOUT / "contracts" / "hr.employee.odcs.yaml", folder)
    ((comparison),) = compared(folder)
    assert comparison.released is None and comparison.is_said
    assert release(folder) == ["hr.employee"]


def test_a_version_has_three_numbers() -> None:
    assert parse("1.12.3") == (1, 12, 3)
    with pytest.raises(ContractError, match=r"'1\.2' is not MAJOR\.MINOR\.PATCH"):
        parse("1.2")
