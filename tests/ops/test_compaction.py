"""Which batches are compacted: those readers see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.landing.test_compact import land, shrink

from backoffice.errors import LandingError
from backoffice.landing import LocalBatchStore
from backoffice.ops.compaction import compact_landing
from backoffice.publish import SourceStatus, Status
from backoffice.settings import Settings


def _say_published(settings: Settings, **seqs: int) -> None:
    counts = dict.fromkeys(("landed_rows", "accepted_rows", "quarantined_rows", "waiting_rows"), 0)
    sources = tuple(
        SourceStatus(
            source=name,
            source_relation=name,
            last_event_at=None,
            last_landed_at=None,
            freshness_minutes=5,
            is_late=False,
            published_seq=seq,
            **counts,
        )
        for name, seq in seqs.items()
    )
    status = Status(state="published", reason="", checked_at=datetime.now(UTC), sources=sources)
    settings.status_dir.mkdir(parents=True)
    (settings.status_dir / "status.json").write_text(status.model_dump_json(), encoding="utf-8")


@pytest.fixture
def store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> LocalBatchStore:
    shrink(monkeypatch.setattr)
    made = LocalBatchStore(settings.landing_dir)
    for source in ("shop", "files", "_verdicts"):
        land(made, 25, source)
    return made


def test_what_readers_see_is_compacted(settings: Settings, store: LocalBatchStore) -> None:
    _say_published(settings, shop=12, files=3)
    done = {item.source: item.batches for item in compact_landing(settings)}
    assert done == {"shop": 9, "files": 0, "_verdicts": 19}
    assert [found.seq for found in store.batches("shop")] == list(range(1, 26))


def test_one_source_can_be_named(settings: Settings, store: LocalBatchStore) -> None:
    assert [item.source for item in compact_landing(settings, "_verdicts")] == ["_verdicts"]
    with pytest.raises(LandingError, match="nothing of 'nowhere' has landed"):
        compact_landing(settings, "nowhere")


def test_a_damaged_source_keeps_no_other_from_it(settings: Settings, store: LocalBatchStore) -> None:
    _say_published(settings, shop=25, files=25)
    manifest: Any = store.manifest("files", 1)
    with Path(store.uri(manifest, manifest.tables[0].name)).open("ab") as file:
        file.write(b"x")
    with pytest.raises(LandingError, match="not what was landed"):
        compact_landing(settings)
    assert store.compacted("shop", 1) is not None and store.compacted("files", 1) is None
