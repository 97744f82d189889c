"""What a first start waits for: sources whose rows readers do not see yet."""

from __future__ import annotations

import json
from pathlib import Path

from backoffice.cli.published import published_version, unread_sources
from backoffice.collect.heartbeat import Heartbeat
from backoffice.settings import Settings

SOURCE = """
apiVersion: backoffice/v1
source: {name}
source_relation: {name}
description: A folder.
connection: {{kind: files, folder: inbox/{name}}}
defaults: {{timezone: UTC}}
reads: {{}}
tables: {{}}
"""


def test_sources_are_waited_for_until_their_rows_are_published(settings: Settings, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "sources").mkdir(parents=True)
    for name in ("landed", "never_ran", "published", "empty"):
        (project / "sources" / f"{name}.yaml").write_text(SOURCE.format(name=name), encoding="utf-8")
    settings = settings.model_copy(update={"project_dir": project})
    assert unread_sources(settings) == ["empty", "landed", "never_ran", "published"]
    assert published_version(settings) == ""

    sources = [
        {"source": "landed", "landed_rows": 5, "published_seq": 0},
        {"source": "published", "landed_rows": 7, "published_seq": 3},
    ]
    settings.status_dir.mkdir(parents=True)
    (settings.status_dir / "status.json").write_text(json.dumps({"version": "000001", "sources": sources}), "utf-8")
    for name in ("landed", "empty"):
        Heartbeat(settings, name).caught_up()
    assert published_version(settings) == "000001"
    assert unread_sources(settings) == ["landed", "never_ran"], "one has rows nobody reads, one was never looked at"
