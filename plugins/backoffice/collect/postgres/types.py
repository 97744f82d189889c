"""PostgreSQL types and the columns they land in.

====================================  =======================================================================
PostgreSQL                            landed as
====================================  =======================================================================
boolean, integers, oid                BOOLEAN, SMALLINT, INTEGER, BIGINT
real, double precision                FLOAT, DOUBLE; NaN and the infinities are values of these types
numeric(p,s), p ≤ 38                  DECIMAL(p,s)
numeric                               the DECIMAL(p,s) or VARCHAR the source's file declares, else DECIMAL(38,9)
date, time, timestamp, timestamptz    DATE, TIME, TIMESTAMP, TIMESTAMPTZ (UTC)
uuid, bytea                           UUID, BLOB
text, varchar, char(n)                VARCHAR; char(n) without its padding, as PostgreSQL's own cast to text
everything else                       VARCHAR with PostgreSQL's text: json, enums, arrays, ranges, intervals, …
====================================  =======================================================================

A domain lands as the type below it. A value its column cannot hold exactly becomes NULL with a ``_defect``, never
rounded and never a float: NaN in a numeric, more digits than fit, an infinite date or timestamp, a year outside 1–9999
(Python, Spark and spreadsheets have none) and 24:00:00.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

import pyarrow as pa

MAX_PRECISION = 38
_UNBOUNDED = (MAX_PRECISION, 9)
_DECLARED_DECIMAL = re.compile(r"\s*(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*", re.IGNORECASE)
_DECLARED_TEXT = ("VARCHAR", "TEXT", "STRING")


class Kind(enum.Enum):
    """How a type's text is read."""

    BOOLEAN = enum.auto()
    NUMBER = enum.auto()
    DECIMAL = enum.auto()
    DATE = enum.auto()
    TIME = enum.auto()
    INSTANT = enum.auto()
    UUID = enum.auto()
    BYTES = enum.auto()
    TEXT = enum.auto()
    PADDED = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class ColumnType:
    """Where a column's values go: ``duckdb`` and ``arrow`` name one type, ``postgres`` what a query casts to.

    ``narrower``: the source's type admits numbers with more digits than this one.
    """

    kind: Kind
    duckdb: str
    arrow: pa.DataType
    postgres: str
    narrower: bool = False


_DATE, _TIMESTAMP, _TIMESTAMPTZ = pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")
_NUMERIC_OID = 1700
_FIRST_USER_OID = 16384
OTHER = ColumnType(Kind.OTHER, "VARCHAR", pa.string(), "text")
_TEXT = ColumnType(Kind.TEXT, "VARCHAR", pa.string(), "text")

_BUILT_IN: dict[int, ColumnType] = {
    16: ColumnType(Kind.BOOLEAN, "BOOLEAN", pa.bool_(), "boolean"),
    17: ColumnType(Kind.BYTES, "BLOB", pa.binary(), "bytea"),
    20: ColumnType(Kind.NUMBER, "BIGINT", pa.int64(), "bigint"),
    21: ColumnType(Kind.NUMBER, "SMALLINT", pa.int16(), "smallint"),
    23: ColumnType(Kind.NUMBER, "INTEGER", pa.int32(), "integer"),
    25: _TEXT,
    26: ColumnType(Kind.NUMBER, "BIGINT", pa.int64(), "bigint"),  # oid
    700: ColumnType(Kind.NUMBER, "FLOAT", pa.float32(), "real"),
    701: ColumnType(Kind.NUMBER, "DOUBLE", pa.float64(), "double precision"),
    1042: ColumnType(Kind.PADDED, "VARCHAR", pa.string(), "bpchar"),
    1043: _TEXT,
    1082: ColumnType(Kind.DATE, "DATE", _DATE, "date"),
    1083: ColumnType(Kind.TIME, "TIME", pa.time64("us"), "time"),
    1114: ColumnType(Kind.INSTANT, "TIMESTAMP", _TIMESTAMP, "timestamp"),
    1184: ColumnType(Kind.INSTANT, "TIMESTAMPTZ", _TIMESTAMPTZ, "timestamptz"),
    2950: ColumnType(Kind.UUID, "UUID", pa.uuid(), "uuid"),
}


def column_type(oid: int, modifier: int = -1, declared: str = "") -> ColumnType | None:
    """Type a column lands in; None when the catalogue must be asked (a domain, an enum, an extension's type).

    Args:
        oid: the type's number in pg_type.
        modifier: pg_attribute.atttypmod; -1 for none.
        declared: the column's DuckDB type in the source's file, which decides for a numeric without precision.
    """
    if oid == _NUMERIC_OID:
        return _numeric(modifier, declared)
    if oid in _BUILT_IN:
        return _BUILT_IN[oid]
    return OTHER if oid < _FIRST_USER_OID else None


def decimal_type(precision: int, scale: int, *, narrower: bool = False) -> ColumnType:
    """DECIMAL(precision, scale); precision at most 38."""
    return ColumnType(
        Kind.DECIMAL,
        f"DECIMAL({precision},{scale})",
        pa.decimal128(precision, scale),
        f"numeric({precision},{scale})",
        narrower,
    )


def _numeric(modifier: int, declared: str) -> ColumnType:
    if modifier < 0:
        return _unbounded(declared)
    precision = (modifier - 4) >> 16
    scale = (((modifier - 4) & 0x7FF) ^ 0x400) - 0x400  # signed, 11 bits: PostgreSQL 15 allows numeric(3,-2)
    if scale > MAX_PRECISION:
        return OTHER
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return decimal_type(min(precision, MAX_PRECISION), scale, narrower=precision > MAX_PRECISION)


def _unbounded(declared: str) -> ColumnType:
    if declared.strip().upper() in _DECLARED_TEXT:
        return OTHER
    found = _DECLARED_DECIMAL.fullmatch(declared)
    if not found:
        return decimal_type(*_UNBOUNDED, narrower=True)
    return decimal_type(min(int(found[1]), MAX_PRECISION), int(found[2] or 0), narrower=True)
