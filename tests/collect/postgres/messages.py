"""Messages of pgoutput written by hand, from the protocol's documentation."""

from __future__ import annotations

import struct

from backoffice.collect.postgres.pgoutput import UNCHANGED


def cell(value: object) -> bytes:
    if value is None:
        return b"n"
    if value is UNCHANGED:
        return b"u"
    text = str(value).encode()
    return b"t" + struct.pack(">I", len(text)) + text


def cells(*values: object) -> bytes:
    return struct.pack(">H", len(values)) + b"".join(cell(value) for value in values)


def message(kind: str, *values: object) -> bytes:
    """A change of relation 7 with one tuple: I, U or D."""
    return kind.encode() + struct.pack(">I", 7) + (b"K" if kind == "D" else b"N") + cells(*values)
