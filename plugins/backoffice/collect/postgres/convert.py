"""From PostgreSQL's text to the values a column holds, whole columns at a time.

Arrow's parsers decide what fits: they take years 0001–9999 only, refuse infinities and 24:00:00, and never round a
decimal. Where a column has a value they refuse, it is halved until that value is alone, so good columns stay fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from backoffice.collect.postgres.types import ColumnType, Kind

_Parser = Callable[[pa.Array, pa.DataType], pa.Array]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value its column cannot hold: row counted from 0, the text as PostgreSQL wrote it."""

    row: int
    value: str


def to_column(texts: pa.Array, type_: ColumnType) -> tuple[pa.Array, list[Misfit]]:
    """Values of a column and those that do not fit, which are null in it."""
    return _parse(texts, type_.arrow, _PARSERS[type_.kind], 0)


def _parse(texts: pa.Array, arrow: pa.DataType, parser: _Parser, first: int) -> tuple[pa.Array, list[Misfit]]:
    try:
        return parser(texts, arrow), []
    except (pa.ArrowInvalid, ValueError):
        if len(texts) == 1:
            return pa.nulls(1, arrow), [Misfit(first, texts[0].as_py())]
    middle = len(texts) // 2
    left, left_misfits = _parse(texts.slice(0, middle), arrow, parser, first)
    right, right_misfits = _parse(texts.slice(middle), arrow, parser, first + middle)
    return pa.concat_arrays([left, right]), left_misfits + right_misfits


def _same(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    return texts


def _cast(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    return texts.cast(arrow)


def _boolean(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    return pc.equal(texts, "t")


def _time(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    instants = pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp("us"))
    return instants.cast(arrow)


def _padded(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    return pc.utf8_rtrim(texts, characters=" ")


def _bytes(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    return pa.array([None if text is None else bytes.fromhex(text[2:]) for text in texts.to_pylist()], arrow)


def _uuid(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    values = [None if text is None else bytes.fromhex(text.replace("-", "")) for text in texts.to_pylist()]
    return pa.ExtensionArray.from_storage(arrow, pa.array(values, arrow.storage_type))


_PARSERS: dict[Kind, _Parser] = {
    Kind.BOOLEAN: _boolean,
    Kind.NUMBER: _cast,
    Kind.DECIMAL: _cast,
    Kind.DATE: _cast,
    Kind.TIME: _time,
    Kind.INSTANT: _cast,
    Kind.UUID: _uuid,
    Kind.BYTES: _bytes,
    Kind.TEXT: _same,
    Kind.PADDED: _padded,
    Kind.OTHER: _same,
}
