"""What became of a source's files, rebuilt from its manifests: nothing else remembers it.

Content is known by its hash, per read. For a read whose files are rows to add, content that was ever landed is a
duplicate. For a read whose files are the whole table (``full: true``), only the content landed last is: A, B, A is a
table that went back to A, and its second A must land.

A file passed over as a duplicate is written into the next manifest. Without that, a restart after A, copy of A, B would
find the copy unknown, compare it with B and land it, taking the table back to A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backoffice.collect.files.period import Published, period_of
from backoffice.collect.files.watch import Candidate, Signature
from backoffice.landing import BatchStore, Manifest
from backoffice.sources import SourceConfig


@dataclass(frozen=True, slots=True)
class _Settled:
    """A file as it was when it was dealt with."""

    signature: Signature
    changed_ns: int
    sha256: str


class FileHistory:
    """Landed content of one source."""

    def __init__(self, config: SourceConfig, store: BatchStore) -> None:
        self._config = config
        self._store = store
        self._seq = 0
        self._settled: dict[tuple[str, str], _Settled] = {}  # read and file
        self._landed: dict[tuple[str, str], str] = {}
        self._last: dict[str, tuple[str, int]] = {}
        self._passed_over: list[dict[str, Any]] = []
        self._periods: dict[tuple[str, str], Published] = {}
        self.drift: dict[str, dict[str, Any]] = {}
        """Read → how the columns of its newest file differ, with the batch; only of those that do."""
        self.replaced: dict[str, dict[str, Any]] = {}
        """Read → what its newest file replaced, with the batch; only of those that did."""
        self.warnings: dict[str, dict[str, Any]] = {}
        """Read → what is odd in its newest file, with the batch."""

    def refresh(self) -> None:
        """Take in the manifests that appeared since the last call."""
        for manifest in self._store.batches(self._config.source, after=self._seq):
            self.add(manifest)

    def add(self, manifest: Manifest) -> None:
        """Take in one manifest; its passed-over files were seen before its own."""
        self._seq = manifest.seq
        if manifest.kind != "file":
            return
        for entry in manifest.offset["passed_over"]:
            self._settled[entry["read"], entry["file"]] = _settled(entry)
        entry = manifest.offset
        self._settled[entry["read"], entry["file"]] = _settled(entry)
        self._landed.setdefault((entry["read"], entry["sha256"]), entry["file"])
        self._last[entry["read"]] = (entry["sha256"], entry["mtime_ns"])
        self._passed_over.clear()
        if period := manifest.notes.get("period"):
            self._periods[entry["read"], period] = Published(manifest.seq, entry["file"], entry["sha256"])
        for told, name in ((self.drift, "drift"), (self.replaced, "replaces"), (self.warnings, "warnings")):
            told.pop(entry["read"], None)
            if found := manifest.notes.get(name):
                told[entry["read"]] = {"batch": manifest.batch_id, "by": entry["file"], **found}

    def is_settled(self, candidate: Candidate) -> bool:
        """The file under this name, size and time has been dealt with, and nothing has touched it since."""
        known = self._settled.get((candidate.read, candidate.name))
        return known is not None and known.signature == candidate.signature and known.changed_ns == candidate.changed_ns

    def is_only_touched(self, candidate: Candidate, sha256: str) -> bool:
        """A settled file whose mode or links changed; its content did not. It is settled again."""
        known = self._settled.get((candidate.read, candidate.name))
        if known is None or known.signature != candidate.signature or known.sha256 != sha256:
            return False
        self.settle(candidate, sha256)
        return True

    def settle(self, candidate: Candidate, sha256: str) -> None:
        """Deal with the file no more in this process; a restart looks at it again."""
        self._settled[candidate.read, candidate.name] = _Settled(candidate.signature, candidate.changed_ns, sha256)

    def first_landed_as(self, candidate: Candidate, sha256: str) -> str | None:
        """Name of the landed file of which this content is a duplicate, or None."""
        read = self._config.reads[candidate.read]
        if read.full and self._last.get(candidate.read, ("", 0))[0] != sha256:
            return None
        now = self.published(candidate.read, period_of(candidate.name, read))
        if now is not None and now.sha256 != sha256:
            return None  # a period may go back to what was published before
        return self._landed.get((candidate.read, sha256))

    def published(self, read: str, period: str) -> Published | None:
        """What a period's rows are from now; None when nothing of it landed, or it is no period."""
        return self._periods.get((read, period)) if period else None

    def overtaken(self, candidate: Candidate) -> bool:
        """A whole-table file landed for the same read is newer than this one."""
        newest = self._last.get(candidate.read)
        full = self._config.reads[candidate.read].full
        return full and newest is not None and candidate.signature.mtime_ns <= newest[1]

    def pass_over(self, candidate: Candidate, sha256: str) -> None:
        """Remember a duplicate; the next manifest will hold it."""
        self._passed_over.append(_entry(candidate, sha256))
        self.settle(candidate, sha256)

    def offset(self, candidate: Candidate, sha256: str) -> dict[str, Any]:
        """The offset of the batch that lands the file."""
        return {**_entry(candidate, sha256), "passed_over": list(self._passed_over)}


def _entry(candidate: Candidate, sha256: str) -> dict[str, Any]:
    return {
        "file": candidate.name,
        "read": candidate.read,
        "sha256": sha256,
        "size": candidate.signature.size,
        "mtime_ns": candidate.signature.mtime_ns,
        "changed_ns": candidate.changed_ns,
    }


def _settled(entry: dict[str, Any]) -> _Settled:
    # manifests of earlier versions do not say when the file was last touched: it is read once more
    return _Settled(Signature(entry["size"], entry["mtime_ns"]), entry.get("changed_ns", 0), entry["sha256"])
