"""Reading ahead: the source is read while what it gave before is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_PARTS = 2
T = TypeVar("T")


def ahead(parts: Iterator[T]) -> Iterator[T]:
    """The same parts in their order, taken in a thread of its own, at most two before they are asked for.

    Closed early, it waits for the part that is being read, so that the connection is free afterwards. What reading
    raises is raised when its part is asked for.
    """
    end = object()
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = deque(reader.submit(next, parts, end) for _ in range(_PARTS))
        try:
            while (part := coming.popleft().result()) is not end:
                coming.append(reader.submit(next, parts, end))
                yield part  # type: ignore[misc]
        finally:
            for part_not_asked_for in coming:
                part_not_asked_for.cancel()
