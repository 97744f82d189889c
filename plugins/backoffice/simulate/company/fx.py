"""Rates of exchange: the krone keeps to the euro, the dollar drifts; rates are whole millionths."""

from __future__ import annotations

import math
from datetime import date, timedelta

from backoffice.simulate.company.book import Row
from backoffice.simulate.company.day import Day, last_of_month
from backoffice.simulate.company.money import RATE_ONE, divide, per_hundred

_EURO, _DOLLAR = 7.4600, 6.6000  # kroner
_QUOTED = timedelta(minutes=15)
_PEG_SPREAD, _DRIFT, _YEAR = 0.001, 0.04, 365.25


def rate(day: Day, currency: str, home: str) -> int:
    """Millionths of ``home`` for one unit of ``currency`` today."""
    return RATE_ONE if currency == home else day.world.rates[f"{currency}/{home}"]


def step(day: Day) -> None:
    """Quote the day's rates, and at the end of a month its average and closing ones."""
    chance = day.chance("fx")
    euro = round(_EURO * (1 + chance.between(-_PEG_SPREAD, _PEG_SPREAD)) * RATE_ONE)
    swing = math.sin(2 * math.pi * day.today.toordinal() / _YEAR) + 0.3 * math.sin(day.today.toordinal() / 11)
    dollar = round(_DOLLAR * (1 + _DRIFT * swing / 1.3 + chance.normal(0, 0.002)) * RATE_ONE)
    pairs = {
        "EUR/DKK": euro,
        "USD/DKK": dollar,
        "DKK/USD": divide(RATE_ONE * RATE_ONE, dollar),
        "EUR/USD": divide(euro * RATE_ONE, dollar),
    }
    day.world.rates = pairs
    for pair, value in pairs.items():
        _quote(day, pair, value, "S")
        day.world.rate_sums.setdefault(pair, []).append(value)
    if day.today == last_of_month(day.today):
        _close_month(day)


def _close_month(day: Day) -> None:
    for pair, values in day.world.rate_sums.items():
        _quote(day, pair, divide(sum(values), len(values)), "A")
        _quote(day, pair, values[-1], "C")
    day.world.rate_sums = {}


def _quote(day: Day, pair: str, value: int, kind: str) -> None:
    foreign, _, home = pair.partition("/")
    day.book.put("erp.fx_quote", quote_row(foreign, home, day.today, kind, value), day.opens + _QUOTED)


def quote_row(foreign: str, home: str, on: date, kind: str, value: int) -> Row:
    """A row of the ERP's rate table."""
    return {
        "foreign_currency": foreign,
        "home_currency": home,
        "quoted_on": on,
        "kind": kind,
        "per_100": per_hundred(value),
    }
