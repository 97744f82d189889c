"""Chance that depends on nothing but the seed, the process, the day and a number: any day can be played again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Chance:
    """One stream of draws."""

    def __init__(self, seed: int, process: str, day: date, extra: int = 0) -> None:
        key = (seed, zlib.crc32(process.encode()), day.toordinal(), extra)
        self.generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def share(self) -> float:
        """At least 0, less than 1."""
        return float(self.generator.random())

    def happens(self, share: float) -> bool:
        """True in this share of the cases."""
        return self.share() < share

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return int(self.generator.integers(least, most + 1))

    def between(self, least: float, most: float) -> float:
        """Evenly spread."""
        return float(self.generator.uniform(least, most))

    def poisson(self, mean: float) -> int:
        """How often something happens that happens so often on average."""
        return int(self.generator.poisson(mean))

    def normal(self, mean: float, spread: float) -> float:
        """Bell-shaped."""
        return float(self.generator.normal(mean, spread))

    def lognormal(self, median: float, sigma: float) -> float:
        """Skewed to the right, half of the draws below ``median``."""
        return median * float(np.exp(self.generator.normal(0.0, sigma)))

    def geometric(self, share: float) -> int:
        """Failures before the first success, 0 or more."""
        return int(self.generator.geometric(share)) - 1

    def one_of(self, things: Sequence[T]) -> T:
        """Any of them, each as likely."""
        return things[int(self.generator.integers(len(things)))]

    def weighted(self, things: Sequence[tuple[T, float]]) -> T:
        """One of (thing, share); the shares sum up to 1."""
        left = self.share()
        for thing, share in things:
            left -= share
            if left < 0:
                return thing
        return things[-1][0]

    def ranked(self, cumulated: Sequence[float]) -> int:
        """An index by its cumulated weights, the last of which is 1."""
        return int(np.searchsorted(np.asarray(cumulated), self.share(), side="right"))


def cumulated(weights: Sequence[float]) -> list[float]:
    """Running shares of the weights; the last is 1."""
    array = np.asarray(weights, dtype=float)
    shares = np.cumsum(array / array.sum())
    shares[-1] = 1.0
    return [float(share) for share in shares]
