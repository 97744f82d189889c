"""docs/alerts.md has a section for each kind, and names metrics and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

from backoffice.settings import Settings
from backoffice.watch import metrics
from backoffice.watch.causes import Kind

TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_every_kind_has_its_section() -> None:
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == [kind.value for kind in Kind]


def test_every_named_metric_and_setting_exists() -> None:
    source = Path(metrics.__file__).read_text(encoding="utf-8")
    named = {name.removesuffix("_total") for name in re.findall(r"`backoffice_(\w+)`", TEXT)}
    assert named and not [
        name
        for name in named
        if f'"{name}"' not in source and f'"backoffice_{name}"' not in source and not name.startswith("slot_")
    ]
    settings = {f"BACKOFFICE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"BACKOFFICE_\w+[A-Z]", TEXT)) - {"BACKOFFICE_ALERT"} <= settings
