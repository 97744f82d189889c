"""One publisher at a time: a publication and a rollback never run beside each other.

The warehouse's lease is not enough: a rollback does not need the warehouse, and does not wait for a build.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from backoffice.errors import PublishError
from backoffice.settings import Settings

WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.05


@contextmanager
def publishing(settings: Settings, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Keep other publishers out while the block runs; the kernel releases a killed one's lock.

    Args:
        settings: says where the lock is.
        wait: seconds to wait for another publisher.

    Raises:
        PublishError: it is still publishing; names its process.
    """
    path = settings.publications_dir / "publish.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        _take(handle, time.monotonic() + wait)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        for left in path.parent.glob(".*.tmp"):  # by a publisher that was killed: only the lock's holder writes here
            left.unlink()
        yield


def _take(handle: TextIO, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                handle.seek(0)
                raise PublishError(
                    f"process {handle.read() or '?'} is publishing",
                    where=handle.name,
                    rule="one publisher at a time",
                    next_step="wait for it and try again; `backoffice status` says what it works on",
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return
