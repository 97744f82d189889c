"""Money as whole cents (øre) and rates as whole millionths: sums are exact, rounding is half up and only here."""

from __future__ import annotations

RATE_ONE = 1_000_000


def amount(cents: int) -> str:
    """Cents as a decimal text, such as ``-12.05``."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def per_hundred(rate: int) -> str:
    """A rate in millionths as the price of a hundred units."""
    return f"{rate // 10_000}.{rate % 10_000:04d}"


def divide(numerator: int, denominator: int) -> int:
    """Rounded half away from zero; the denominator is positive."""
    half = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -half if numerator < 0 else half


def home(cents: int, rate: int) -> int:
    """An amount in the firm's own currency."""
    return cents if rate == RATE_ONE else divide(cents * rate, RATE_ONE)


def percent(cents: int, hundredths: int) -> int:
    """So many hundredths of a percent of an amount: 2500 is a quarter."""
    return divide(cents * hundredths, 10_000)


def unit_cost(cents: int, quantity: int) -> str:
    """What one of them costs, with six decimals."""
    millionths = divide(cents * 10_000, quantity)
    sign = "-" if millionths < 0 else ""
    return f"{sign}{abs(millionths) // 1_000_000}.{abs(millionths) % 1_000_000:06d}"
