"""A watched folder, a clock that the test moves, and what landed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from backoffice.collect.files import FileCollector
from backoffice.landing import LocalBatchStore, Manifest
from backoffice.settings import Settings
from backoffice.sources import SourceConfig


@dataclass
class Inbox:
    """The watched folder of source ``hr`` and its collectors."""

    settings: Settings
    reads: dict[str, Any]
    now: float = 0.0
    store: LocalBatchStore = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = LocalBatchStore(self.settings.landing_dir)

    @property
    def folder(self) -> Path:
        return self.settings.home / "inbox"

    def config(self) -> SourceConfig:
        return SourceConfig.model_validate(
            {
                "apiVersion": "backoffice/v1",
                "source": "hr",
                "source_relation": "hr",
                "description": "test",
                "connection": {"kind": "files", "folder": "inbox"},
                "reads": self.reads,
                "tables": {},
            }
        )

    def collector(self) -> FileCollector:
        return FileCollector(self.config(), self.store, self.settings, clock=lambda: self.now)

    def drop(self, name: str, content: str | bytes, mtime: float = 1_700_000_000) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (mtime, mtime))
        return path

    def land(self, collector: FileCollector | None = None) -> list[Manifest]:
        """Two looks, with the stable time between them."""
        collector = collector or self.collector()
        landed = collector.scan_once()
        self.now += self.settings.file_stable_seconds
        return landed + collector.scan_once()

    def rows(self, manifest: Manifest) -> list[dict[str, Any]]:
        table = manifest.tables[0].name
        found: list[dict[str, Any]] = pq.read_table(self.store.uri(manifest, table)).to_pylist()
        return found

    def errors(self) -> list[str]:
        path = self.settings.collect_dir / "hr.errors.jsonl"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def read(pattern: str, *columns: str, full: bool = False, **dialect: Any) -> dict[str, Any]:
    """A read of text columns; the first is the key."""
    return {
        "pattern": pattern,
        "columns": dict.fromkeys(columns, "VARCHAR"),
        "primary_key": [columns[0]],
        "full": full,
        "dialect": dialect,
    }


@pytest.fixture
def inbox(settings: Settings) -> Callable[..., Inbox]:
    """Makes an inbox of the reads given."""

    def make(**reads: dict[str, Any]) -> Inbox:
        return Inbox(settings, reads)

    return make


@pytest.fixture
def make_read() -> Callable[..., dict[str, Any]]:
    """Gives :func:`read` to the tests."""
    return read
