"""Compacting landing: which sources, and up to which batch."""

from __future__ import annotations

import logging

from backoffice.errors import LandingError
from backoffice.landing import LocalBatchStore
from backoffice.landing.compact import Compaction, compact
from backoffice.publish import Status
from backoffice.settings import Settings

logger = logging.getLogger(__name__)


def compact_landing(settings: Settings, source: str | None = None) -> list[Compaction]:
    """Compact the batches readers already see, of one source or of all; verdicts and fixes too.

    The warehouse is not needed: what is published stands in the status. A source that cannot be compacted does not keep
    the others from it.

    Raises:
        LandingError: there is no such source in landing, or at least one could not be compacted.
    """
    store = LocalBatchStore(settings.landing_dir)
    names = store.sources()
    if source is not None and source not in names:
        raise LandingError(
            f"nothing of {source!r} has landed",
            where=str(settings.landing_dir),
            next_step=f"there are {', '.join(names)}",
        )
    published = _published(settings)
    done: list[Compaction] = []
    failed: list[LandingError] = []
    for name in names if source is None else [source]:
        try:
            done.append(
                compact(store, name, _upto(store, name, published), grace_seconds=settings.compact_grace_seconds)
            )
        except LandingError as error:
            logger.error("%s was not compacted: %s", name, error)
            failed.append(error)
    if failed:
        raise failed[0]
    return done


def _upto(store: LocalBatchStore, name: str, published: dict[str, int]) -> int:
    """Verdicts and fixes are taken in by the cycle that follows them: all but the newest folder is old."""
    if name.startswith("_"):
        last = store.last(name)
        return last.seq if last else 0
    return published.get(name, 0)


def _published(settings: Settings) -> dict[str, int]:
    path = settings.status_dir / "status.json"
    if not path.exists():
        return {}
    status = Status.model_validate_json(path.read_text(encoding="utf-8"))
    return {item.source: item.published_seq for item in status.sources}
