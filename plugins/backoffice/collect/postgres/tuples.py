"""The tuples of many changes at once, column by column.

Value by value, Python reads a quarter of a million changes of sixteen columns a second, and then has them as objects
that have to become columns again. Here the bytes of all changes lie in one buffer, and each step works on one column of
all of them: find where its values begin and end, let Arrow gather what lies between.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backoffice.collect.postgres.pgoutput import NOT_SENT, NULL, OPS, TEXT, TUPLE_AT, not_text
from backoffice.errors import CollectError

_COUNT_BYTES: Final = 2
_LENGTH_BYTES: Final = 4
_PADDING: Final = bytes(8)  # a length is read after every value's kind, also where a null ends the buffer
_DELETE: Final = ord("D")

_Positions = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TupleColumns:
    """Columns of N changes.

    ``ops`` has c, u or d of each; ``texts`` holds for every column N values in PostgreSQL's text form, null also where
    the value was not sent; ``not_sent`` tells which these are, for columns that have some.
    """

    ops: pa.StringArray
    texts: list[pa.StringArray]
    not_sent: dict[int, _Mask]


def read_tuples(payloads: Sequence[bytes], columns: int, key: Collection[int]) -> TupleColumns:
    """Read changes that carry one tuple each (:attr:`Change.is_single`).

    Args:
        payloads: the messages, at least one.
        columns: how many values each tuple has.
        key: positions of the key's columns; of a deleted row nothing else is kept.

    Raises:
        CollectError: a tuple has another number of values, or one is not in text form.
    """
    data = b"".join((*payloads, _PADDING))
    octets = np.frombuffer(data, np.uint8)
    sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
    starts = np.cumsum(sizes) - sizes
    kinds = octets[starts]
    at = _first_values(data, starts, columns)
    texts, not_sent = [], {}
    for position in range(columns):
        kind, begin, end = _extent(data, octets, at)
        kept = (kind == TEXT) if position in key else (kind == TEXT) & (kinds != _DELETE)
        texts.append(_gather(data, begin, end, kept))
        if (unsent := kind == NOT_SENT).any():
            not_sent[position] = unsent
        at = end
    return TupleColumns(_ops(kinds), texts, not_sent)


def _first_values(data: bytes, starts: _Positions, columns: int) -> _Positions:
    counts = _numbers(data, ">u2")[starts + TUPLE_AT]
    if (counts != columns).any():
        odd = counts[counts != columns][0]
        raise CollectError(f"a tuple of {odd} values in the stream, where its table has {columns} columns")
    return starts + (TUPLE_AT + _COUNT_BYTES)


def _extent(
    data: bytes, octets: npt.NDArray[np.uint8], at: _Positions
) -> tuple[npt.NDArray[np.uint8], _Positions, _Positions]:
    """Kind, begin and end of the values whose kinds stand at these positions."""
    kind = octets[at]
    is_text = kind == TEXT
    if not is_text.all() and len(odd := kind[~is_text & (kind != NULL) & (kind != NOT_SENT)]):
        raise not_text(int(odd[0]))
    begin = at + 1 + _LENGTH_BYTES * is_text
    return kind, begin, begin + _numbers(data, ">i4")[at + 1] * is_text


def _numbers(data: bytes, type_: str) -> npt.NDArray[Any]:
    """Big-endian numbers, one beginning at every byte."""
    width = np.dtype(type_).itemsize
    return np.ndarray(len(data) - width + 1, type_, data, strides=(1,))


def _gather(data: bytes, begin: _Positions, end: _Positions, kept: _Mask) -> pa.StringArray:
    """The texts between these positions, null where not kept.

    Values and what lies between them are together one Arrow array over the whole buffer; every second one is taken.
    """
    rows = len(begin)
    offsets = np.empty(2 * rows, np.int32)  # two transactions of 64 MB and one message of 1 GB at most
    offsets[0::2], offsets[1::2] = begin, end
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    pieces = pa.Array.from_buffers(pa.binary(), 2 * rows - 1, buffers)
    wanted = np.arange(0, 2 * rows, 2)
    return pieces.take(pa.array(wanted, mask=None if kept.all() else ~kept)).cast(pa.string())


def _ops(kinds: npt.NDArray[np.uint8]) -> pa.StringArray:
    indices = np.zeros(len(kinds), np.int8)
    for index, kind in enumerate(OPS):
        indices[kinds == kind] = index
    return pa.array(list(OPS.values())).take(pa.array(indices))
