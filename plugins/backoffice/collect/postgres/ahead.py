"""Reading ahead: the source is read while what it gave before is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

_PARTS = 2
T = TypeVar("T")


@contextmanager
def ahead(parts: Iterator[T]) -> Iterator[Iterator[T]]:
    """The same parts in their order, taken in a thread of its own, at most two before they are asked for.

    Leaving it waits for the part that is being read, so that the connection is free afterwards. What reading raises is
    raised when its part is asked for.
    """
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        end = object()
        coming: deque[Any] = deque(reader.submit(next, parts, end) for _ in range(_PARTS))

        def in_order() -> Iterator[T]:
            while (part := coming.popleft().result()) is not end:
                coming.append(reader.submit(next, parts, end))
                yield part

        try:
            yield in_order()
        finally:
            for not_asked_for in coming:
                not_asked_for.cancel()
