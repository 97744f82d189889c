"""Rows of JSON records: where a column's value is, and whether it is one of the declared type.

In: decoded JSON whose numbers with a fraction are :class:`~decimal.Decimal`, so that no digit is lost. Out: Python
values of the declared DuckDB types, or a reason why there is none. Nothing is rounded or guessed.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import msgspec

ATTRIBUTES = ("$id", "$source", "$type", "$subject", "$time")
"""What ``paths:`` may name of an event beside its data."""

Convert = Callable[[Any], Any]
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\((\d+), *(\d+)\)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EXACT = Context(prec=80)  # the default one rounds to 28 digits
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "INT": 32, "BIGINT": 64}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value its column cannot hold."""

    column: str
    value: str
    message: str


def supported(kind: str) -> bool:
    """Whether values of this DuckDB type can be read from JSON."""
    try:
        converter(kind)
    except ValueError:
        return False
    return True


@functools.cache
def converter(kind: str) -> Convert:
    """Function from a JSON value, not null, to one of the DuckDB type; it raises ValueError with the reason.

    Raises:
        ValueError: there is no such function for the type.
    """
    upper = kind.upper().strip()
    if upper in _BITS:
        return functools.partial(_integer, _BITS[upper])
    if sizes := _DECIMAL.fullmatch(upper):
        return functools.partial(_decimal, int(sizes[1]), int(sizes[2]))
    plain: dict[str, Convert] = {
        "VARCHAR": _text,
        "TEXT": _text,
        "JSON": _json,
        "BOOLEAN": _boolean,
        "DOUBLE": _double,
        "DATE": _date,
        "TIMESTAMPTZ": _instant,
        "TIMESTAMP": _local,
    }
    if upper not in plain:
        raise ValueError(f"no JSON value is a {kind}")
    return plain[upper]


def value_at(data: Any, path: str) -> Any:
    """The value at ``a.b.0``; None where there is nothing. A number is the place in a list, counted from 0.

    Raises:
        ValueError: something on the way is neither an object nor a list.
    """
    for step in path.split("."):
        if data is None:
            return None
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdigit():
            data = data[int(step)] if int(step) < len(data) else None
        else:
            raise ValueError(f"there is no {step!r} in {_shown(data)[:40]}")
    return data


def converted(
    columns: Mapping[str, str], paths: Mapping[str, str], data: Any, attributes: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Misfit]]:
    """The columns of one record, and the values that do not fit, which are None among them.

    Args:
        columns: column → DuckDB type.
        paths: column → where its value is, when it is not under the column's name.
        data: the record.
        attributes: what :data:`ATTRIBUTES` stand for.
    """
    values: dict[str, Any] = {}
    misfits: list[Misfit] = []
    for column, kind in columns.items():
        values[column] = found = None
        try:
            found = _found(paths.get(column), column, data, attributes)
            values[column] = None if found is None else converter(kind)(found)
        except ValueError as error:
            misfits.append(Misfit(column, "" if found is None else _shown(found), str(error)))
    return values, misfits


def _found(path: str | None, column: str, data: Any, attributes: Mapping[str, Any]) -> Any:
    if path is None:  # a name with a full stop in it is still one name
        return data.get(column) if isinstance(data, Mapping) else None
    return attributes.get(path) if path.startswith("$") else value_at(data, path)


def landed_path(column: str, path: str | None, *, pushed: bool) -> str:
    """JSONPath of a column's value in the record as it landed: an event, or an object of a REST answer."""
    if path is None:
        steps = [column]
    elif path.startswith("$"):
        return f'$."{path[1:]}"'
    else:
        steps = path.split(".")
    named = [f"[{step}]" if step.isdigit() else f'."{step}"' for step in steps]
    return "$" + ('."data"' if pushed else "") + "".join(named)


def as_json(value: Any) -> str:
    """JSON text of a decoded value, its decimals with all their digits."""
    return _ENCODER.encode(value).decode()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else as_json(value)


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        value = format(value, "f") if -20 < value.adjusted() < 60 else str(value)
    text = value if isinstance(value, str) else as_json(value)
    if "\x00" in text:
        raise ValueError("a text with a NUL")
    return text


def _json(value: Any) -> str:
    return _text(as_json(value))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return value


def _integer(bits: int, value: Any) -> int:
    number = _number(value)
    if number.adjusted() > 20 or number != number.to_integral_value():
        raise ValueError("no whole number")
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise ValueError(f"does not fit {bits} bits")
    return int(number)


def _decimal(digits: int, scale: int, value: Any) -> Decimal:
    number = _number(value)
    if number and (number.adjusted() >= digits - scale or not _has_scale(number, scale)):
        raise ValueError(f"does not fit DECIMAL({digits},{scale}) exactly")
    return number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)


def _has_scale(number: Decimal, scale: int) -> bool:
    exponent = number.normalize(_EXACT).as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= scale


def _number(value: Any) -> Decimal:
    """Also from text, which some senders use for what a double does not hold."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("no number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("no number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation as error:
        raise ValueError("no number") from error
    if not number.is_finite() or len(number.as_tuple().digits) > 60:
        raise ValueError("no number with at most 60 digits")
    return number


def _double(value: Any) -> float:
    number = float(_number(value))
    if not math.isfinite(number):
        raise ValueError("larger than a double")
    return number


def _date(value: Any) -> date:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("no date such as 2026-11-23")
    return date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    read = _datetime(value)
    if read.tzinfo is None:
        raise ValueError("an instant without its offset from UTC")
    try:
        return read.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not between the years 1 and 9999") from error


def _local(value: Any) -> datetime:
    read = _datetime(value)
    if read.tzinfo is not None:
        raise ValueError("a local time with an offset from UTC")
    return read


def _datetime(value: Any) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("no time such as 2026-11-23T08:30:00Z")
    return datetime.fromisoformat(value.upper())
